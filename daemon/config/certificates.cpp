// SPDX-License-Identifier: Apache-2.0
#include <balance/certificate.hpp>

#include <algorithm>
#include <config/config.hpp>
#include <config/directory_parts.hpp>

namespace dyad::config {
namespace {

constexpr std::chrono::hours soon{30 * 24};
constexpr std::chrono::hours list_soon{24}; ///< lists come often

known_certificate examine(std::filesystem::path const& file, std::chrono::system_clock::time_point now) {
    known_certificate out{file.stem().string()};
    auto const text = read_file(file);
    out.vouches = text && balance::holds_certificates(*text);
    if (auto const end = text ? balance::revocation_lists_end(*text) : std::nullopt; end && *end < now + list_soon) {
        out.ca_fault = *end <= now ? "its list of revoked certificates is out of date, and all clients are refused; put the authority's newest in its place"
                                   : "its list of revoked certificates is out of date within a day, and all clients are refused then; put the authority's newest in its place";
    }
    if (text && balance::has_damaged_revocation_list(*text)) {
        out.ca_fault = "its list of revoked certificates is damaged, and the service is not served; put the authority's newest in its place";
    }
    auto const facts = text ? balance::read_certificate(*text) : balance::result<balance::certificate_facts>(text.error());
    if (!facts) {
        out.fault = facts.error().detail;
        out.usable = false;
        return out;
    }
    auto const left = std::chrono::duration_cast<std::chrono::hours>(facts->not_after - now);
    auto const days = std::to_string(left.count() / 24) + (left.count() / 24 == 1 ? " day" : " days");
    if (facts->not_after <= now) {
        out.fault = "it has expired, and clients will refuse it; put a new one in its place";
    } else if (facts->not_before > now) {
        out.fault = "it is not valid yet, and clients will refuse it; is this machine's clock right?";
    } else if (left < soon) {
        out.fault = "it expires in " + days + "; put a new one in its place";
    } else if (!facts->staple_fault.empty()) {
        out.fault = facts->staple_fault;
    } else if (facts->stapled_until && *facts->stapled_until <= now) {
        out.fault = "its OCSP response is out of date and not shown to clients; get a new one: dyad certificate staple";
    }
    return out;
}

} // namespace

std::vector<known_certificate> certificates_in(std::filesystem::path const& directory, std::chrono::system_clock::time_point now) {
    std::vector<known_certificate> out;
    std::error_code ec;
    for (std::filesystem::directory_iterator it(directory / "certificates", ec), end; !ec && it != end; it.increment(ec)) {
        if (it->path().extension() == ".pem") {
            out.push_back(examine(it->path(), now));
        }
    }
    std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
    return out;
}

} // namespace dyad::config
