// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "log/repeat_filter.hpp"

#include <spdlog/sinks/base_sink.h>

#include <memory>
#include <mutex>

namespace dyad::log {

/// Passes lines on to another sink, repeated ones as `repeat_filter` decides; says how many it held back.
class limited_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit limited_sink(std::shared_ptr<spdlog::sinks::sink> next) : next_(std::move(next)) {}

protected:
    void sink_it_(spdlog::details::log_msg const& message) override;
    void flush_() override { next_->flush(); }
    void set_pattern_(std::string const& pattern) override { next_->set_pattern(pattern); }
    void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
        next_->set_formatter(std::move(formatter));
    }

private:
    std::shared_ptr<spdlog::sinks::sink> next_;
    repeat_filter filter_;
};

} // namespace dyad::log
