// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/checker.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace balance::probe {

/// What one run of a check does and sees, in bounded memory.
///
/// A run of every day keeps the name of its present step and the first bytes that came back; one for an operator, after
/// `keep_steps`, each step with its duration and the first bytes both ways.
class transcript {
public:
    using clock = std::chrono::steady_clock;

    void keep_steps() noexcept { keeps_steps_ = true; }
    [[nodiscard]] bool keeps_steps() const noexcept { return keeps_steps_; }

    /// Begins a step, named by what is waited for: "connection", "answer". The one before ends.
    void step(std::string_view name);
    /// Secrets are the caller's to leave out.
    void sent(std::string_view bytes);
    void received(std::string_view bytes);
    /// Something found out in this step that is not in the bytes.
    void note(std::string_view text);

    [[nodiscard]] std::string const& waiting_for() const noexcept { return name_; }
    /// The first bytes that came back, as `check_result::received` promises them.
    [[nodiscard]] std::string beginning() const;
    /// Ends the last step. Empty unless `keep_steps` was called.
    [[nodiscard]] std::vector<check_step> take_steps();

private:
    struct raw_step {
        std::string name;
        clock::time_point began;
        clock::time_point ended{};
        std::string sent{};
        std::size_t sent_bytes = 0;
        std::string received{};
        std::size_t received_bytes = 0;
        std::string note{};
    };

    [[nodiscard]] raw_step* present() noexcept { return steps_.empty() ? nullptr : &steps_.back(); }

    std::string name_;
    std::string beginning_;
    std::vector<raw_step> steps_;
    bool keeps_steps_ = false;
};

} // namespace balance::probe
