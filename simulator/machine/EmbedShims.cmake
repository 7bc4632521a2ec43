# SPDX-License-Identifier: Apache-2.0
# Makes a C file of the shims: cmake -DFOLDER=shims -DNAMES=a,b -DOUT=FILE.c -P EmbedShims.cmake
# Bytes, not string literals: C promises no more than 4095 characters of those.
set(text "/* Made by EmbedShims.cmake. */\n#include \"simulator/machine/shims.h\"\n")
string(REPLACE "," ";" names "${NAMES}")
foreach(name ${names})
  file(READ "${FOLDER}/${name}" hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "\\.sh$" "" symbol "${name}")
  string(REPLACE "-" "_" symbol "${symbol}")
  string(APPEND text "\nconst char shim_${symbol}[] = {\n${bytes}\n0x00 };\n")
endforeach()
file(WRITE "${OUT}" "${text}")
