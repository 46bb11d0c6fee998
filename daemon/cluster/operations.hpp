// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/message.hpp"
#include "cluster/core.hpp"

namespace dyad {

/// The control API's requests as calls of the core; docs/ARCHITECTURE.md lists them. The core must outlive the handler.
api::handler operations(core& c, boost::asio::any_io_executor executor);

} // namespace dyad
