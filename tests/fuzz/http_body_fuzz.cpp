// SPDX-License-Identifier: Apache-2.0
// Whatever is said to be a chunked body: the same end in whatever pieces it comes, the same content to all who read it, and
// little beside the content.
#include "core/http_body.hpp"
#include "fuzz/insist.hpp"
#include "fuzz/other_readers.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

namespace http = balance::core::http;
using fuzz::insist;

struct result {
    std::size_t taken = 0;
    bool complete = false;
    bool failed = false;

    bool operator==(result const&) const = default;
};

result read(std::string_view bytes, http::message_facts const& m, std::size_t piece) {
    http::body_reader reader;
    reader.start(m);
    result out;
    for (std::size_t at = 0; at < bytes.size() && !reader.complete() && !reader.failed(); at += piece) {
        auto const part = bytes.substr(at, piece);
        auto const n = reader.take(part);
        insist(n <= part.size());
        insist(n == part.size() || reader.complete() || reader.failed());
        out.taken += n;
    }
    out.complete = reader.complete();
    out.failed = reader.failed();
    insist(!(out.complete && out.failed));
    if (out.complete || out.failed)
        insist(reader.take("0\r\n\r\n") == 0); // an end is an end
    return out;
}

/// Lines of the trailer, without what stands behind their colons, in one spelling.
std::string names_in(std::string_view trailer) {
    std::string out = "\n";
    bool within_name = true;
    for (char const c : trailer) {
        if (within_name && c != ':')
            out += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
        within_name = c == '\n' || (within_name && c != ':');
        if (c == '\n')
            out += '\n';
    }
    return out;
}

void check_chunks(std::string_view bytes, result const& r) {
    std::string content;
    for (auto const h : fuzz::habits) {
        auto const m = fuzz::other_reader(bytes, h).read_chunks();
        if (r.complete) {
            insist(m && m->size == r.taken);
            insist(h == fuzz::habit::strict || m->body == content);
            content = m->body;
            insist(m->trailer <= http::body_reader::most_trailer);
            auto const names = names_in(bytes.substr(m->size - m->trailer, m->trailer));
            for (std::string_view const bad : {"content-length", "transfer-encoding", "host", "x-forwarded-for", "cookie", "authorization"})
                insist(names.find("\n" + std::string(bad) + "\n") == names.npos && names.find("\n" + std::string(bad) + "\r") == names.npos);
        }
        // A body that goes on for us has ended for nobody: a request could stand where we see a body.
        if (!r.complete && !r.failed)
            insist(!m);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0)
        return 0;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    bool const counted = data[0] == 0xff;
    http::message_facts m;
    m.framing = counted ? http::framing::counted : http::framing::chunked;
    m.length = counted ? 1 + bytes.size() / 2 : 0;
    auto const whole = read(bytes, m, std::max<std::size_t>(bytes.size(), 1));
    insist(read(bytes, m, 1) == whole);
    insist(read(bytes, m, 2 + data[0] % 61u) == whole);
    if (counted)
        insist(!whole.failed && whole.taken == std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(m.length)));
    else
        check_chunks(bytes, whole);
    return 0;
}
