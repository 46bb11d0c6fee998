// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <string>
#include <vector>

namespace test {

/// Endpoints on 127.0.0.1 that were free a moment ago.
std::vector<balance::endpoint> free_endpoints(std::size_t n);

/// What a client gets that connects and reads to the end; empty when nobody serves it within 5 s.
std::string ask(balance::endpoint const& where, std::string const& request = {});

} // namespace test
