# SPDX-License-Identifier: Apache-2.0
# Text into C, without any tool but cmake:
#   cmake -DIN=base.ptx -DOUT=base_ptx.c -DNAME=base_ptx -P embed.cmake
# The indentation of lines is left out, and empty lines are.
cmake_minimum_required(VERSION 3.25)
file(READ "${IN}" text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REGEX REPLACE "\n[ \t]+" "\n" text "${text}")
string(REGEX REPLACE "\n\n+" "\n" text "${text}")
string(REGEX REPLACE "\n$" "" text "${text}")
string(REPLACE "\n" "\\n\"\n\t\"" text "${text}")
file(WRITE "${OUT}" "/* made from ${NAME} by embed.cmake */
extern const char ${NAME}[];
const char ${NAME}[] =
\t\"${text}\\n\";
")
