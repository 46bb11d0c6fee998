// SPDX-License-Identifier: Apache-2.0
#include "cluster/audit_file.hpp"

#include "cluster/children.hpp"
#include "cluster/state_files.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace dyad {

namespace json = boost::json;

namespace {

/// A file that is open for adding to its end.
class growing_file {
public:
    explicit growing_file(std::filesystem::path const& file)
        : fd_(::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
    ~growing_file() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    growing_file(growing_file const&) = delete;
    growing_file& operator=(growing_file const&) = delete;

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] std::size_t size() const {
        struct stat info {};
        return ::fstat(fd_, &info) == 0 ? static_cast<std::size_t>(info.st_size) : 0;
    }
    /// A crash may have cut the last line off.
    [[nodiscard]] bool ends_within_a_line() const {
        char last = '\n';
        auto const bytes = size();
        return bytes > 0 && ::pread(fd_, &last, 1, static_cast<off_t>(bytes - 1)) == 1 && last != '\n';
    }
    bool add(std::string_view text) const {
        return ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fdatasync(fd_) == 0;
    }

private:
    int fd_;
};

void read_lines(std::filesystem::path const& file, std::vector<event_log::entry>& out) {
    auto const text = read_file(file);
    if (!text) {
        return;
    }
    for (std::string_view rest = *text; !rest.empty();) {
        auto const line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        boost::system::error_code ec;
        auto const value = json::parse(json::string_view(line.data(), line.size()), ec);
        if (!ec && value.is_object()) {
            auto const& o = value.get_object();
            out.push_back({0, text_of(o, "time"), text_of(o, "kind"), text_of(o, "text"), text_of(o, "who"), true});
        }
    }
}

} // namespace

balance::result<> audit_file::append(event_log::entry const& e) {
    auto const failed = [this] {
        return balance::make_error(balance::errc::io_error,
                                   "the audit trail " + file_.string() + " cannot be written: " + std::strerror(errno));
    };
    auto line =
        json::serialize(json::object{{"time", e.time}, {"kind", e.kind}, {"text", e.text}, {"who", e.who}}) + "\n";
    std::error_code ignored;
    if (auto const size = std::filesystem::file_size(file_, ignored); !ignored && size + line.size() > size_) {
        if (::rename(file_.c_str(), older_.c_str()) != 0) {
            return failed();
        }
    }
    growing_file const file(file_);
    if (!file.is_open()) {
        return failed();
    }
    if (file.ends_within_a_line()) {
        line.insert(line.begin(), '\n');
    }
    return file.add(line) ? balance::result<>() : balance::result<>(failed());
}

std::vector<event_log::entry> audit_file::load() const {
    std::vector<event_log::entry> entries;
    read_lines(older_, entries);
    read_lines(file_, entries);
    return entries;
}

} // namespace dyad
