// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan.hpp"
#include "ipvs/kernel.hpp"

#include <balance/error.hpp>

#include <set>
#include <string>
#include <vector>

namespace balance::ipvs {

/// Makes the kernel's table what is desired, and remembers what is ours.
class reconciler {
public:
    struct outcome {
        std::vector<change> done;
        std::vector<refusal> failed;        ///< services that the kernel did not take, at most once each
        std::vector<service_key> strangers; ///< services of others, each said once in this object's life
        bool removals = false;              ///< there is something for `remove` to do
    };

    /// Adds and alters; what must go stays until `remove`, so that rules can be changed in between. Reads the table,
    /// sends what differs in one batch, and does so once more when something failed: the table may have changed
    /// meanwhile. Errors: those of `kernel`.
    result<outcome> build(kernel& k, desired_table const& desired);

    /// Takes away what is ours and not desired.
    result<outcome> remove(kernel& k, desired_table const& desired);

private:
    result<outcome> run(kernel& k, desired_table const& desired, std::vector<change> changes::*part);

    known_services known_;
    std::set<service_key> said_;
};

} // namespace balance::ipvs
