# SPDX-License-Identifier: Apache-2.0
# Makes a C file of a text file:
#   cmake -DIN=FILE -DOUT=FILE.c -DNAME=symbol [-DHEADER=declares/it.h] -P EmbedText.cmake
# Bytes, not a string literal: C promises no more than 4095 characters of those.
if(NOT HEADER)
  set(HEADER fleet/machine/machine_files.h)
endif()
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "/* Made of ${NAME} by cmake/EmbedText.cmake. */
#include \"${HEADER}\"

const char ${NAME}[] = {
${bytes}
0x00 };
")
