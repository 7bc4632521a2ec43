# SPDX-License-Identifier: Apache-2.0
# Warnings, hardening and sanitizers for every target, as one interface library: gpucloud_flags.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

add_library(gpucloud_flags INTERFACE)
target_compile_definitions(gpucloud_flags INTERFACE _GNU_SOURCE
  GPUCLOUD_VERSION="${PROJECT_VERSION}")
target_include_directories(gpucloud_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(gpucloud_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wundef -Wvla -Wwrite-strings -Wformat=2 -Wcast-qual -Wswitch-enum
  -Wimplicit-fallthrough -fno-common -fno-strict-aliasing
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(GPUCLOUD_WERROR)
  target_compile_options(gpucloud_flags INTERFACE -Werror)
endif()

if(GPUCLOUD_SANITIZE)
  target_compile_options(gpucloud_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(gpucloud_flags INTERFACE -fsanitize=address,undefined)
endif()

# A program for each test: the quicker linker halves that.
if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  check_linker_flag(C -fuse-ld=gold HAVE_GOLD)
  if(HAVE_GOLD)
    target_link_options(gpucloud_flags INTERFACE -fuse-ld=gold)
  endif()
endif()

if(GPUCLOUD_FUZZ)
  target_compile_options(gpucloud_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Hardening of what people run: the OpenSSF guide's list, as far as this compiler knows it.
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
      -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -Wtrampolines)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" var)
    check_c_compiler_flag(${flag} ${var})
    if(${var})
      target_compile_options(gpucloud_flags INTERFACE ${flag})
    endif()
  endforeach()
  target_compile_options(gpucloud_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fPIE)
  target_link_options(gpucloud_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack
    -Wl,--as-needed)
endif()

# gpucloud_library(NAME SOURCES... LINK libs...): a static library under the project's flags.
function(gpucloud_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC gpucloud_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE})
endfunction()
