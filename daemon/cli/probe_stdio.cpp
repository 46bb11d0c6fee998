// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/first_files.hpp>
#include <cli/owner_watch.hpp>
#include <cli/probe_stdio.hpp>

#include <condition_variable>
#include <deque>
#include <istream>
#include <mutex>
#include <ostream>
#include <thread>

namespace dyad::cli {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr auto batch_time = 50ms;
constexpr std::size_t most_orders = 64; ///< targets, and watched addresses

/// Probes and watches as told, and says what it saw.
class obedient_probe {
public:
    obedient_probe(std::ostream& out, seat_plan const& plan, std::unique_ptr<owner_watch> watch, owner_watch::clock::time_point epoch)
        : out_(out), epoch_(epoch), watch_(std::move(watch)), told_attempts_(plan.targets.size()), told_owners_(plan.watched.size()) {
        for (auto const& target : plan.targets) {
            probes_.emplace_back(target, epoch);
        }
        sender_ = std::thread([this] { tell_always(); });
    }
    ~obedient_probe() {
        {
            std::lock_guard const lock(guard_);
            ending_ = true;
        }
        changed_.notify_all();
        sender_.join();
    }
    obedient_probe(obedient_probe const&) = delete;
    obedient_probe& operator=(obedient_probe const&) = delete;

    void say_time(std::int64_t question) {
        std::lock_guard const lock(guard_);
        say({{"clock", question}, {"now", now()}});
    }

private:
    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::microseconds>(owner_watch::clock::now() - epoch_).count();
    }

    void say(json::object const& o) { out_ << json::serialize(o) << '\n' << std::flush; }

    void tell() {
        auto const until = now();
        std::vector<std::vector<attempt>> attempts;
        for (std::size_t i = 0; i < probes_.size(); ++i) {
            attempts.push_back(probes_[i].attempts(told_attempts_[i]));
            told_attempts_[i] += attempts.back().size();
        }
        std::vector<std::vector<owner_sample>> owners;
        for (std::size_t i = 0; i < told_owners_.size(); ++i) {
            owners.push_back(watch_->samples(i, told_owners_[i]));
            told_owners_[i] += owners.back().size();
        }
        say(seen_json(until, attempts, owners));
    }

    void tell_always() {
        std::unique_lock lock(guard_);
        while (!ending_) {
            tell();
            changed_.wait_for(lock, batch_time, [this] { return ending_; });
        }
        tell();
    }

    std::ostream& out_; ///< guarded
    owner_watch::clock::time_point const epoch_;
    std::unique_ptr<owner_watch> watch_;
    std::deque<prober> probes_;
    std::vector<std::size_t> told_attempts_;
    std::vector<std::size_t> told_owners_;
    std::mutex guard_;
    std::condition_variable changed_;
    bool ending_ = false; ///< guarded
    std::thread sender_;
};

/// The next line as an object; nothing at the end.
std::optional<json::object> next_order(std::istream& in) {
    std::string line;
    while (std::getline(in, line)) {
        boost::system::error_code ec;
        auto const value = json::parse(line, ec);
        if (!ec && value.is_object()) {
            return value.get_object();
        }
    }
    return std::nullopt;
}

exit_code refuse_orders(environment& env, balance::error const& e) {
    env.out << json::serialize(json::object{{"error", e.detail}}) << '\n' << std::flush;
    return fail(env, e);
}

} // namespace

json::object to_json(seat_plan const& plan) {
    json::array targets;
    for (auto const& t : plan.targets) {
        targets.push_back(json::object{{"target", name_of(t)}, {"every_ms", t.every.count()}, {"timeout_ms", t.patience.count()}});
    }
    json::array watch;
    for (auto const& address : plan.watched) {
        watch.emplace_back(address.to_string());
    }
    return {{"targets", std::move(targets)}, {"watch", std::move(watch)}};
}

balance::result<seat_plan> read_plan(json::object const& o) {
    seat_plan out;
    auto const& targets = array(o, "targets");
    auto const& watch = array(o, "watch");
    if (targets.size() > most_orders || watch.size() > most_orders || targets.size() + watch.size() == 0) {
        return balance::make_error(balance::errc::invalid_configuration, "1 to 64 targets or addresses must be ordered");
    }
    for (auto const& value : targets) {
        auto how = parse_target(text(item(value), "target"), "");
        if (!how) {
            return how.error();
        }
        auto const every = number(item(value), "every_ms");
        auto const patience = number(item(value), "timeout_ms");
        if (every < 1 || every > 60'000 || patience < 1 || patience > 60'000) {
            return balance::make_error(balance::errc::invalid_configuration, "every_ms and timeout_ms must be from 1 to 60000");
        }
        how->every = std::chrono::milliseconds(every);
        how->patience = std::chrono::milliseconds(patience);
        out.targets.push_back(std::move(*how));
    }
    for (auto const& value : watch) {
        auto const address = balance::parse_address(value.is_string() ? std::string_view(value.get_string()) : "");
        if (!address) {
            return address.error();
        }
        out.watched.push_back(*address);
    }
    return out;
}

json::object seen_json(std::int64_t until, std::vector<std::vector<attempt>> const& attempts,
                       std::vector<std::vector<owner_sample>> const& owners) {
    json::array tried;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
        for (auto const& a : attempts[i]) {
            json::array one{static_cast<std::int64_t>(i), a.begun, a.ended};
            if (!a.failure.empty()) {
                one.emplace_back(a.failure);
            }
            tried.emplace_back(std::move(one));
        }
    }
    json::array asked;
    for (std::size_t i = 0; i < owners.size(); ++i) {
        for (auto const& sample : owners[i]) {
            json::array one{static_cast<std::int64_t>(i), sample.asked};
            for (auto const& mac : sample.macs) {
                one.emplace_back(mac);
            }
            asked.emplace_back(std::move(one));
        }
    }
    return {{"until", until}, {"attempts", std::move(tried)}, {"owners", std::move(asked)}};
}

void take_seen(json::object const& o, std::vector<std::vector<attempt>>& attempts, std::vector<std::vector<owner_sample>>& owners) {
    auto const whole = [](json::array const& a, std::size_t at) { return a[at].is_int64() ? a[at].get_int64() : -1; };
    for (auto const& value : array(o, "attempts")) {
        auto const* one = value.if_array();
        if (one == nullptr || one->size() < 3 || whole(*one, 0) < 0 || static_cast<std::size_t>(whole(*one, 0)) >= attempts.size()) {
            continue;
        }
        attempt seen{whole(*one, 1), whole(*one, 2), {}};
        if (one->size() > 3 && (*one)[3].is_string()) {
            seen.failure = printable((*one)[3].get_string());
        }
        attempts[static_cast<std::size_t>(whole(*one, 0))].push_back(std::move(seen));
    }
    for (auto const& value : array(o, "owners")) {
        auto const* one = value.if_array();
        if (one == nullptr || one->size() < 2 || whole(*one, 0) < 0 || static_cast<std::size_t>(whole(*one, 0)) >= owners.size()) {
            continue;
        }
        owner_sample sample{whole(*one, 1), {}};
        for (std::size_t i = 2; i < one->size(); ++i) {
            if ((*one)[i].is_string()) {
                sample.macs.push_back(printable((*one)[i].get_string()));
            }
        }
        owners[static_cast<std::size_t>(whole(*one, 0))].push_back(std::move(sample));
    }
}

exit_code probe_stdio(environment& env) {
    auto const none = balance::make_error(balance::errc::refused, "there are no orders; `dyad drill --client` gives them");
    if (env.in == nullptr) {
        return refuse_orders(env, none);
    }
    auto const orders = next_order(*env.in);
    auto const plan = orders ? read_plan(*orders) : balance::result<seat_plan>(none);
    if (!plan) {
        return refuse_orders(env, plan.error());
    }
    auto const epoch = owner_watch::clock::now();
    std::unique_ptr<owner_watch> watch;
    if (!plan->watched.empty()) {
        auto started = owner_watch::start(plan->watched, epoch);
        if (!started) {
            return refuse_orders(env, started.error());
        }
        watch = std::move(*started);
    }
    env.out << json::serialize(json::object{{"ready", this_machine().hostname}}) << '\n' << std::flush;
    obedient_probe probe(env.out, *plan, std::move(watch), epoch);
    while (auto const order = next_order(*env.in)) {
        if (order->contains("clock")) {
            probe.say_time(number(*order, "clock"));
        }
    }
    return exit_code::done;
}

} // namespace dyad::cli
