// SPDX-License-Identifier: Apache-2.0
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cli/commands.hpp>
#include <cli/first_files.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ostream>

namespace dyad::cli {
namespace {

namespace fs = std::filesystem;

/// Writes a file that must not exist yet. 0 or an errno.
int write_new(fs::path const& file, std::string_view text) {
    int const fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    while (!text.empty() && error == 0) {
        auto const n = ::write(fd, text.data(), text.size());
        if (n > 0) {
            text.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && errno != EINTR) {
            error = errno;
        }
    }
    if (::close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error != 0) {
        ::unlink(file.c_str()); // half a file would stop the next attempt
    }
    return error;
}

} // namespace

exit_code init(environment& env, directory const& where) {
    auto const dir = where.value_or(env.config_dir);
    std::error_code ec;
    fs::create_directories(dir / "certificates", ec);
    if (ec) {
        env.err << dir.string() << " cannot be made: " << ec.message() << "; run as root, or name another directory\n";
        return exit_code::refused;
    }
    auto const m = this_machine();
    boost::json::array written;
    for (auto const& [name, text] :
         {std::pair("node.toml", first_node_file(m)), std::pair("cluster.toml", first_cluster_file(m))}) {
        auto const file = dir / name;
        if (int const error = write_new(file, text); error == EEXIST) {
            if (!env.json) {
                env.out << file.string() << " is there already and stays as it is\n";
            }
        } else if (error != 0) {
            env.err << file.string() << " cannot be written: " << std::strerror(error) << '\n';
            return exit_code::refused;
        } else {
            written.emplace_back(file.string());
            if (!env.json) {
                env.out << "wrote " << file.string() << '\n';
            }
        }
    }
    if (env.json) {
        env.out << boost::json::serialize(boost::json::object{{"written", std::move(written)}}) << '\n';
        return exit_code::done;
    }
    env.out << "\nwhat comes next:\n"
               "  1. describe the services in "
            << (dir / "cluster.toml").string()
            << ", on the node that is to be the primary alone\n"
               "  2. dyad validate\n"
               "  3. systemctl start dyadd, on both nodes\n"
               "  4. dyad pair-token on the other node, and dyad pair with its address on the primary\n"
               "  5. dyad status\n";
    return exit_code::done;
}

} // namespace dyad::cli
