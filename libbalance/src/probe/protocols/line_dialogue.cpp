// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/line_dialogue.hpp"

#include "probe/digest.hpp"
#include "probe/reason.hpp"

#include <algorithm>
#include <utility>

namespace balance::probe {
namespace {

constexpr std::size_t longest_line = 8192;

bool is_code(std::string_view text) {
    return text.size() == 3 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view upto_space(std::string_view text) { return text.substr(0, text.find(' ')); }

std::string_view behind_space(std::string_view text) {
    auto const at = text.find(' ');
    return at == text.npos ? std::string_view() : text.substr(at + 1);
}

/// RFC 9051 §9, "quoted".
std::string imap_quoted(std::string_view text) {
    std::string out = "\"";
    for (char const c : text)
        out.append(c == '"' || c == '\\' ? "\\" : "").append(1, c);
    return out + "\"";
}

constexpr std::string_view imap_tag = "d1";

} // namespace

line_dialogue::line_dialogue(std::string_view name, line_grammar grammar, std::vector<line_step> steps,
                             std::string_view goodbye)
    : name_(name), grammar_(grammar), steps_(std::move(steps)), goodbye_(goodbye) {
    begin(0);
}

void line_dialogue::begin(std::size_t step) {
    step_ = step;
    auto const& s = steps_[step];
    await(s.awaited);
    if (!s.say.empty())
        say(s.say + "\r\n", s.shown.empty() ? "" : s.shown + "\r\n");
}

std::size_t line_dialogue::take(std::string_view unread) {
    auto const end = unread.find('\n');
    if (std::min(end, unread.size()) > longest_line) {
        down("the server's line is longer than " + std::to_string(longest_line) + " bytes");
        return 0;
    }
    if (end == unread.npos)
        return 0;
    auto line = unread.substr(0, end);
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    if (auto const r = read(line); r.last)
        judge(r);
    return end + 1;
}

line_dialogue::reply line_dialogue::read(std::string_view line) {
    switch (grammar_) {
    case line_grammar::codes:
        return read_coded(line);
    case line_grammar::status:
        if (auto const word = upto_space(line); word == "+OK" || word == "-ERR")
            return {word, behind_space(line)};
        return {{}, line};
    case line_grammar::tagged:
        break;
    }
    auto const tag = upto_space(line);
    auto const text = behind_space(line);
    auto const word = upto_space(text);
    if (tag == imap_tag || (tag == "*" && (step_ == 0 || word == "BYE")))
        return {word, behind_space(text)};
    if (tag == "*")
        return {.last = false};
    return {{}, line};
}

/// Within an answer of several lines a line may look as it likes, until the code comes again with a space.
line_dialogue::reply line_dialogue::read_coded(std::string_view line) {
    auto const code = line.substr(0, 3);
    bool const ends = is_code(code) && (line.size() == 3 || line[3] == ' ');
    if (!open_code_.empty()) {
        if (!ends || code != open_code_)
            return {.last = false};
        open_code_.clear();
    } else if (is_code(code) && line.size() > 3 && line[3] == '-') {
        open_code_ = code;
        return {.last = false};
    } else if (!ends) {
        return {{}, line};
    }
    return {code, line.substr(std::min<std::size_t>(4, line.size()))};
}

void line_dialogue::judge(reply const& r) {
    auto const& s = steps_[step_];
    if (r.code.empty())
        return down("the " + std::string(s.awaited) + " is not " + std::string(name_) + ": " + excerpt(r.text));
    auto const fits = [&](std::string_view good) { return r.code.starts_with(good); };
    std::string const said = excerpt(r.text.empty() ? r.code : std::string(r.code) + " " + std::string(r.text), 100);
    if (std::none_of(s.good.begin(), s.good.end(), fits))
        return down("the " + std::string(s.awaited) + " is " + said);
    auto const next = step_ + (!s.ends.empty() && r.code == s.ends ? 2 : 1);
    if (next >= steps_.size())
        return up("the " + std::string(s.awaited) + " is " + said, std::nullopt, std::string(goodbye_));
    begin(next);
}

std::unique_ptr<dialogue> make_smtp(health_check const& c) {
    std::vector<line_step> steps{{.awaited = "greeting", .good = {"220"}},
                                 {.awaited = "answer to EHLO", .say = "EHLO dyad", .good = {"250"}}};
    if (!c.user.empty())
        steps.push_back({.awaited = "answer to AUTH",
                         .say = "AUTH PLAIN " + base64(std::string(1, '\0') + c.user + std::string(1, '\0') + c.password),
                         .shown = "AUTH PLAIN (hidden)",
                         .good = {"235"}});
    return std::make_unique<line_dialogue>("SMTP", line_grammar::codes, std::move(steps), "QUIT\r\n");
}

std::unique_ptr<dialogue> make_imap(health_check const& c) {
    std::string const tag = std::string(imap_tag) + " ";
    std::vector<line_step> steps{{.awaited = "greeting", .good = {"OK", "PREAUTH"}}};
    if (c.user.empty())
        steps.push_back({.awaited = "answer to CAPABILITY", .say = tag + "CAPABILITY", .good = {"OK"}});
    else
        steps.push_back({.awaited = "answer to LOGIN",
                         .say = tag + "LOGIN " + imap_quoted(c.user) + " " + imap_quoted(c.password),
                         .shown = tag + "LOGIN " + imap_quoted(c.user) + " (hidden)",
                         .good = {"OK"}});
    return std::make_unique<line_dialogue>("IMAP", line_grammar::tagged, std::move(steps), "d2 LOGOUT\r\n");
}

std::unique_ptr<dialogue> make_pop3(health_check const& c) {
    std::vector<line_step> steps{{.awaited = "greeting", .good = {"+OK"}}};
    if (c.user.empty()) { // RFC 2449 is optional: who does not know CAPA reads commands all the same
        steps.push_back({.awaited = "answer to CAPA", .say = "CAPA", .good = {"+OK", "-ERR"}});
    } else {
        steps.push_back({.awaited = "answer to USER", .say = "USER " + c.user, .good = {"+OK"}});
        steps.push_back(
            {.awaited = "answer to PASS", .say = "PASS " + c.password, .shown = "PASS (hidden)", .good = {"+OK"}});
        steps.push_back({.awaited = "answer to STAT", .say = "STAT", .good = {"+OK"}});
    }
    return std::make_unique<line_dialogue>("POP3", line_grammar::status, std::move(steps), "QUIT\r\n");
}

std::unique_ptr<dialogue> make_ftp(health_check const& c) {
    std::vector<line_step> steps{{.awaited = "greeting", .good = {"220"}}};
    if (c.user.empty()) { // who wants a login first (530), or knows no FEAT (500, 502), reads commands all the same
        steps.push_back({.awaited = "answer to FEAT", .say = "FEAT", .good = {"2", "5"}});
    } else {
        steps.push_back({.awaited = "answer to USER", .say = "USER " + c.user, .good = {"331", "230"}, .ends = "230"});
        steps.push_back({.awaited = "answer to PASS", .say = "PASS " + c.password, .shown = "PASS (hidden)", .good = {"2"}});
        steps.push_back({.awaited = "answer to NOOP", .say = "NOOP", .good = {"200"}});
    }
    return std::make_unique<line_dialogue>("FTP", line_grammar::codes, std::move(steps), "QUIT\r\n");
}

} // namespace balance::probe
