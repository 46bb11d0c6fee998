# SPDX-License-Identifier: Apache-2.0
# What others build against: libbalance.so and libcluster.so made of the rooms' objects, headers, a CMake package and
# pkg-config files; and the programs.
include(CMakePackageConfigHelpers)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2) # a room's own is not seen from here

function(dyad_library name)
  cmake_parse_arguments(lib "" "DESCRIPTION" "ROOMS;PUBLIC;PRIVATE" ${ARGN})
  set(objects)
  foreach(room ${lib_ROOMS} dyad_asio)
    list(APPEND objects $<TARGET_OBJECTS:${room}>)
  endforeach()
  add_library(${name} SHARED ${objects})
  add_library(dyad::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/lib${name}/include> $<INSTALL_INTERFACE:include>)
  target_link_libraries(${name} PUBLIC Boost::headers ${lib_PUBLIC} PRIVATE ${lib_PRIVATE} $<BUILD_INTERFACE:dyad_options> Threads::Threads)
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  install(TARGETS ${name} EXPORT dyad_targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/lib${name}/include/ TYPE INCLUDE FILES_MATCHING PATTERN *.hpp)
  set(pc_description ${lib_DESCRIPTION})
  set(pc_requires ${lib_PUBLIC})
  configure_file(${CMAKE_SOURCE_DIR}/cmake/library.pc.in ${CMAKE_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

dyad_library(
  balance
  DESCRIPTION "load balancing: IPVS, health checks, layer-7 relay"
  ROOMS balance_core balance_firewall balance_ipvs balance_conntrack balance_probe balance_proxy balance_facade dyad_json
  PRIVATE PkgConfig::libnl PkgConfig::re2 OpenSSL::SSL)
dyad_library(
  cluster
  DESCRIPTION "two nodes as one: heartbeats, floating addresses, replication"
  ROOMS cluster_failover cluster_wire cluster_replicate cluster_net cluster_facade
  PUBLIC balance
  PRIVATE PkgConfig::libnl OpenSSL::SSL)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/dyad)
install(EXPORT dyad_targets NAMESPACE dyad:: FILE dyad-targets.cmake DESTINATION ${package})
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/dyad-config.cmake.in ${CMAKE_BINARY_DIR}/dyad-config.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/dyad-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/dyad-config.cmake ${CMAKE_BINARY_DIR}/dyad-config-version.cmake DESTINATION ${package})

if(DYAD_BUILD_DAEMON)
  install(TARGETS dyadd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT daemon)
  install(TARGETS dyad RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT daemon)
  install(FILES ${CMAKE_SOURCE_DIR}/conf/dyadd.service DESTINATION lib/systemd/system COMPONENT daemon)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/conf/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT daemon
          FILES_MATCHING PATTERN *.toml)
endif()
