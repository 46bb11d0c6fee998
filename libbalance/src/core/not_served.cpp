// SPDX-License-Identifier: Apache-2.0
#include <balance/validate.hpp>

namespace balance {

/// All that can be configured is built.
std::string not_served(virtual_service const&) { return {}; }

} // namespace balance
