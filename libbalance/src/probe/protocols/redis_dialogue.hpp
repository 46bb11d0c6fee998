// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// Redis and what speaks like it (RESP 2): AUTH with an account or a password, then PING, or the query.
class redis_dialogue final : public asking {
public:
    explicit redis_dialogue(health_check const& c);

protected:
    std::size_t take(std::string_view unread) override;

private:
    void ask();

    std::string query_;
    bool asked_ = false; ///< the query; before that: to be let in
};

} // namespace balance::probe
