// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/probe.hpp"
#include "probe/reason.hpp"

#include <boost/asio/post.hpp>

#include <memory>
#include <string>
#include <utility>

namespace balance::probe {

/// The file that this check's password or secret should have come from and did not; empty when nothing is missing.
[[nodiscard]] inline std::string missing_secret(health_check const& c) {
    return !c.password_file.empty() && c.password.empty() ? c.password_file
           : !c.secret_file.empty() && c.secret.empty()   ? c.secret_file
                                                          : std::string();
}

/// Fails: without its password a check would only tell a server of an attempt to break in.
class unread_secret final : public probe, public std::enable_shared_from_this<unread_secret> {
public:
    unread_secret(boost::asio::any_io_executor executor, std::string file)
        : executor_(std::move(executor)), file_(std::move(file)) {}

    void start(done report) override {
        log().step("secret");
        report_ = std::move(report);
        boost::asio::post(executor_, [self = shared_from_this()] {
            if (auto const report_now = std::exchange(self->report_, nullptr))
                report_now(failure("this node cannot read " + self->file_ + ", or it is empty; see the events"));
        });
    }
    void abort() override { report_ = nullptr; }

private:
    boost::asio::any_io_executor executor_;
    std::string file_;
    done report_;
};

} // namespace balance::probe
