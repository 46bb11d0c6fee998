// SPDX-License-Identifier: Apache-2.0
#include <cli/table.hpp>

#include <algorithm>

namespace dyad::cli {

std::string table::text(bool colours) const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        auto w = width(columns_[c].title);
        for (auto const& r : rows_) {
            w = std::max(w, c < r.size() ? std::min(width(r[c].text), columns_[c].most) : 0);
        }
        widths.push_back(w);
    }
    std::string out;
    auto const line = [&](auto const& cell_of) {
        std::string l;
        std::size_t owed = 0; // spaces before the next text: none at the end of a line
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            auto const [raw, paint] = cell_of(c);
            auto const shown = shortened(raw, columns_[c].most);
            auto const pad = widths[c] - width(shown);
            if (!shown.empty()) {
                l += std::string(owed + (columns_[c].right ? pad : 0), ' ') + painted(shown, paint, colours);
                owed = (columns_[c].right ? 0 : pad) + 2;
            } else {
                owed += widths[c] + 2;
            }
        }
        out += l + '\n';
    };
    line([&](std::size_t c) { return std::pair(columns_[c].title, colour::bold); });
    for (auto const& r : rows_) {
        line([&](std::size_t c) {
            return c < r.size() ? std::pair(r[c].text, r[c].colour) : std::pair(std::string{}, colour::none);
        });
    }
    return out;
}

} // namespace dyad::cli
