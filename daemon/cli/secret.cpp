// SPDX-License-Identifier: Apache-2.0
#include <cli/secret.hpp>

#include <config/config.hpp>
#include <config/directory_parts.hpp>

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <istream>
#include <ostream>

namespace dyad::cli {

namespace {

constexpr std::size_t longest_secret = 4096;

/// What is typed at the terminal is not shown, as long as this lives.
class without_echo {
public:
    without_echo() {
        if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
            auto quiet = before_;
            quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
        }
    }
    ~without_echo() {
        if (changed_) {
            ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        }
    }
    without_echo(without_echo const&) = delete;
    without_echo& operator=(without_echo const&) = delete;

private:
    termios before_{};
    bool changed_ = false;
};

std::string first_line(std::string text) {
    text.resize(std::min(text.find('\n'), text.size()));
    if (text.ends_with('\r')) {
        text.pop_back();
    }
    return text;
}

} // namespace

std::string ask_secret(environment& env, std::string const& question) {
    std::string line;
    if (env.in == nullptr) {
        return line;
    }
    if (!env.asks) {
        std::getline(*env.in, line);
        return line;
    }
    env.err << question << std::flush;
    {
        without_echo const quiet;
        std::getline(*env.in, line);
    }
    env.err << '\n';
    return line;
}

balance::result<std::string> secret_in_file(std::string const& path) {
    auto text = config::read_file(path);
    return text ? balance::result<std::string>(first_line(std::move(*text)))
                : balance::make_error(balance::errc::io_error, path + ": " + text.error().detail);
}

balance::result<std::string> secret_in_descriptor(int fd) {
    std::string text;
    std::array<char, 512> piece;
    while (text.size() < longest_secret) {
        auto const n = ::read(fd, piece.data(), piece.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return balance::make_error(balance::errc::io_error,
                                       "descriptor " + std::to_string(fd) + " cannot be read: " + std::strerror(errno));
        }
        if (n == 0) {
            break;
        }
        text.append(piece.data(), static_cast<std::size_t>(n));
    }
    return first_line(std::move(text));
}

} // namespace dyad::cli
