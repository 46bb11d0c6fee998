// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/mysql_dialogue.hpp"

#include "probe/digest.hpp"
#include "probe/protocols/bytes.hpp"
#include "probe/reason.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace balance::probe {
namespace {

// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
constexpr std::uint32_t long_password = 0x1, with_database = 0x8, protocol_41 = 0x200, in_tls = 0x800, secure_connection = 0x8000,
                        named_method = 0x80000;
constexpr char answer_ok = '\x00', answer_more = '\x01', answer_error = '\xff', answer_end = '\xfe', local_file = '\xfb';
constexpr std::string_view native_method = "mysql_native_password", sha2_method = "caching_sha2_password",
                           clear_method = "mysql_clear_password";
constexpr std::size_t challenge_size = 20;
constexpr std::uint64_t most_columns = 4096;

/// A number with a length of its own; nothing for NULL (0xfb).
std::optional<std::uint64_t> read_packed(byte_reader& from) {
    auto const first = from.u8();
    switch (first) {
    case 0xfb:
        return std::nullopt;
    case 0xfc:
        return from.least_first(2);
    case 0xfd:
        return from.least_first(3);
    case 0xfe:
        return from.least_first(8);
    default:
        return first;
    }
}

std::string mysql_error(std::string_view packet) {
    byte_reader from(packet.substr(1));
    auto const code = from.le16();
    auto text = from.rest();
    if (text.starts_with('#')) // a state of five characters
        text.remove_prefix(std::min<std::size_t>(6, text.size()));
    return "error " + std::to_string(code) + ": " + excerpt(text, 100);
}

bool is_end(std::string_view packet) { return packet.front() == answer_end && packet.size() < 9; }

} // namespace

mysql_dialogue::mysql_dialogue(health_check const& c)
    : user_(c.user), password_(c.password), database_(c.database), query_(c.query.empty() ? "SELECT 1" : c.query), tls_(c.tls) {
    await("greeting");
}

void mysql_dialogue::send(std::string_view packet, std::string shown) {
    say(le_bytes(packet.size(), 3) + be_bytes(number_++, 1) + std::string(packet), std::move(shown));
}

std::size_t mysql_dialogue::take(std::string_view unread) {
    byte_reader from(unread);
    auto const size = from.least_first(3);
    auto const number = from.u8();
    if (!from.ok())
        return 0;
    if (size == 0 || size > longest_message) {
        down("the " + std::string(waiting_for()) + " is not MySQL: " + excerpt(unread));
        return unread.size();
    }
    auto const packet = from.take(size);
    if (!from.ok())
        return 0;
    number_ = static_cast<std::uint8_t>(number + 1);
    take_packet(packet);
    return from.at();
}

void mysql_dialogue::take_packet(std::string_view packet) {
    if (packet.front() == answer_error)
        return down("the " + std::string(waiting_for()) + " is " + mysql_error(packet));
    switch (phase_) {
    case phase::greeting:
        return greeted(packet);
    case phase::tls:
        return;
    case phase::login:
        return logged_in(packet);
    case phase::columns:
        return take_columns(packet);
    case phase::definitions: // their end is a packet of its own; what they say is nothing to us
        if (is_end(packet))
            phase_ = defined_ == columns_ ? phase::rows : phase_;
        else
            ++defined_;
        if (defined_ > columns_)
            down("the answer to the query cannot be read");
        return;
    case phase::rows:
        return take_row(packet);
    }
}

void mysql_dialogue::greeted(std::string_view packet) {
    byte_reader from(packet);
    auto const version = from.u8();
    from.text();
    from.take(4); // the connection's number
    challenge_ = from.take(8);
    from.take(1);
    auto able = std::uint32_t{from.le16()};
    from.take(3); // character set and status
    able |= std::uint32_t{from.le16()} << 16;
    from.take(11);
    if (version != 10 || !from.ok())
        return down("the greeting is not MySQL of protocol version 10");
    challenge_ += from.take(challenge_size - 8);
    from.take(1);
    if (!from.ok() || (able & secure_connection) == 0)
        return down("the server knows no passwords of version 4.1");
    method_ = from.rest();
    method_ = method_.substr(0, method_.find('\0'));
    if (!proof()) // the server may still offer another
        method_ = native_method;
    if (!tls_)
        return log_in();
    if ((able & in_tls) == 0)
        return down("the server speaks no TLS");
    phase_ = phase::tls;
    await("TLS handshake");
    send(le_bytes(long_password | protocol_41 | secure_connection | named_method | in_tls |
                      (database_.empty() ? 0 : with_database), 4) +
         le_bytes(longest_message, 4) + "\x2d" + std::string(23, '\0'));
}

void mysql_dialogue::secured() { log_in(); }

void mysql_dialogue::log_in() {
    phase_ = phase::login;
    await("answer to login");
    auto const made = proof().value_or("");
    std::string packet = le_bytes(long_password | protocol_41 | secure_connection | named_method | (tls_ ? in_tls : 0) |
                                      (database_.empty() ? 0 : with_database), 4) +
                         le_bytes(longest_message, 4) + "\x2d" + std::string(23, '\0') + user_ + '\0' +
                         be_bytes(made.size(), 1) + made;
    if (!database_.empty())
        packet += database_ + '\0';
    send(packet + method_ + '\0', "login of " + user_ + " by " + method_ + " (hidden)");
}

std::optional<std::string> mysql_dialogue::proof() const {
    if (method_ == clear_method)
        return tls_ ? std::optional(password_ + '\0') : std::nullopt;
    if (method_ != native_method && method_ != sha2_method)
        return std::nullopt;
    if (password_.empty())
        return "";
    if (method_ == native_method) {
        auto const once = sha1(password_);
        return exclusive_or(once, sha1(challenge_ + sha1(once)));
    }
    auto const once = sha256(password_);
    return exclusive_or(once, sha256(sha256(once) + challenge_));
}

void mysql_dialogue::logged_in(std::string_view packet) {
    switch (packet.front()) {
    case answer_ok:
        return ask();
    case answer_end:
        return switch_method(packet);
    case answer_more:
        return more_of_method(packet);
    default:
        return down("the answer to login cannot be read");
    }
}

void mysql_dialogue::switch_method(std::string_view packet) {
    byte_reader from(packet.substr(1));
    method_ = from.text();
    challenge_ = from.rest().substr(0, challenge_size);
    auto const made = from.ok() ? proof() : std::nullopt;
    if (!made)
        return down("the server wants the login by " + excerpt(method_) + ", which " +
                    (method_ == clear_method ? "needs TLS; say tls = true" : "is not known here"));
    // No password: nothing at all, but a zero where a text is awaited.
    made->empty() ? send(method_ == sha2_method ? std::string(1, '\0') : std::string())
                  : send(*made, "login by " + method_ + " (hidden)");
}

/// caching_sha2_password: 3, it is the password; 4, the server has to see it.
void mysql_dialogue::more_of_method(std::string_view packet) {
    if (packet == "\x01\x03")
        return;
    if (packet != "\x01\x04" || method_ != sha2_method)
        return down("the answer to login cannot be read");
    if (!tls_)
        return down("the server wants to see the password once, which needs TLS; say tls = true");
    send(password_ + '\0', "(hidden)");
}

void mysql_dialogue::ask() {
    phase_ = phase::columns;
    await("answer to the query");
    number_ = 0;
    send("\x03" + query_);
}

void mysql_dialogue::take_columns(std::string_view packet) {
    if (packet.front() == answer_ok)
        return down("the query gives no rows");
    byte_reader from(packet);
    auto const count = packet.front() == local_file ? std::nullopt : read_packed(from);
    if (!count || !from.ok() || *count == 0 || *count > most_columns)
        return down("the answer to the query cannot be read");
    columns_ = *count;
    phase_ = phase::definitions;
}

void mysql_dialogue::take_row(std::string_view packet) {
    if (is_end(packet)) {
        if (!any_row_)
            return down("the query gives no rows");
        return up("the answer to the query is " + excerpt(rows_), rows_, le_bytes(1, 3) + std::string("\0\x01", 2));
    }
    byte_reader from(packet);
    std::string row;
    for (std::uint64_t i = 0; i < columns_ && from.ok(); ++i) {
        auto const size = read_packed(from);
        row.append(i == 0 ? "" : "\t").append(size ? from.take(*size) : "NULL");
    }
    if (!from.ok())
        return down("the answer to the query cannot be read");
    rows_.append(any_row_ ? "\n" : "").append(row);
    any_row_ = true;
}

} // namespace balance::probe
