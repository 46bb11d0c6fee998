// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <string>
#include <string_view>

namespace balance::probe {

/// LDAP (RFC 4511): a simple bind, anonymous without an account, and a search for one entry, the query's DN; the root
/// DSE without one.
class ldap_dialogue final : public asking {
public:
    explicit ldap_dialogue(health_check const& c);

protected:
    std::size_t take(std::string_view unread) override;

private:
    void take_message(std::string_view content);
    void bound(std::string_view content);
    void searched(std::string_view content);
    void take_entry(std::string_view content);
    /// Down unless it is a success.
    bool judge_result(std::string_view content);

    std::string base_;
    std::string entry_; ///< its attributes as lines
    bool found_ = false;
    bool is_bound_ = false;
};

} // namespace balance::probe
