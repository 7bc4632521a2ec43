# SPDX-License-Identifier: Apache-2.0
# spec/gpus.tsv into C: cmake -DIN=gpus.tsv -DOUT=spec_table.c -P spec.cmake
cmake_minimum_required(VERSION 3.25)
file(STRINGS "${IN}" lines)
set(rows "")
set(names id alias name cc sms memory_gb memory_kind bus_bits gbs fp32_tflops boost_mhz pcie_gen
  pcie_width expect_read expect_write expect_copy expect_fp32 rating source)
set(texts id alias name memory_kind rating source)
foreach(line IN LISTS lines)
  if(line MATCHES "^#" OR line STREQUAL "")
    continue()
  endif()
  string(REPLACE ";" "," line "${line}")
  string(REPLACE "\t" ";" fields "${line}")
  list(LENGTH fields count)
  if(NOT count EQUAL 19)
    message(FATAL_ERROR "${IN}: ${count} columns instead of 19: ${line}")
  endif()
  set(row "")
  foreach(name field IN ZIP_LISTS names fields)
    if(name IN_LIST texts)
      if(field MATCHES "[\"\\\\]")
        message(FATAL_ERROR "${IN}: a quote in ${name}: ${line}")
      endif()
      set(field "\"${field}\"")
    elseif(NOT field MATCHES "^[0-9]+(\\.[0-9]+)?$")
      message(FATAL_ERROR "${IN}: ${name} is no number: ${line}")
    endif()
    string(APPEND row ".${name} = ${field}, ")
  endforeach()
  string(APPEND rows "\t{ ${row}},\n")
endforeach()
file(WRITE "${OUT}" "/* made from spec/gpus.tsv by spec.cmake */
#include \"gpu-selftest/src/spec.h\"

const struct spec spec_table[] = {
${rows}};
const size_t spec_count = sizeof(spec_table) / sizeof(*spec_table);
")
