# SPDX-License-Identifier: Apache-2.0
# A project of somebody else's, on an installed Dyad.
cmake_minimum_required(VERSION 3.25)
project(embedder LANGUAGES CXX)
find_package(dyad REQUIRED)
add_executable(balance_embedder balance.cpp)
target_link_libraries(balance_embedder PRIVATE dyad::balance)
add_executable(cluster_embedder cluster.cpp)
target_link_libraries(cluster_embedder PRIVATE dyad::cluster)
