// SPDX-License-Identifier: Apache-2.0
#include "guardian/proxy_processes.hpp"

#include "ipc/fields.hpp"

#include <spdlog/spdlog.h>

#include <signal.h>

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

/// One that was told to retire stops accepting within milliseconds.
constexpr std::chrono::seconds retirement_patience{3};
/// It ends by itself at its limit; this is for one that does not.
constexpr std::chrono::seconds beyond_limit{5};

boost::json::object const accept_anew{{"type", "accept_anew"}};

} // namespace

proxy_processes::proxy_processes(boost::asio::io_context& io, child_spec spec, std::chrono::milliseconds patience, handlers h)
    : io_(io), handlers_(std::move(h)), patience_(patience),
      serving_(io, std::move(spec),
               {[this] { handlers_.started(*serving_.child()); }, [this](child_end) { handlers_.ended(); },
                [this](running_child& from, boost::json::object const& m) { on_message(from, m); }}),
      timer_(io) {}

void proxy_processes::replace(std::shared_ptr<program const> p, std::chrono::milliseconds finish_within,
                              std::function<void(replacement const&)> done) {
    std::string refusal;
    if (leaving_) {
        refusal = "dyadd is stopping";
    } else if (done_ || next_) {
        refusal = "a replacement of the proxy is under way already";
    } else if (retirees_.size() >= most_retirees) {
        refusal = std::to_string(retirees_.size()) + " proxies that were replaced still finish their connections; try again when one of "
                                                     "them has ended, `dyad status` shows them";
    }
    if (!refusal.empty()) {
        return done({.error = refusal});
    }
    next_spec_ = {"proxy", {}, {}, nullptr, std::move(p)};
    why_no_program_.clear();
    auto started = running_child::start(io_, next_spec_,
                                        {[this](running_child&, child_end how) { next_ended(how); },
                                         [this](running_child& from, boost::json::object const& m) { on_message(from, m); }});
    if (!started) {
        return done({.error = started.error().detail});
    }
    next_ = std::move(*started);
    finish_within_ = finish_within;
    done_ = std::move(done);
    outcome_ = {.was = serving_.pid(), .pid = next_->pid()};
    spdlog::info("proxy process started beside the one that serves, pid {}", next_->pid());
    timer_.expires_after(patience_);
    timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && done_) {
            fail("the new process (pid " + std::to_string(outcome_.pid) + ") did not serve within " +
                 std::to_string(patience_.count()) + " ms");
        }
    });
    handlers_.started(*next_);
}

void proxy_processes::on_message(running_child& from, boost::json::object const& message) {
    ipc::fields of(message);
    auto const type = of.text("type");
    if (type == "serving") {
        if (&from == next_.get() && done_ && !leaving_) {
            next_serves(of.text("version"));
        }
    } else if (type == not_a_program) {
        why_no_program_ = of.text("text");
    } else if (type == "retiring") {
        auto const connections = of.make(of.number<std::uint64_t>("connections"));
        stopped_accepting(from.pid(), connections ? *connections : 0);
    } else {
        handlers_.message(from, message);
    }
}

void proxy_processes::next_serves(std::string version) {
    outcome_.version = std::move(version);
    auto old = serving_.replace(std::move(next_), next_spec_);
    outcome_.was = old ? old->pid() : -1;
    if (old) {
        put_aside(std::move(old));
    }
    handlers_.changed();
    if (outcome_.was < 0) {
        return stopped_accepting(outcome_.was, 0);
    }
    timer_.expires_after(retirement_patience);
    timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            stopped_accepting(outcome_.was, 0);
        }
    });
}

void proxy_processes::put_aside(std::unique_ptr<running_child> old) {
    spdlog::info("proxy process (pid {}) was replaced, it finishes what it has", old->pid());
    old->hand_to({[this](running_child& who, child_end how) { retiree_ended(who, how); },
                  [this](running_child& from, boost::json::object const& m) { on_message(from, m); }});
    old->send({{"type", "retire"}, {"finish_within_ms", finish_within_.count()}});
    auto limit = std::make_unique<boost::asio::steady_timer>(io_, finish_within_ + beyond_limit);
    limit->async_wait([this, pid = old->pid()](boost::system::error_code ec) {
        auto const found = std::ranges::find(retirees_, pid, [](retiree const& r) { return r.child->pid(); });
        if (!ec && found != retirees_.end()) {
            spdlog::error("proxy process (pid {}) was replaced and does not end: killed", pid);
            found->child->signal(SIGKILL);
        }
    });
    retirees_.push_back({std::move(old), std::chrono::steady_clock::now(), std::move(limit)});
}

/// Whom the kernel told it of alone must not be forgotten.
void proxy_processes::stopped_accepting(pid_t who, std::uint64_t connections) {
    if (serving_.running()) {
        serving_.child()->send(accept_anew);
    }
    if (who != outcome_.was || next_ || !done_) {
        return; // one that was replaced before
    }
    timer_.cancel();
    outcome_.connections = connections;
    std::exchange(done_, nullptr)(outcome_);
}

void proxy_processes::next_ended(child_end how) {
    auto const ended = std::exchange(next_, nullptr); // it lives until its own callback is over
    spdlog::warn("proxy process (pid {}) {} before it served", ended->pid(), how.text());
    if (done_) {
        fail(!why_no_program_.empty() ? why_no_program_
                                      : "the new process (pid " + std::to_string(ended->pid()) + ") " + how.text() +
                                            " before it served; its last words are in the log");
    }
    if (serving_.running()) {
        serving_.child()->send(accept_anew);
    }
    handlers_.ended();
}

void proxy_processes::retiree_ended(running_child& who, child_end how) {
    auto const found = std::ranges::find(retirees_, &who, [](retiree const& r) { return r.child.get(); });
    auto const ended = std::move(*found); // it lives until its own callback is over
    retirees_.erase(found);
    spdlog::info("proxy process (pid {}) that was replaced {}", who.pid(), how.text());
    stopped_accepting(who.pid(), 0); // it may have died before it could say so
    handlers_.changed();
    handlers_.ended();
}

void proxy_processes::fail(std::string why) {
    timer_.cancel();
    auto const done = std::exchange(done_, nullptr);
    if (next_) {
        next_->signal(SIGKILL);
    }
    outcome_.error = std::move(why) + "; the one before goes on";
    done(outcome_);
}

void proxy_processes::retire() {
    leaving_ = true;
    serving_.retire();
}

void proxy_processes::signal(int number) {
    for (auto* child : all()) {
        child->signal(number);
    }
}

std::vector<running_child*> proxy_processes::accepting() const {
    std::vector<running_child*> out;
    for (auto* child : {serving_.child(), next_.get()}) {
        if (child != nullptr) {
            out.push_back(child);
        }
    }
    return out;
}

std::vector<running_child*> proxy_processes::all() const {
    auto out = accepting();
    for (auto const& r : retirees_) {
        out.push_back(r.child.get());
    }
    return out;
}

boost::json::object proxy_processes::describe() const {
    auto const now = std::chrono::steady_clock::now();
    boost::json::array retiring;
    for (auto const& r : retirees_) {
        auto const since = std::chrono::duration_cast<std::chrono::milliseconds>(now - r.since);
        retiring.push_back(boost::json::object{{"pid", r.child->pid()}, {"retiring_ms", since.count()}});
    }
    return {{"type", "proxies"}, {"serving", serving_.pid()}, {"retiring", std::move(retiring)}};
}

} // namespace dyad
