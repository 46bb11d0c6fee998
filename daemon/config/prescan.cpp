// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <config/document.hpp>
#include <cstdio>

namespace dyad::config {
namespace {

/// Tables within tables become recursion in the parser; our deepest path has five names.
constexpr unsigned max_brackets = 12;
constexpr unsigned max_dots = 64; ///< in one line, outside of texts and comments

/// Means nothing here wherever it stands: letters, digits, blanks and most signs of ASCII.
constexpr bool is_dull(char c) {
    return c >= ' ' && c <= '~' && std::string_view("#\"'[]{}.\\").find(c) == std::string_view::npos;
}

constexpr auto dull = [] {
    std::array<bool, 256> out{};
    for (unsigned i = 0; i < out.size(); ++i) {
        out[i] = is_dull(static_cast<char>(i));
    }
    return out;
}();

class scanner {
public:
    scanner(std::string_view text, std::vector<std::size_t>* headers) : text_(text), headers_(headers) {}

    refusal run() {
        while (skip_dull()) {
            if (!step()) {
                return {here_, std::move(message_)};
            }
        }
        return {};
    }

private:
    [[nodiscard]] bool looking_at(std::string_view token) const { return text_.substr(at_, token.size()) == token; }

    [[nodiscard]] bool begins_line() const {
        auto before = at_;
        while (before > 0 && (text_[before - 1] == ' ' || text_[before - 1] == '\t')) {
            --before;
        }
        return before == 0 || text_[before - 1] == '\n';
    }

    /// False at the end.
    bool skip_dull() {
        auto const start = at_;
        while (at_ < text_.size() && dull[static_cast<unsigned char>(text_[at_])]) {
            ++at_;
        }
        here_.column += static_cast<unsigned>(at_ - start);
        return at_ < text_.size();
    }

    bool refuse(std::string message) {
        message_ = std::move(message);
        return false;
    }

    void advance() {
        auto const byte = static_cast<unsigned char>(text_[at_++]);
        if (byte == '\n') {
            here_ = {here_.line + 1, 1};
            dots_ = 0;
        } else if ((byte & 0xc0) != 0x80) { // columns count characters, as the parser does
            ++here_.column;
        }
    }

    bool step() {
        auto const byte = static_cast<unsigned char>(text_[at_]);
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
            char hex[8];
            std::snprintf(hex, sizeof hex, "0x%02x", byte);
            return refuse(std::string("this is not a text file: byte ") + hex + " cannot occur in TOML");
        }
        switch (in_) {
        case inside::nothing:
            return plain(static_cast<char>(byte));
        case inside::comment:
            if (byte == '\n') {
                in_ = inside::nothing;
            }
            break;
        default:
            in_text();
            return true;
        }
        advance();
        return true;
    }

    bool plain(char c) {
        if (c == '#') {
            in_ = inside::comment;
        } else if (c == '"' || c == '\'') {
            quote_ = c;
            std::string_view const triple = c == '"' ? "\"\"\"" : "'''";
            in_ = looking_at(triple) ? inside::long_text : inside::text;
            for (int i = in_ == inside::long_text ? 3 : 1; i > 0; --i) {
                advance();
            }
            return true;
        } else if (c == '[' || c == '{') {
            if (headers_ != nullptr && c == '[' && depth_ == 0 && begins_line()) {
                headers_->push_back(at_);
            }
            if (++depth_ > max_brackets) {
                return refuse("brackets are nested more than " + std::to_string(max_brackets) +
                              " deep; no key needs that");
            }
        } else if ((c == ']' || c == '}') && depth_ > 0) {
            --depth_;
        } else if (c == '.' && ++dots_ > max_dots) {
            return refuse("more than " + std::to_string(max_dots) + " dots in one line; no key needs that");
        }
        advance();
        return true;
    }

    void in_text() {
        char const c = text_[at_];
        if (c == '\\' && quote_ == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') {
            advance();
        } else if (in_ == inside::text && (c == quote_ || c == '\n')) {
            in_ = inside::nothing; // a line feed ends it for us; the parser will refuse it
        } else if (in_ == inside::long_text && c == quote_ && text_.substr(at_, 3) == std::string(3, quote_)) {
            // Up to two more quotes belong to the text itself.
            for (int i = 0; i < 4 && at_ + 1 < text_.size() && text_[at_ + 1] == quote_; ++i) {
                advance();
            }
            in_ = inside::nothing;
        }
        advance();
    }

    enum class inside { nothing, comment, text, long_text };

    std::string_view text_;
    std::vector<std::size_t>* headers_;
    std::size_t at_ = 0;
    place here_{1, 1};
    inside in_ = inside::nothing;
    char quote_ = 0;
    unsigned depth_ = 0;
    unsigned dots_ = 0;
    std::string message_;
};

} // namespace

refusal prescan(std::string_view text, std::vector<std::size_t>* headers) { return scanner(text, headers).run(); }

} // namespace dyad::config
