# SPDX-License-Identifier: Apache-2.0
# Precompiled headers for the builds that ./check and ./demo make from nothing. Off in dev, so that a source which leaves
# out an include it needs does not get past its author.
option(DYAD_PCH "Precompile the headers that take longest to read" OFF)
if(DYAD_PCH)
  target_compile_options(dyad_options INTERFACE -pthread) # some libraries ask for it, and then all must have it
  if(DYAD_CCACHE)
    target_compile_options(dyad_options INTERFACE -fpch-preprocess)
  endif()
endif()

# dyad_pch(TARGET KIND): KIND is asio (a room), daemon (a room that logs too), test (a test program with Asio) or
# plain_test. One precompilation of each kind serves all of it; programs and rooms differ in -fPIE and -fPIC.
function(dyad_pch target kind)
  if(NOT DYAD_PCH)
    return()
  endif()
  set(provider dyad_pch_${kind})
  if(NOT TARGET ${provider})
    set(source ${CMAKE_BINARY_DIR}/pch/${kind}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "")
    if(kind STREQUAL "asio" OR kind STREQUAL "daemon")
      add_library(${provider} OBJECT ${source})
    else()
      add_executable(${provider} ${source})
      target_link_libraries(${provider} PRIVATE dyad_test_main Threads::Threads)
    endif()
    if(kind STREQUAL "daemon")
      target_link_libraries(${provider} PRIVATE spdlog::spdlog)
    endif()
    target_link_libraries(${provider} PRIVATE dyad_options)
    target_include_directories(${provider} SYSTEM PRIVATE ${Boost_INCLUDE_DIRS})
    if(NOT kind STREQUAL "plain_test")
      target_link_libraries(${provider} PRIVATE dyad_asio)
    endif()
    target_precompile_headers(${provider} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch/${kind}.hpp)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${provider})
endfunction()
