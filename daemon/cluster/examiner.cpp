// SPDX-License-Identifier: Apache-2.0
#include "cluster/examiner.hpp"

#include <boost/asio/post.hpp>

#include <exception>
#include <string>
#include <utility>

namespace dyad {

namespace {

using findings = std::vector<balance::finding>;

findings failure(std::string const& why) {
    return {{balance::finding::grade::untested, {}, {}, "the examination failed: " + why, {}}};
}

/// Nothing thrown leaves it: on a thread of its own that would end the process.
findings guarded(std::function<findings()> const& examine) {
    try {
        return examine();
    } catch (std::exception const& e) {
        return failure(e.what());
    } catch (...) {
        return failure("for no known reason");
    }
}

} // namespace

void examiner::examine(balance::configuration c, std::vector<balance::server_state> states, balance::examination how,
                       done answer) {
    auto waiting = std::make_shared<done>(std::move(answer));
    auto report = [this, waiting = std::weak_ptr(waiting)](findings found) {
        boost::asio::post(home_, [this, waiting, found = std::move(found)]() mutable {
            // Nobody waits when the object is gone: `this` is looked at after that.
            if (auto const asked = waiting.lock()) {
                answer_.reset();
                (*asked)(std::move(found));
            }
        });
    };
    try {
        thread_ = std::jthread([run = run_, report, c = std::move(c), states = std::move(states),
                                how = std::move(how)](std::stop_token stop) mutable {
            how.stop = std::move(stop);
            report(guarded([&] { return run(c, states, how); }));
        });
    } catch (std::exception const& e) { // no thread to be had
        report(failure(e.what()));
    }
    answer_ = std::move(waiting);
}

} // namespace dyad
