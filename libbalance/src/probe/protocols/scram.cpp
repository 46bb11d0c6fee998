// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/scram.hpp"

#include "probe/digest.hpp"

#include <algorithm>
#include <charconv>

namespace balance::probe {
namespace {

constexpr unsigned most_rounds = 100'000; ///< about 50 ms of a processor

/// The value of "r=" in "r=…,s=…,i=…".
std::string_view attribute(std::string_view message, char name) {
    while (!message.empty()) {
        auto const item = message.substr(0, message.find(','));
        if (item.size() > 2 && item[0] == name && item[1] == '=')
            return item.substr(2);
        message.remove_prefix(std::min(message.size(), item.size() + 1));
    }
    return {};
}

} // namespace

std::optional<std::string> scram::final(std::string_view server_first) {
    auto const nonce = attribute(server_first, 'r');
    auto const salt = from_base64(attribute(server_first, 's'));
    auto const count = attribute(server_first, 'i');
    unsigned rounds = 0;
    auto const [end, ec] = std::from_chars(count.data(), count.data() + count.size(), rounds);
    if (!nonce.starts_with(nonce_) || nonce.size() == nonce_.size() || salt.empty() || ec != std::errc{} ||
        end != count.data() + count.size() || rounds == 0 || rounds > most_rounds)
        return std::nullopt;
    auto const salted = pbkdf2_sha256(password_, salt, rounds);
    auto const client_key = hmac_sha256(salted, "Client Key");
    std::string const without_proof = "c=biws,r=" + std::string(nonce);
    std::string const all = first_bare() + "," + std::string(server_first) + "," + without_proof;
    signature_ = hmac_sha256(hmac_sha256(salted, "Server Key"), all);
    return without_proof + ",p=" + base64(exclusive_or(client_key, hmac_sha256(sha256(client_key), all)));
}

bool scram::is_proven(std::string_view server_final) const {
    return !signature_.empty() && from_base64(attribute(server_final, 'v')) == signature_;
}

} // namespace balance::probe
