// SPDX-License-Identifier: Apache-2.0
#include "probe/reason.hpp"

#include <boost/system/system_category.hpp>

namespace balance::probe {
namespace {

constexpr std::size_t longest_reason = 200;

/// Bytes above ASCII stay: they are our own "…" or come from `quoted`, which lets none through.
std::string one_line(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (auto const u = static_cast<unsigned char>(c); u < 0x20 || u == 0x7f)
            c = ' ';
    if (out.size() <= longest_reason)
        return out;
    std::string_view const more = "…";
    std::size_t end = longest_reason - more.size();
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80)
        --end; // not within a character
    out.resize(end);
    return out.append(more);
}

} // namespace

check_result success(std::string_view reason) { return {true, one_line(reason), milliseconds(0), {}}; }

check_result failure(std::string_view reason) { return {false, one_line(reason), milliseconds(0), {}}; }

std::string words_for(boost::system::error_code const& ec) {
    std::string text = ec.message();
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && !(text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z'))
        text[0] = static_cast<char>(text[0] + 32);
    return text;
}

std::string words_for(int errno_value) {
    return words_for(boost::system::error_code(errno_value, boost::system::system_category()));
}

std::string excerpt(std::string_view text, std::size_t most) {
    std::string out = "\"";
    for (char const c : text.substr(0, most)) {
        auto const u = static_cast<unsigned char>(c);
        out += u >= 0x20 && u < 0x7f ? c : '.';
    }
    out += text.size() > most ? "…\"" : "\"";
    return out;
}

std::string escaped(std::string_view bytes, std::size_t most) {
    std::string out;
    for (char const c : bytes.substr(0, most)) {
        auto const u = static_cast<unsigned char>(c);
        if (c == '\r')
            out += "\\r";
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (c == '\\')
            out += "\\\\";
        else if (u >= 0x20 && u < 0x7f)
            out += c;
        else
            out.append("\\x").append(1, "0123456789abcdef"[u >> 4]).append(1, "0123456789abcdef"[u & 15]);
    }
    return out;
}

std::string span_of_time(std::chrono::milliseconds d) {
    auto const ms = d.count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

} // namespace balance::probe
