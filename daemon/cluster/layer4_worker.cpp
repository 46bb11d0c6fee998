// SPDX-License-Identifier: Apache-2.0
#include "cluster/layer4_worker.hpp"

#include <boost/asio/post.hpp>

#include <sys/resource.h>

#include <utility>

namespace dyad {

namespace {

/// Processor time of this thread and of the programs it has waited for.
std::chrono::microseconds spent() {
    std::chrono::microseconds out{0};
    for (int const who : {RUSAGE_THREAD, RUSAGE_CHILDREN}) {
        rusage used{};
        ::getrusage(who, &used);
        for (auto const& t : {used.ru_utime, used.ru_stime}) {
            out += std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
        }
    }
    return out;
}

} // namespace

void layer4_worker::apply(std::shared_ptr<balance::configuration const> desired, std::vector<balance::server_state> states, applied done) {
    timed([this, desired = std::move(desired), states = std::move(states)] { return layer4_.apply(*desired, states); }, std::move(done));
}

void layer4_worker::apply_again(applied done) {
    timed([this] { return layer4_.apply_again(); }, std::move(done));
}

void layer4_worker::timed(std::function<balance::result<std::vector<balance::layer4::change>>()> work, applied done) {
    boost::asio::post(thread_, [this, work = std::move(work), done = std::move(done)]() mutable {
        auto const before = spent();
        auto outcome = work();
        auto const cost = spent() - before;
        boost::asio::post(home_, [done = std::move(done), outcome = std::move(outcome), cost]() mutable {
            done(std::move(outcome), cost);
        });
    });
}

void layer4_worker::hold_unknown(bool on) {
    boost::asio::post(thread_, [this, on] { layer4_.hold_unknown(on); });
}

void layer4_worker::guard_interface(std::string name) {
    boost::asio::post(thread_, [this, name = std::move(name)]() mutable { layer4_.guard_interface(std::move(name)); });
}

void layer4_worker::status(status_read done) {
    auto work = [this, done = std::move(done)]() mutable {
        auto outcome = layer4_.status();
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    };
    boost::asio::post(thread_, std::move(work));
}

void layer4_worker::start_sync(balance::connection_sync::settings s, synced done) {
    boost::asio::post(thread_, [this, s = std::move(s), done = std::move(done)]() mutable {
        auto started = balance::connection_sync::start(std::move(s));
        balance::result<std::shared_ptr<balance::connection_sync>> outcome =
            started ? balance::result<std::shared_ptr<balance::connection_sync>>(
                          std::make_shared<balance::connection_sync>(std::move(*started)))
                    : started.error();
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    });
}

void layer4_worker::end_sync(std::shared_ptr<balance::connection_sync> sync) {
    boost::asio::post(thread_, [sync = std::move(sync)]() mutable { sync.reset(); });
}

void layer4_worker::start_watch(watching done) {
    boost::asio::post(thread_, [this, done = std::move(done)]() mutable {
        auto opened = balance::layer4_watch::open({});
        balance::result<std::shared_ptr<balance::layer4_watch>> outcome =
            opened ? balance::result<std::shared_ptr<balance::layer4_watch>>(
                         std::make_shared<balance::layer4_watch>(std::move(*opened)))
                   : opened.error();
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    });
}

void layer4_worker::end_watch(std::shared_ptr<balance::layer4_watch> watch) {
    boost::asio::post(thread_, [watch = std::move(watch)]() mutable { watch.reset(); });
}

void layer4_worker::prepare_chain(balance::daisy_chain& chain, balance::daisy_chain::settings s,
                                  std::function<void(balance::result<bool>)> done) {
    boost::asio::post(thread_, [this, &chain, s = std::move(s), done = std::move(done)]() mutable {
        auto outcome = chain.prepare(s);
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    });
}

void layer4_worker::run_script(std::string path, order when, std::chrono::milliseconds limit,
                               std::function<void(balance::result<>)> done) {
    auto work = [this, path = std::move(path), limit, done = std::move(done)]() mutable {
        auto outcome = balance::layer4::run_script(path, limit, stop_.get_token());
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    };
    boost::asio::post(when == order::before ? thread_ : scripts_, std::move(work));
}

} // namespace dyad
