// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/postgresql_dialogue.hpp"

#include "probe/digest.hpp"
#include "probe/protocols/bytes.hpp"
#include "probe/reason.hpp"

#include <utility>

namespace balance::probe {
namespace {

// https://www.postgresql.org/docs/15/protocol-message-formats.html
constexpr std::uint32_t version_3 = 0x30000, tls_request = 80877103;
constexpr std::uint32_t login_done = 0, login_clear = 3, login_md5 = 5, login_sasl = 10, login_sasl_continue = 11, login_sasl_final = 12;
constexpr std::uint32_t null_value = 0xffffffff;

std::string typed(char type, std::string_view content) {
    return type + be_bytes(content.size() + 4, 4) + std::string(content);
}

/// Severity, state and text: FATAL 28P01 "password authentication failed".
std::string postgresql_error(std::string_view content) {
    std::string severity, state, text;
    byte_reader from(content);
    for (auto field = from.u8(); from.ok() && field != 0; field = from.u8()) {
        auto const value = from.text();
        if (field == 'S')
            severity = value;
        else if (field == 'C')
            state = value;
        else if (field == 'M')
            text = value;
    }
    std::string const head = severity.substr(0, 10) + " " + state.substr(0, 5);
    return excerpt(head + ": " + text, 120);
}

bool offers(std::string_view methods, std::string_view wanted) {
    byte_reader from(methods);
    for (auto method = from.text(); from.ok() && !method.empty(); method = from.text())
        if (method == wanted)
            return true;
    return false;
}

} // namespace

postgresql_dialogue::postgresql_dialogue(health_check const& c, std::string_view nonce)
    : user_(c.user), password_(c.password), database_(c.database.empty() ? c.user : c.database),
      query_(c.query.empty() ? "SELECT 1" : c.query), scram_(c.password, base64(nonce)) {
    if (!c.tls) {
        start();
        return;
    }
    phase_ = phase::before_tls;
    await("answer to the wish for TLS");
    say(be_bytes(8, 4) + be_bytes(tls_request, 4));
}

void postgresql_dialogue::start() {
    phase_ = phase::login;
    await("answer to login");
    std::string const content = be_bytes(version_3, 4) + std::string("user\0", 5) + user_ + '\0' + std::string("database\0", 9) +
                                database_ + '\0' + '\0';
    say(be_bytes(content.size() + 4, 4) + content);
}

std::size_t postgresql_dialogue::take(std::string_view unread) {
    if (phase_ == phase::before_tls)
        return take_tls_answer(unread);
    byte_reader from(unread);
    auto const type = static_cast<char>(from.u8());
    auto const size = from.be32();
    if ((type < 'A' || type > 'z') || (from.ok() && (size < 4 || size > longest_message))) {
        down("the " + std::string(waiting_for()) + " is not PostgreSQL: " + excerpt(unread));
        return unread.size();
    }
    auto const content = from.ok() ? from.take(size - 4) : std::string_view();
    if (!from.ok())
        return 0;
    take_message(type, content);
    return from.at();
}

std::size_t postgresql_dialogue::take_tls_answer(std::string_view unread) {
    if (unread.front() == 'S') {
        phase_ = phase::tls;
        await("TLS handshake");
    } else {
        down(unread.front() == 'N' ? "the server speaks no TLS"
                                   : "the answer to the wish for TLS is not PostgreSQL: " + excerpt(unread));
    }
    return 1;
}

void postgresql_dialogue::take_message(char type, std::string_view content) {
    switch (type) {
    case 'E':
        return down("the " + std::string(waiting_for()) + " is " + postgresql_error(content));
    case 'R':
        return phase_ == phase::login ? prove(content) : down("the answer to the query cannot be read");
    case 'Z':
        return ready();
    case 'D':
        return take_row(content);
    default:
        return; // what the server tells of itself, of columns and of the command
    }
}

void postgresql_dialogue::prove(std::string_view content) {
    byte_reader from(content);
    auto const kind = from.be32();
    if (!from.ok())
        return down("the answer to login cannot be read");
    if (kind == login_done)
        return;
    if (kind != login_sasl_final && password_.empty())
        return down("the server wants a password");
    if (kind == login_clear)
        return say(typed('p', password_ + '\0'), "password (hidden)");
    if (kind == login_md5)
        return say(typed('p', "md5" + hex(md5(hex(md5(password_ + user_)) + std::string(from.take(4)))) + '\0'), "MD5 (hidden)");
    prove_by_scram(kind, from.rest());
}

void postgresql_dialogue::prove_by_scram(std::uint32_t kind, std::string_view content) {
    constexpr std::string_view method = "SCRAM-SHA-256";
    if (kind == login_sasl && offers(content, method)) {
        auto const first = scram_.first();
        return say(typed('p', std::string(method) + '\0' + be_bytes(first.size(), 4) + first), "SCRAM-SHA-256, first message");
    }
    if (kind == login_sasl_continue) {
        auto const proof = scram_.final(content);
        return proof ? say(typed('p', *proof), "SCRAM-SHA-256, proof (hidden)") : down("the server's SCRAM-SHA-256 is not right");
    }
    if (kind != login_sasl_final)
        return down("the server wants a login of kind " + std::to_string(kind) + ", which is not known here");
    if (!scram_.is_proven(content))
        down("the server does not know the password itself");
}

void postgresql_dialogue::ready() {
    if (phase_ == phase::login) {
        phase_ = phase::query;
        await("answer to the query");
        return say(typed('Q', query_ + '\0'));
    }
    if (!any_row_)
        return down("the query gives no rows");
    up("the answer to the query is " + excerpt(rows_), rows_, typed('X', ""));
}

void postgresql_dialogue::take_row(std::string_view content) {
    byte_reader from(content);
    auto const columns = from.be16();
    rows_.append(any_row_ ? "\n" : "");
    any_row_ = true;
    for (unsigned i = 0; i < columns && from.ok(); ++i) {
        auto const size = from.be32();
        rows_.append(i == 0 ? "" : "\t").append(size == null_value ? "NULL" : from.take(size));
    }
    if (!from.ok() || phase_ != phase::query)
        down("the answer to the query cannot be read");
}

} // namespace balance::probe
