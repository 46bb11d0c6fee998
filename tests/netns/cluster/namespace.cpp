// SPDX-License-Identifier: Apache-2.0
#include "namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace lab {
namespace {

/// On a thread of its own: namespaces belong to threads.
void on_thread(std::function<void()> const& f) {
    std::exception_ptr failure;
    std::thread t{[&] {
        try {
            f();
        } catch (...) {
            failure = std::current_exception();
        }
    }};
    t.join();
    if (failure) {
        std::rethrow_exception(failure);
    }
}

[[noreturn]] void fail(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

} // namespace

network_namespace::network_namespace() {
    on_thread([this] {
        if (::unshare(CLONE_NEWNET) != 0) {
            fail("unshare; these tests need root");
        }
        fd_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (fd_ < 0) {
            fail("open /proc/thread-self/ns/net");
        }
    });
    sh("ip link set lo up");
}

network_namespace::~network_namespace() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

void network_namespace::enter() const {
    if (::setns(fd_, CLONE_NEWNET) != 0) {
        fail("setns");
    }
}

void network_namespace::inside(std::function<void()> const& f) const {
    on_thread([&] {
        enter();
        f();
    });
}

void network_namespace::sh(std::string const& command) const {
    inside([&] {
        if (std::system(command.c_str()) != 0) {
            throw std::runtime_error("failed: " + command);
        }
    });
}

std::string network_namespace::output(std::string const& command) const {
    return get([&] {
        std::string out;
        std::unique_ptr<FILE, int (*)(FILE*)> const pipe{::popen(command.c_str(), "r"), &::pclose};
        std::array<char, 4096> buffer{};
        while (auto const got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
            out.append(buffer.data(), got);
        }
        return out;
    });
}

void join(network_namespace const& a, std::string const& name_a, network_namespace const& b,
          std::string const& name_b) {
    // Made under a name that b can't have yet, moved through a path that names b's namespace, and renamed there.
    b.inside([&] {
        auto const target = "/proc/" + std::to_string(::getpid()) + "/task/" + std::to_string(::gettid()) + "/ns/net";
        a.sh("ip link add " + name_a + " type veth peer name moving && exec 9<" + target +
             " && ip link set moving netns /proc/self/fd/9");
    });
    b.sh("ip link set moving name " + name_b + " && ip link set " + name_b + " up");
    a.sh("ip link set " + name_a + " up");
}

} // namespace lab
