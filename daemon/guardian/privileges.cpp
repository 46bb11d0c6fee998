// SPDX-License-Identifier: Apache-2.0
#include "guardian/privileges.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace dyad {

namespace {

balance::error cannot(char const* call) {
    auto const why = boost::system::error_code(errno, boost::system::system_category()).message();
    return balance::make_error(balance::errc::io_error, std::string("cannot give up privileges: ") + call + ": " + why);
}

constexpr id_t overflow_id = 65534; // nobody and nogroup where the user database knows neither

balance::result<> become_nobody() {
    auto const* user = ::getpwnam("dyad");
    if (user == nullptr) {
        user = ::getpwnam("nobody");
    }
    auto const uid = user != nullptr && user->pw_uid != 0 ? user->pw_uid : overflow_id;
    auto const* const group = ::getgrnam("nogroup");
    auto const gid = group != nullptr && group->gr_gid != 0 ? group->gr_gid : overflow_id;
    if (::setgroups(0, nullptr) != 0) {
        return cannot("setgroups");
    }
    if (::setresgid(gid, gid, gid) != 0) {
        return cannot("setresgid");
    }
    if (::setresuid(uid, uid, uid) != 0) {
        return cannot("setresuid");
    }
    return {};
}

balance::result<> clear_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) {
        return cannot("capset");
    }
    return {};
}

/// When memory is short, a worker goes before the processes that keep the pair alive. While /proc/self is still ours.
void offer_to_oom_killer() {
    int const file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        [[maybe_unused]] auto const written = ::write(file, "200", 3);
        ::close(file);
    }
}

} // namespace

balance::result<> drop_privileges() {
    auto const parent = ::getppid();
    offer_to_oom_killer();
    if (::geteuid() == 0) {
        if (auto const done = become_nobody(); !done) {
            return done;
        }
    }
    if (auto const done = clear_capabilities(); !done) {
        return done;
    }
    rlimit const no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) {
        return cannot("setrlimit");
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return cannot("prctl(PR_SET_NO_NEW_PRIVS)");
    }
    // Last: a change of user or capabilities clears it (prctl(2)).
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
        return cannot("prctl(PR_SET_PDEATHSIG)");
    }
    if (::getppid() != parent) {
        return balance::make_error(balance::errc::io_error, "the parent process died meanwhile");
    }
    return {};
}

} // namespace dyad
