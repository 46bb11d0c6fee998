// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_table.hpp"
#include "ipvs/attributes.hpp"

#include <balance/error.hpp>

#include <span>
#include <vector>

namespace balance::ipvs {

/// The IPVS table of one network namespace, to be read and written.
class kernel {
public:
    kernel() = default;
    kernel(kernel const&) = delete;
    kernel& operator=(kernel const&) = delete;
    virtual ~kernel() = default;

    /// Everything in the table. Errors: `not_permitted`, `protocol_error`, `timed_out`, `io_error`.
    virtual result<std::vector<service_state>> dump() = 0;
    /// The same at less cost: counters may be missing.
    virtual result<std::vector<service_state>> look() { return dump(); }

    /// Carries out the messages in order; one that fails does not stop those after it. For each the kernel's errno, 0
    /// for done. Errors: `not_permitted`, `timed_out`, `io_error`; then some may have been carried out.
    virtual result<std::vector<int>> write(std::span<bytes const> messages) = 0;
};

} // namespace balance::ipvs
