// SPDX-License-Identifier: Apache-2.0
// The drill's end of `dyad probe --stdio`; probe_stdio.hpp says what is spoken.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cli/document.hpp>
#include <cli/probe_stdio.hpp>
#include <cli/seat.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <thread>
#include <utility>

namespace dyad::cli {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr auto begin_limit = 60s; ///< somebody may have to type a password
constexpr auto end_limit = 5s;
constexpr auto clock_limit = 2s;
constexpr int clock_questions = 15;
constexpr std::size_t longest_line = 16 << 20; ///< bytes

/// A shell that runs the command, and the pipes to it.
struct running_command {
    pid_t pid = -1;
    int to = -1;
    int from = -1;
};

balance::result<running_command> start_command(std::string const& command) {
    std::array<int, 2> in{-1, -1};
    std::array<int, 2> out{-1, -1};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
        return balance::make_error(balance::errc::io_error, std::string("pipe2: ") + std::strerror(errno));
    }
    auto const line = command + " probe --stdio";
    ::signal(SIGPIPE, SIG_IGN); // a seat that has ended reads nothing, and is noticed by its silence
    auto const pid = ::fork();
    if (pid == 0) {
        ::dup2(in[0], STDIN_FILENO);
        ::dup2(out[1], STDOUT_FILENO);
        ::signal(SIGINT, SIG_IGN); // an operator's Ctrl-C ends the drill in good order, for which its seats are needed
        ::signal(SIGPIPE, SIG_DFL);
        ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    if (pid < 0) {
        auto const code = errno;
        ::close(in[1]);
        ::close(out[0]);
        return balance::make_error(balance::errc::io_error, std::string("fork: ") + std::strerror(code));
    }
    return running_command{pid, in[1], out[0]};
}

class distant_seat final : public seat {
public:
    distant_seat(std::string command, seat_plan plan, running_command running)
        : command_(std::move(command)), plan_(std::move(plan)), running_(running), attempts_(plan_.targets.size()),
          owners_(plan_.watched.size()), reader_([this] { read(); }) {}

    ~distant_seat() override {
        ::close(running_.to); // the end of its orders ends it
        std::unique_lock lock(guard_);
        changed_.wait_for(lock, end_limit, [this] { return ended_; });
        if (!ended_) {
            ::kill(running_.pid, SIGTERM);
            changed_.wait_for(lock, end_limit, [this] { return ended_; });
        }
        if (!ended_) {
            ::kill(running_.pid, SIGKILL);
        }
        lock.unlock();
        int ignored = 0;
        ::waitpid(running_.pid, &ignored, 0);
        reader_.join();
        ::close(running_.from);
    }

    /// Sends the plan and waits until it is begun.
    balance::result<> begin() {
        say(to_json(plan_));
        std::unique_lock lock(guard_);
        if (!changed_.wait_for(lock, begin_limit, [this] { return ended_ || !name_.empty() || !refusal_.empty(); })) {
            return balance::make_error(balance::errc::timed_out, "the client \"" + command_ + "\" did not begin within 60 s");
        }
        if (!refusal_.empty()) {
            return balance::make_error(balance::errc::refused, "the client \"" + command_ + "\" refuses: " + refusal_);
        }
        if (name_.empty()) {
            return balance::make_error(balance::errc::refused,
                                       "the client \"" + command_ + "\" ended before it began; try it with a target by hand: " + command_ +
                                           " probe ADDRESS:PORT");
        }
        lock.unlock();
        compare_clocks();
        return {};
    }

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] seat_plan const& plan() const override { return plan_; }
    [[nodiscard]] std::int64_t at(clock::time_point moment) const override {
        std::lock_guard const lock(guard_);
        return micros(moment) + ahead_;
    }
    [[nodiscard]] std::int64_t uncertain() const override {
        std::lock_guard const lock(guard_);
        return uncertain_;
    }

    void compare_clocks() override {
        std::int64_t best = -1;
        for (int i = 0; i < clock_questions; ++i) {
            std::unique_lock lock(guard_);
            auto const asked = clock::now();
            asked_clock_ = ++clock_number_;
            lock.unlock();
            say({{"clock", asked_clock_}});
            lock.lock();
            if (!changed_.wait_for(lock, clock_limit, [this] { return ended_ || heard_clock_ == asked_clock_; }) || ended_) {
                return; // what was known before stays
            }
            auto const took = micros(heard_at_) - micros(asked);
            if (best < 0 || took < best) {
                best = took;
                uncertain_ = took / 2;
                ahead_ = clock_said_ - (micros(asked) + took / 2);
            }
        }
    }

    [[nodiscard]] balance::result<> reported(std::int64_t until, std::chrono::milliseconds patience) override {
        std::unique_lock lock(guard_);
        bool const well = changed_.wait_for(lock, patience, [&] { return ended_ || until_ >= until; });
        if (well && until_ >= until) {
            return {};
        }
        return balance::make_error(well ? balance::errc::refused : balance::errc::timed_out,
                                   "the client " + name_ + (well ? " ended during the drill" : " fell silent during the drill"));
    }

    [[nodiscard]] std::vector<attempt> attempts(std::size_t target) const override {
        std::lock_guard const lock(guard_);
        return attempts_.at(target);
    }
    [[nodiscard]] std::vector<owner_sample> owners(std::size_t watched) const override {
        std::lock_guard const lock(guard_);
        return owners_.at(watched);
    }

private:
    static std::int64_t micros(clock::time_point t) {
        return std::chrono::duration_cast<std::chrono::microseconds>(t.time_since_epoch()).count();
    }

    void say(json::object const& o) const {
        auto const line = json::serialize(o) + "\n";
        // Where nobody reads any more, the reader sees the end.
        [[maybe_unused]] auto const sent = ::write(running_.to, line.data(), line.size());
    }

    void read() {
        std::string pending;
        std::array<char, 65536> bytes{};
        while (true) {
            auto const got = ::read(running_.from, bytes.data(), bytes.size());
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0 || pending.size() > longest_line) {
                break;
            }
            auto const at = clock::now();
            pending.append(bytes.data(), static_cast<std::size_t>(got));
            std::size_t begin = 0;
            for (std::size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
                take(std::string_view(pending).substr(begin, end - begin), at);
            }
            pending.erase(0, begin);
        }
        std::lock_guard const lock(guard_);
        ended_ = true;
        changed_.notify_all();
    }

    void take(std::string_view line, clock::time_point at) {
        boost::system::error_code ec;
        auto const value = json::parse(line, ec);
        auto const* o = ec ? nullptr : value.if_object();
        if (o == nullptr) {
            return; // a greeting of the shell over there
        }
        std::lock_guard const lock(guard_);
        if (o->contains("error")) {
            refusal_ = text(*o, "error");
        } else if (o->contains("ready")) {
            name_ = text(*o, "ready");
        } else if (o->contains("clock")) {
            heard_clock_ = number(*o, "clock");
            clock_said_ = number(*o, "now");
            heard_at_ = at;
        } else if (o->contains("until")) {
            take_seen(*o, attempts_, owners_);
            until_ = number(*o, "until");
        }
        changed_.notify_all();
    }

    std::string const command_;
    seat_plan const plan_;
    running_command const running_;
    mutable std::mutex guard_;
    std::condition_variable changed_;
    std::vector<std::vector<attempt>> attempts_;    ///< by target
    std::vector<std::vector<owner_sample>> owners_; ///< by watched address
    std::string name_;
    std::string refusal_;
    std::int64_t until_ = -1;
    std::int64_t clock_number_ = 0;
    std::int64_t asked_clock_ = 0;
    std::int64_t heard_clock_ = 0;
    std::int64_t clock_said_ = 0;
    clock::time_point heard_at_{};
    std::int64_t ahead_ = 0; ///< of this machine's monotonic clock
    std::int64_t uncertain_ = 0;
    bool ended_ = false;
    std::thread reader_; // last: it uses all of the above
};

} // namespace

balance::result<std::unique_ptr<seat>> seat_behind(std::string const& command, seat_plan plan) {
    auto const running = start_command(command);
    if (!running) {
        return running.error();
    }
    auto made = std::make_unique<distant_seat>(command, std::move(plan), *running);
    if (auto const begun = made->begin(); !begun) {
        return begun.error();
    }
    return std::unique_ptr<seat>(std::move(made));
}

} // namespace dyad::cli
