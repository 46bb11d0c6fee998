// SPDX-License-Identifier: Apache-2.0
#include "log/log.hpp"

#include "log/limited_sink.hpp"
#include "log/priority.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace dyad::log {

namespace {

/// The %K of a pattern: "<4>", the priority of syslog(3) that sd-daemon(3) reads.
class priority_flag final : public spdlog::custom_flag_formatter {
public:
    void format(spdlog::details::log_msg const& message, std::tm const&, spdlog::memory_buf_t& out) override {
        char const prefix[] = {'<', priority_of(message.level), '>'};
        out.append(prefix, prefix + sizeof prefix);
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<priority_flag>();
    }
};

std::unique_ptr<spdlog::formatter> formatter_for(bool journal) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<priority_flag>('K').set_pattern(journal ? "%K%n: %v" : "%Y-%m-%d %H:%M:%S.%e %n %l: %v");
    return formatter;
}

} // namespace

bool stderr_is_journal() {
    auto const* const stream = std::getenv("JOURNAL_STREAM");
    struct stat file {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &file) == 0 && is_stream(stream, file.st_dev, file.st_ino);
}

bool set_up(std::string_view level, std::string_view process) {
    auto const wanted = level_of(level);
    if (!wanted) {
        return false;
    }
    auto sink = std::make_shared<limited_sink>(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    sink->set_formatter(formatter_for(stderr_is_journal()));
    auto logger = std::make_shared<spdlog::logger>(std::string(process), std::move(sink));
    logger->set_level(*wanted);
    spdlog::set_default_logger(std::move(logger));
    return true;
}

void set_process(std::string_view name) {
    auto const before = spdlog::default_logger();
    auto logger = before->clone(std::string(name));
    spdlog::set_default_logger(std::move(logger));
}

} // namespace dyad::log
