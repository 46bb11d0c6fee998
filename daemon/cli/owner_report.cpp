// SPDX-License-Identifier: Apache-2.0
#include <cli/owner_report.hpp>

#include <algorithm>

namespace dyad::cli {

owner_report owners_of(std::vector<owner_sample> const& samples, std::int64_t from, std::int64_t to) {
    owner_report out;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        auto const& sample = samples[i];
        auto const ends = i + 1 < samples.size() ? std::min(samples[i + 1].asked, to) : to;
        if (sample.asked < from || sample.asked >= to) {
            continue;
        }
        ++out.questions;
        out.unanswered += sample.macs.empty() ? 1U : 0U;
        out.two_owners += sample.macs.size() > 1 ? ends - sample.asked : 0;
        auto macs = sample.macs;
        std::sort(macs.begin(), macs.end());
        if (!out.spans.empty() && out.spans.back().macs == macs) {
            out.spans.back().to = ends;
        } else {
            out.spans.push_back({sample.asked, ends, std::move(macs)});
        }
    }
    return out;
}

} // namespace dyad::cli
