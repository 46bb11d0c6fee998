// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_process.hpp"

#include "config/config.hpp"
#include "config/listening.hpp"
#include "ipc/base64.hpp"
#include "ipc/fields.hpp"
#include "ipc/records.hpp"
#include "ipc/values.hpp"
#include "log/log.hpp"

#include <boost/asio/post.hpp>
#include <balance/share.hpp>

#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace dyad {

namespace {

constexpr std::chrono::milliseconds settle_limit{1000};
constexpr std::chrono::milliseconds flush_period{4}; ///< entries gather
constexpr std::chrono::milliseconds status_period{1000};
constexpr std::chrono::milliseconds errors_period{100};
constexpr std::chrono::milliseconds retire_period{100};
constexpr std::chrono::seconds last_words_limit{1}; ///< for the cluster process to take what a replaced process learnt last

void misunderstood(std::string_view type, balance::error const& why) {
    spdlog::error("message \"{}\": {}", type, why.detail);
}

/// Absent from a cluster process that knows of none.
std::vector<std::pair<std::string, std::string>> certificates_in(boost::json::object const& message) {
    std::vector<std::pair<std::string, std::string>> out;
    if (auto const* all = message.if_contains("certificates"); all != nullptr && all->is_object()) {
        for (auto const& [name, pem] : all->get_object()) {
            if (auto const bytes = ipc::from_base64(pem.is_string() ? pem.get_string() : std::string_view())) {
                out.emplace_back(std::string(name), std::string(bytes->begin(), bytes->end()));
            }
        }
    }
    return out;
}

} // namespace

proxy_process::proxy_process(int guardian_fd, balance::proxy::settings s)
    : proxy_(s),
      links_(io_, guardian_fd,
             {[this] {
                  introduced_ = false;
                  status_changes_.forget();
              },
              [this](boost::json::object const& m) { on_cluster(m); },
              [this](boost::json::object const& m, std::vector<ipc::descriptor> d) { on_guardian(m, std::move(d)); },
              [this](boost::json::object const& m, std::vector<ipc::descriptor> d) { log_to(m, std::move(d.front())); }}) {
    proxy_.on_sockets_wanted([this](std::size_t ipv4, std::size_t ipv6) {
        boost::asio::post(io_, [this, ipv4, ipv6] {
            links_.to_guardian({{"type", "sockets_wanted"}, {"ipv4", ipv4}, {"ipv6", ipv6}});
        });
    });
    proxy_.on_persistence([this](std::span<balance::persistence_entry const> entries) {
        if (outbox_.add(entries)) {
            boost::asio::post(io_, [this] { flush_later(); });
        }
    });
}

void proxy_process::run() {
    report_status();
    io_.run();
    proxy_.stop(); // its threads use the outbox
}

/// Without privileges we cannot make sockets for transparent services.
void proxy_process::take_sockets(boost::json::object const& message, std::vector<ipc::descriptor> descriptors) {
    std::vector<int> sockets;
    for (auto& d : descriptors) {
        sockets.push_back(d.release());
    }
    ipc::fields from(message);
    bool const ipv6 = from.truth("ipv6");
    if (bool const none = sockets.empty(); none && !std::exchange(without_sockets_, none)) {
        spdlog::warn("there are no sockets for transparent services: they need root or CAP_NET_ADMIN, and room for open files");
    } else if (!none) {
        without_sockets_ = false;
    }
    proxy_.supply_sockets(ipv6 ? std::vector<int>() : sockets, ipv6 ? sockets : std::vector<int>());
}

void proxy_process::on_guardian(boost::json::object const& message, std::vector<ipc::descriptor> descriptors) {
    auto const type = ipc::fields(message).text("type");
    if (type == "sockets") {
        return take_sockets(message, std::move(descriptors));
    }
    if (type == "retire") {
        return retire(message);
    }
    if (type == "accept_anew") {
        return proxy_.look_for_clients();
    }
    if (auto const taken = listeners_.take(message, std::move(descriptors)); !taken) {
        return misunderstood("listeners", taken.error());
    }
    if (configured_) {
        apply_when_settled();
    }
}

void proxy_process::retire(boost::json::object const& message) {
    ipc::fields from(message);
    auto const limit = from.make(from.duration("finish_within_ms"));
    if (!limit || std::exchange(retiring_, true)) {
        return misunderstood("retire", limit ? balance::make_error(balance::errc::protocol_error, "it was said before") : limit.error());
    }
    retire_until_ = std::chrono::steady_clock::now() + *limit;
    settle_timer_.cancel();
    page_.serve({}, {});
    listeners_ = {};
    proxy_.drain();
    proxy_.when_in_force([this] { boost::asio::post(io_, [this] { retired(); }); });
}

void proxy_process::retired() {
    auto const left = connections();
    spdlog::info("another process serves now; {} connections finish in this one", left);
    links_.to_guardian({{"type", "retiring"}, {"connections", left}});
    end_with_last_connection();
}

void proxy_process::end_with_last_connection() {
    auto const now = std::chrono::steady_clock::now();
    if (connections() == 0 || now >= retire_until_) {
        send_records(outbox_.take());
        tell_status();
        if (links_.all_sent() || now >= retire_until_ + last_words_limit) {
            return io_.stop();
        }
    }
    retire_timer_.expires_after(retire_period);
    retire_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            end_with_last_connection();
        }
    });
}

void proxy_process::on_cluster(boost::json::object const& message) {
    auto const type = ipc::fields(message).text("type");
    if (type == "configure") {
        configure(message);
    } else if (type == "states") {
        set_states(message);
    } else if (type == "records") {
        merge(message);
    } else if (type == "access_log") {
        log_to(message, {});
    } else if (type == "reset_clients") {
        auto const* const alone = message.if_contains("transparent");
        proxy_.reset_clients(alone != nullptr && *alone == true);
    } else {
        spdlog::error("the cluster process sent a message of unknown type \"{}\"", type);
    }
}

void proxy_process::configure(boost::json::object const& message) {
    ipc::fields from(message);
    auto text = from.make(from.text("cluster_toml"));
    auto states = ipc::unpack_all<balance::server_state>(message, "states");
    auto const page_port = from.make(from.number<std::uint16_t>("page_port"));
    if (!text || !states || !page_port) {
        return misunderstood("configure", !text ? text.error() : !states ? states.error() : page_port.error());
    }
    if (*text != text_ && !parse(std::move(*text))) {
        return;
    }
    desired_.page_port = *page_port;
    desired_.certificates = certificates_in(message);
    states_ = std::move(*states);
    configured_ = true;
    if (!std::exchange(introduced_, true)) {
        tell_tables();
    }
    links_.hear_guardian();
    apply_when_settled();
}

bool proxy_process::parse(std::string text) {
    auto parsed = reader_.read(text, "cluster.toml", {});
    if (!parsed.value) {
        for (auto const& fault : parsed.diagnostics) {
            spdlog::error("{}", config::to_string(fault));
        }
        return false;
    }
    desired_ = std::move(parsed.value->services);
    text_ = std::move(text);
    return true;
}

void proxy_process::set_states(boost::json::object const& message) {
    auto states = ipc::unpack_all<balance::server_state>(message, "states");
    if (!states) {
        return misunderstood("states", states.error());
    }
    states_ = std::move(*states);
    if (configured_) {
        apply_when_settled();
    }
}

void proxy_process::merge(boost::json::object const& message) {
    auto const records = ipc::records_in(message);
    if (!records) {
        return misunderstood("records", records.error());
    }
    proxy_.merge(records->entries);
}

void proxy_process::log_to(boost::json::object const& message, ipc::descriptor file) {
    ipc::fields from(message);
    bool const journal = from.truth("journal");
    auto const rate = from.make(from.number<std::uint32_t>("rate"));
    if (from.text("type") != "access_log" || !rate) {
        return misunderstood("access_log", rate ? balance::make_error(balance::errc::protocol_error, "unexpected descriptors")
                                                : rate.error());
    }
    if (journal) {
        file.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    }
    proxy_.log_to({file.release(), *rate, journal && log::stderr_is_journal() ? "<6>access: " : ""});
}

void proxy_process::tell_of_dropped_records() {
    auto const all = proxy_.dropped_records();
    if (auto const fresh = all - std::exchange(told_dropped_, all); fresh != 0) {
        spdlog::warn("{} records of the access log were dropped: they were more than its rate, or came faster than they could be written", fresh);
    }
}

void proxy_process::apply_when_settled() {
    auto wanted = config::endpoints_of(desired_);
    wanted.merge(config::page_endpoints(desired_));
    if (retiring_ || listeners_.settled(wanted)) {
        settle_timer_.cancel();
        settling_ = false;
        return apply();
    }
    if (std::exchange(settling_, true)) {
        return;
    }
    settle_timer_.expires_after(settle_limit);
    settle_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && std::exchange(settling_, false)) {
            spdlog::warn("some listening sockets have not come: the other services are served");
            apply();
        }
    });
}

void proxy_process::apply() {
    auto reachable =
        config::restrict_to(desired_, [this](balance::endpoint const& e) { return retiring_ || listeners_.has(e); });
    auto const of_page = config::page_endpoints(desired_);
    if (!retiring_) {
        listen(config::endpoints_of(reachable), of_page);
    }
    for (auto& s : reachable.services) {
        balance::endpoint const page{s.address.value_or(balance::address{}), desired_.page_port};
        if (s.mode == balance::mode::tcp && s.fallback.mode == balance::fallback::kind::local && of_page.contains(page)) {
            s.fallback.target = page;
        }
    }
    proxy_.apply(balance::with_shares(std::move(reachable), states_), states_);
    error_watch_.configure(desired_.services, states_);
    if (!std::exchange(serves_, true)) {
        proxy_.when_in_force([this] {
            boost::asio::post(io_, [this] { links_.to_guardian({{"type", "serving"}, {"version", DYAD_VERSION}}); });
        });
    }
    look_for_errors(); // a server's errors count from the moment that it is up
    if (!error_watch_.empty() && !std::exchange(watching_, true)) {
        watch_errors();
    }
}

void proxy_process::listen(std::set<balance::endpoint> wanted, std::set<balance::endpoint> const& of_page) {
    wanted.insert(of_page.begin(), of_page.end());
    auto fresh = listeners_.hand_over(wanted);
    auto const first_of_page =
        std::partition(fresh.begin(), fresh.end(), [&](auto const& l) { return !of_page.contains(l.local); });
    page_.serve({first_of_page, fresh.end()}, of_page);
    fresh.erase(first_of_page, fresh.end());
    proxy_.use_listeners(std::move(fresh));
}

void proxy_process::watch_errors() {
    errors_timer_.expires_after(errors_period);
    errors_timer_.async_wait([this](boost::system::error_code ec) {
        watching_ = !ec && !error_watch_.empty();
        if (!watching_) {
            return;
        }
        look_for_errors();
        watch_errors();
    });
}

void proxy_process::look_for_errors() {
    if (error_watch_.empty()) {
        return;
    }
    auto const now = std::chrono::steady_clock::now();
    if (auto const reports = error_watch_.look(proxy_.observed_errors(), now); !reports.empty()) {
        links_.to_cluster({{"type", "errors"}, {"reports", ipc::pack_all(reports)}});
    }
}

void proxy_process::send_records(std::string const& bytes) {
    if (!bytes.empty()) {
        links_.to_cluster(ipc::records_message(bytes));
    }
}

/// To a cluster process that knows nothing yet.
void proxy_process::tell_tables() {
    balance::persistence_writer writer;
    for (auto const& e : proxy_.persistence_snapshot()) {
        writer.add(balance::as_record(e));
        if (writer.size() >= ipc::records_in_a_message) {
            send_records(writer.take());
        }
    }
    send_records(writer.take());
}

void proxy_process::flush_later() {
    flush_timer_.expires_after(flush_period);
    flush_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            send_records(outbox_.take()); // lost without a cluster process: the next one gets all tables
        }
    });
}

void proxy_process::report_status() {
    status_timer_.expires_after(status_period);
    status_timer_.async_wait([this](boost::system::error_code ec) {
        if (ec) {
            return;
        }
        tell_of_dropped_records();
        tell_status();
        report_status();
    });
}

void proxy_process::tell_status() {
    if (!configured_ || !links_.has_cluster()) {
        return;
    }
    auto const news = status_changes_.pick(status());
    auto const open = connections();
    if (!news.whole && news.services.empty() && open == told_connections_) {
        return;
    }
    told_connections_ = open;
    links_.to_cluster(
        {{"type", "status"}, {"whole", news.whole}, {"connections", open}, {"services", ipc::pack_all(news.services)}});
}

std::vector<balance::service_status> proxy_process::status() const {
    auto all = proxy_.status();
    if (!listeners_.any_failed()) {
        return all;
    }
    for (auto& s : all) {
        auto const described = std::ranges::find(desired_.services, s.name, &balance::virtual_service::name);
        if (!s.not_served.empty() || described == desired_.services.end()) {
            continue;
        }
        balance::configuration alone;
        alone.services = {*described};
        auto const wanted = config::endpoints_of(alone);
        bool const none = std::ranges::none_of(wanted, [this](auto const& e) { return listeners_.has(e); });
        if (auto const* why = none && !wanted.empty() ? listeners_.failure(*wanted.begin()) : nullptr) {
            s.not_served = *why;
        }
    }
    return all;
}

} // namespace dyad
