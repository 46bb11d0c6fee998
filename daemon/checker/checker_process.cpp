// SPDX-License-Identifier: Apache-2.0
#include "checker/checker_process.hpp"

#include "config/config.hpp"
#include "config/first_state.hpp"
#include "ipc/fields.hpp"
#include "ipc/values.hpp"

#include <balance/text.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace dyad {

namespace {

constexpr std::chrono::milliseconds tick_period{500};
constexpr std::chrono::milliseconds short_tick{20};   ///< while there is more to tell
constexpr std::size_t most_results = 300;             ///< told at once: no check waits for it
constexpr std::chrono::seconds longest_test{50}; ///< an operator's patience, and that of `dyad`, ends at a minute

boost::json::object health_message(balance::health_event const& e) {
    auto message = ipc::pack(e);
    message["type"] = "health";
    return message;
}

} // namespace

checker_process::checker_process(int guardian_fd, balance::checker::settings s)
    : checker_(io_.get_executor(), s),
      links_(io_, guardian_fd,
             {[this] {
                  introduced_ = false;
                  checker_.repeat_news();
              },
              [this](boost::json::object const& m) { on_cluster(m); }, [](auto const&, auto&&) {}}) {
    checker_.on_event([this](balance::health_event const& e) {
        links_.to_cluster(health_message(e));
        for (auto& call : hooks_.of(e)) {
            programs_.run(std::move(call));
        }
    });
    programs_.on_trouble([this](std::string const& text) { links_.to_cluster({{"type", "hook"}, {"text", text}}); });
}

void checker_process::run() {
    tick();
    io_.run();
    checker_.stop();
}

void checker_process::on_cluster(boost::json::object const& message) {
    auto const type = ipc::fields(message).text("type");
    if (type == "configure") {
        configure(message);
    } else if (type == "history") {
        tell_history(message);
    } else if (type == "test") {
        test(message);
    } else if (type == "pace") {
        checker_.pace(ipc::fields(message).number<unsigned>("factor"));
    } else if (type == "seed") {
        seed(message);
    } else if (type == "check_now") {
        check_now(message);
    } else if (type == "errors") {
        report_errors(message);
    } else {
        spdlog::error("the cluster process sent a message of unknown type \"{}\"", type);
    }
}

void checker_process::configure(boost::json::object const& message) {
    ipc::fields from(message);
    auto text = from.make(from.text("cluster_toml"));
    auto unusual = ipc::unpack_all<balance::server_state>(message, "known");
    if (!text || !unusual) {
        spdlog::error("message \"configure\": {}", (text ? unusual.error() : text.error()).detail);
        return;
    }
    if (*text != text_) {
        auto parsed = reader_.read(*text, "cluster.toml", {});
        if (!parsed.value) {
            for (auto const& fault : parsed.diagnostics) {
                spdlog::error("{}", config::to_string(fault));
            }
            return;
        }
        services_ = std::move(parsed.value->services.services);
        common_hook_ = std::move(parsed.value->on_change);
        hook_limits_ = parsed.value->hooks;
        text_ = std::move(*text);
    }
    take_secrets(message);
    programs_.configure(hook_limits_);
    auto const known = config::with_usual(std::move(*unusual), services_);
    hooks_.configure(services_, common_hook_, known);
    checker_.apply(services_, known);
    if (!std::exchange(introduced_, true)) {
        tell_what_differs(known);
    }
}

/// Of files that only the cluster process may read. A check whose secret is not there says so when it is made.
void checker_process::take_secrets(boost::json::object const& message) {
    auto const* const all = message.if_contains("secrets");
    auto const secret = [all](std::string const& file) -> std::string {
        auto const* const text = all != nullptr && all->is_object() ? all->get_object().if_contains(file) : nullptr;
        return text != nullptr && text->is_string() ? std::string(text->get_string()) : std::string();
    };
    for (auto& service : services_) {
        auto& check = service.check;
        if (!check.password_file.empty()) {
            check.password = secret(check.password_file);
        }
        if (!check.secret_file.empty()) {
            check.secret = secret(check.secret_file);
        }
    }
}

void checker_process::seed(boost::json::object const& message) {
    if (auto const found = ipc::unpack_all<balance::health_event>(message, "found"); found) {
        checker_.seed(*found);
    } else {
        spdlog::error("message \"seed\": {}", found.error().detail);
    }
}

void checker_process::check_now(boost::json::object const& message) {
    if (auto const keys = ipc::unpack_all<balance::server_key>(message, "servers"); keys) {
        checker_.check_now(*keys);
    } else {
        spdlog::error("message \"check_now\": {}", keys.error().detail);
    }
}

void checker_process::report_errors(boost::json::object const& message) {
    auto const reports = ipc::unpack_all<ipc::error_report>(message, "reports");
    if (!reports) {
        spdlog::error("message \"errors\": {}", reports.error().detail);
        return;
    }
    for (auto const& r : *reports) {
        checker_.report_errors(r.key, r.reason, r.take_down);
    }
}

void checker_process::tell_history(boost::json::object const& message) {
    ipc::fields from(message);
    auto const id = from.number<std::uint64_t>("id");
    balance::server_key const key{from.text("service"), from.text("server")};
    links_.to_cluster({{"type", "history"}, {"id", id}, {"history", ipc::pack_all(checker_.history(key))}});
}

void checker_process::test(boost::json::object const& message) {
    ipc::fields from(message);
    auto const id = from.number<std::uint64_t>("id");
    auto const service_name = from.text("service");
    auto const server_name = from.text("server");
    for (auto service : services_) {
        for (auto const& server : service.servers) {
            if (service.name != service_name || server.name != server_name) {
                continue;
            }
            service.check.timeout = std::min<std::chrono::milliseconds>(service.check.timeout, longest_test);
            auto head = boost::json::object{{"type", "tested"},
                                            {"id", id},
                                            {"check", balance::to_string(service.check.type)},
                                            {"timeout_ms", service.check.timeout.count()}};
            checker_.test(service, server, [this, head = std::move(head)](balance::check_trial const& trial) {
                auto answer = ipc::pack(trial);
                answer.insert(head.begin(), head.end());
                links_.to_cluster(answer);
            });
            return;
        }
    }
    links_.to_cluster({{"type", "tested"},
                       {"id", id},
                       {"error", "the health checks know no " + service_name + "/" + server_name + " yet; try again"}});
}

void checker_process::tell_what_differs(std::vector<balance::server_state> const& known) {
    std::map<balance::server_key, balance::server_state> believed;
    for (auto const& state : known) {
        believed[state.key] = state;
    }
    for (auto const& entry : checker_.snapshot()) {
        auto const it = believed.find(entry.key);
        auto const then = it == believed.end() ? balance::server_state{} : it->second;
        bool const other_health = entry.health != balance::health::unknown && entry.health != then.health;
        if (other_health || entry.agent.share != then.share || !entry.agent.said.empty()) {
            links_.to_cluster(health_message({entry.key, entry.health, entry.last, entry.agent}));
        }
    }
}

void checker_process::tick() {
    timer_.expires_after(more_to_tell_ ? short_tick : tick_period);
    timer_.async_wait([this](boost::system::error_code ec) {
        if (ec) {
            return;
        }
        more_to_tell_ = false;
        if (introduced_ && links_.has_cluster()) {
            std::vector<ipc::last_result> changed;
            for (auto& s : checker_.news(most_results)) {
                changed.push_back({std::move(s.key), std::move(s.last.reason), s.last.latency});
            }
            more_to_tell_ = changed.size() == most_results;
            if (!changed.empty()) {
                links_.to_cluster({{"type", "results"}, {"entries", ipc::pack_all(changed)}});
            }
            if (auto const now = std::chrono::steady_clock::now(); now >= tell_lateness_at_) {
                tell_lateness_at_ = now + lateness_period;
                links_.to_cluster({{"type", "lateness"}, {"time", ipc::pack(checker_.take_lateness())}});
            }
        }
        tick();
    });
}

} // namespace dyad
