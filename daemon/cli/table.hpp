// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/words.hpp>

#include <string>
#include <vector>

namespace dyad::cli {

/// Aligned columns for people. Numbers go to the right, everything else to the left; long cells are cut.
class table {
public:
    struct column {
        std::string title;
        std::size_t most = 40; ///< columns of the terminal
        bool right = false;
    };
    struct cell {
        std::string text;
        dyad::cli::colour colour = colour::none;
    };

    explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

    /// One cell a column; missing ones are empty.
    void row(std::vector<cell> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }

    /// Title line and rows, without spaces at the end of a line.
    [[nodiscard]] std::string text(bool colours) const;

private:
    std::vector<column> columns_;
    std::vector<std::vector<cell>> rows_;
};

} // namespace dyad::cli
