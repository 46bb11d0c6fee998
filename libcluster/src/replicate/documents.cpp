// SPDX-License-Identifier: Apache-2.0
#include "replicate/documents.hpp"

#include <tuple>
#include <utility>

namespace cluster::replicate {

bool documents::merge(shared_document d) {
    auto const held = held_.find(d.name);
    if (held == held_.end()) {
        if (held_.size() >= max_count)
            return false;
        auto name = d.name;
        held_.emplace(std::move(name), std::move(d));
        return true;
    }
    auto const rank = [](shared_document const& x) { return std::tie(x.stamp, x.writer, x.bytes); };
    if (rank(d) <= rank(held->second))
        return false;
    held->second = std::move(d);
    return true;
}

std::vector<shared_document> documents::all() const {
    std::vector<shared_document> out;
    out.reserve(held_.size());
    for (auto const& [name, d] : held_)
        out.push_back(d);
    return out;
}

} // namespace cluster::replicate
