// SPDX-License-Identifier: Apache-2.0
#include <cli/seat.hpp>

#include <deque>
#include <utility>

namespace dyad::cli {
namespace {

class own_seat final : public seat {
public:
    own_seat(std::string name, seat_plan plan) : name_(std::move(name)), plan_(std::move(plan)) {
        for (auto const& target : plan_.targets) {
            probes_.emplace_back(target, epoch_);
        }
    }

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] seat_plan const& plan() const override { return plan_; }
    [[nodiscard]] std::int64_t at(clock::time_point moment) const override {
        return std::chrono::duration_cast<std::chrono::microseconds>(moment - epoch_).count();
    }
    [[nodiscard]] std::int64_t uncertain() const override { return 0; }
    void compare_clocks() override {}
    [[nodiscard]] balance::result<> reported(std::int64_t, std::chrono::milliseconds) override { return {}; }
    [[nodiscard]] std::vector<attempt> attempts(std::size_t target) const override { return probes_.at(target).attempts(); }
    [[nodiscard]] std::vector<owner_sample> owners(std::size_t) const override { return {}; }

private:
    std::string const name_;
    seat_plan const plan_;
    clock::time_point const epoch_ = clock::now();
    std::deque<prober> probes_;
};

} // namespace

std::unique_ptr<seat> seat_here(std::string name, seat_plan plan) {
    return std::make_unique<own_seat>(std::move(name), std::move(plan));
}

} // namespace dyad::cli
