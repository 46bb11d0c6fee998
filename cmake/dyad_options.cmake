# SPDX-License-Identifier: Apache-2.0
# How every target is compiled. `dyad_options` is linked privately, so that none of this reaches whoever uses the libraries.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(DYAD_WERROR "Treat warnings as errors" OFF)
option(DYAD_HARDEN "Fortify, stack protector, relro" OFF)
set(DYAD_SANITIZE "" CACHE STRING "address, thread, fuzzer, coverage or nothing")

find_program(DYAD_CCACHE ccache)
if(DYAD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 ${DYAD_CCACHE})
endif()

add_library(dyad_options INTERFACE)
target_compile_options(
  dyad_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
            -Woverloaded-virtual -Wimplicit-fallthrough -Wformat=2)
if(DYAD_WERROR)
  target_compile_options(dyad_options INTERFACE -Werror)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  # -g1 keeps line numbers for backtraces; full debug information triples the link time of the sanitizer builds.
  set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")
endif()
if(DYAD_HARDEN)
  target_compile_options(dyad_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -D_GLIBCXX_ASSERTIONS)
  target_link_options(dyad_options INTERFACE -Wl,-z,relro,-z,now)
endif()
if(DYAD_SANITIZE STREQUAL "address")
  target_compile_options(dyad_options INTERFACE -fsanitize=address,bounds,shift,signed-integer-overflow -fno-sanitize-recover=all
                                                -fno-omit-frame-pointer)
  target_link_options(dyad_options INTERFACE -fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(dyad_options INTERFACE --param=asan-instrumentation-with-call-threshold=0) # checks as calls: less to compile
  endif()
elseif(DYAD_SANITIZE STREQUAL "thread")
  target_compile_options(dyad_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(dyad_options INTERFACE -fsanitize=thread)
elseif(DYAD_SANITIZE STREQUAL "fuzzer")
  # Everything tells a libFuzzer program (tests/fuzz) which way it went; clang only.
  target_compile_options(dyad_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr,function
                                                -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(dyad_options INTERFACE -fsanitize=address,undefined)
elseif(DYAD_SANITIZE STREQUAL "coverage")
  target_compile_options(dyad_options INTERFACE --coverage)
  target_link_options(dyad_options INTERFACE --coverage)
endif()

# Asio and Beast compiled once (cmake/asio.cpp) instead of in every file: halves the build. Internal; the macros must never be exported.
add_library(dyad_asio OBJECT ${CMAKE_CURRENT_LIST_DIR}/asio.cpp)
target_compile_definitions(dyad_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT=1)
target_include_directories(dyad_asio SYSTEM PUBLIC ${Boost_INCLUDE_DIRS})
target_link_libraries(dyad_asio PUBLIC OpenSSL::SSL)
# Boost.JSON compiled once (cmake/json.cpp); link it wherever <boost/json.hpp> is included.
add_library(dyad_json OBJECT ${CMAKE_CURRENT_LIST_DIR}/json.cpp)
target_include_directories(dyad_json SYSTEM PUBLIC ${Boost_INCLUDE_DIRS})
if(DYAD_SANITIZE STREQUAL "thread")
  # ThreadSanitizer does not understand fences (g++ warns of them); Asio's scheduler synchronises with mutexes as well.
  target_compile_definitions(dyad_asio PUBLIC BOOST_ASIO_DISABLE_FENCED_BLOCK)
  target_compile_options(dyad_asio PRIVATE -fsanitize=thread)
endif()
