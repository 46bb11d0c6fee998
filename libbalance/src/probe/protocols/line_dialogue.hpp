// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace balance::probe {

/// One exchange of a protocol made of lines: what is said, and which answers let it go on.
struct line_step {
    std::string_view awaited;   ///< "greeting", "answer to EHLO"
    std::string say{};          ///< without the line's end; empty: the server speaks first
    std::string shown{};        ///< without secrets; empty: as it is
    std::vector<std::string_view> good{}; ///< beginnings of codes
    std::string_view ends{};    ///< a code that makes the following step needless
};

/// How such a protocol writes answers.
enum class line_grammar : std::uint8_t {
    codes,  ///< "250-…", "250 …" (RFC 5321 §4.2, RFC 959 §4.2)
    status, ///< "+OK …", "-ERR …" (RFC 1939 §3)
    tagged  ///< "* …", "d1 OK …" (RFC 9051 §2.2)
};

/// SMTP, FTP, POP3 and IMAP: greetings, commands and answers in lines.
class line_dialogue final : public asking {
public:
    /// `name`: of the protocol, as its operator calls it. At least one step.
    line_dialogue(std::string_view name, line_grammar grammar, std::vector<line_step> steps, std::string_view goodbye);

protected:
    std::size_t take(std::string_view unread) override;

private:
    struct reply {
        std::string_view code{}; ///< empty: no answer of this protocol
        std::string_view text{};
        bool last = true; ///< of its answer
    };

    [[nodiscard]] reply read(std::string_view line);
    [[nodiscard]] reply read_coded(std::string_view line);
    void judge(reply const& r);
    void begin(std::size_t step);

    std::string_view name_;
    line_grammar grammar_;
    std::vector<line_step> steps_;
    std::string_view goodbye_;
    std::size_t step_ = 0;
    std::string open_code_; ///< of an answer of several lines
};

/// EHLO; with an account AUTH PLAIN (RFC 4954, RFC 4616).
[[nodiscard]] std::unique_ptr<dialogue> make_smtp(health_check const& c);
/// CAPABILITY; with an account LOGIN.
[[nodiscard]] std::unique_ptr<dialogue> make_imap(health_check const& c);
/// CAPA; with an account USER, PASS and STAT.
[[nodiscard]] std::unique_ptr<dialogue> make_pop3(health_check const& c);
/// FEAT; with an account USER, PASS and NOOP.
[[nodiscard]] std::unique_ptr<dialogue> make_ftp(health_check const& c);

} // namespace balance::probe
