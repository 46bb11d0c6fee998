# SPDX-License-Identifier: Apache-2.0
# Where a tree is built from nothing: a folder's sources a few at a time as one, which reads headers and instantiates
# templates once for all of them. Off in dev, so that a source that needs what another includes does not get past its author.
# Names in the unnamed namespaces of one folder must differ.
option(DYAD_UNITY "Compile a folder's sources a few at a time" OFF)
if(DYAD_UNITY)
  target_compile_options(dyad_options INTERFACE -Wno-shadow) # meant for names of one file
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(dyad_options INTERFACE -Wno-subobject-linkage) # meant for headers, which these are not
    # The compiler tidies up its memory when it has used half a gigabyte, not a few megabytes.
    target_compile_options(dyad_options INTERFACE --param=ggc-min-expand=1000 --param=ggc-min-heapsize=500000)
  endif()
endif()

function(dyad_unity target)
  if(DYAD_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()
