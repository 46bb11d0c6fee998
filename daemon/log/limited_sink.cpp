// SPDX-License-Identifier: Apache-2.0
#include "log/limited_sink.hpp"

#include <string>
#include <string_view>

namespace dyad::log {

void limited_sink::sink_it_(spdlog::details::log_msg const& message) {
    auto const verdict = filter_.admit(message.time, {message.payload.data(), message.payload.size()});
    if (!verdict.passes) {
        return;
    }
    if (verdict.skipped > 0) {
        auto const text = "the next line was repeated " + std::to_string(verdict.skipped) + " times and not shown";
        spdlog::details::log_msg note(message.time, message.source, message.logger_name, message.level, text);
        next_->log(note);
    }
    next_->log(message);
}

} // namespace dyad::log
