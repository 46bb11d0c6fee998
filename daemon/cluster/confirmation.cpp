// SPDX-License-Identifier: Apache-2.0
#include "cluster/confirmation.hpp"

#include "cluster/state_files.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <time.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <tuple>
#include <utility>

namespace dyad {

namespace json = boost::json;

namespace {

constexpr std::int64_t longest_period_ms = std::int64_t{30} * 24 * 3600 * 1000;

/// The member as a number from 0 to `most`; nothing when it is something else.
template <class T>
std::optional<T> bounded(json::object const& o, char const* name, T most = std::numeric_limits<T>::max()) {
    auto const* value = o.if_contains(name);
    boost::system::error_code ec;
    auto const n = value && value->is_number() ? value->to_number<T>(ec) : T{};
    if (!value || !value->is_number() || ec || n < 0 || n > most) {
        return std::nullopt;
    }
    return n;
}

json::object pack(std::optional<awaited_confirmation> const& a) {
    if (!a) {
        return {};
    }
    return {{"term", a->version.term},
            {"generation", a->version.generation},
            {"back_to_term", a->back_to.term},
            {"back_to_generation", a->back_to.generation},
            {"period_ms", a->period.count()}};
}

/// An empty object waits for nothing. False when it is not understood.
bool unpack(json::object const& o, std::optional<awaited_confirmation>& out) {
    out.reset();
    if (o.empty()) {
        return true;
    }
    auto const term = bounded<std::uint32_t>(o, "term");
    auto const generation = bounded<std::uint64_t>(o, "generation");
    auto const back_to_term = bounded<std::uint32_t>(o, "back_to_term");
    auto const back_to_generation = bounded<std::uint64_t>(o, "back_to_generation");
    auto const period = bounded<std::int64_t>(o, "period_ms", longest_period_ms);
    if (!term || !generation || !back_to_term || !back_to_generation || !period) {
        return false;
    }
    out = awaited_confirmation{
        {*term, *generation}, {*back_to_term, *back_to_generation}, std::chrono::milliseconds(*period)};
    return true;
}

} // namespace

boot_moment boot_moment::now() {
    timespec at{};
    ::clock_gettime(CLOCK_BOOTTIME, &at); // goes on while the machine sleeps
    boot_moment m;
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::getline(in, m.boot);
    m.ms = std::int64_t{at.tv_sec} * 1000 + at.tv_nsec / 1'000'000;
    return m;
}

void confirmation::await(awaited_confirmation const& what, boot_moment const& now, cluster::node_id writer) {
    awaited_ = what;
    deadline_ = {now.boot, now.ms + what.period.count()};
    ++stamp_;
    writer_ = writer;
}

void confirmation::settle(cluster::node_id writer) {
    awaited_.reset();
    deadline_ = {};
    ++stamp_;
    writer_ = writer;
}

std::chrono::milliseconds confirmation::left(boot_moment const& now) const {
    if (!awaited_ || now.boot != deadline_.boot) {
        return std::chrono::milliseconds(0);
    }
    auto const ms = std::clamp<std::int64_t>(deadline_.ms - now.ms, 0, awaited_->period.count());
    return std::chrono::milliseconds(ms);
}

cluster::shared_document confirmation::document() const {
    return {document_name, stamp_, writer_, json::serialize(pack(awaited_))};
}

bool confirmation::merge(cluster::shared_document const& d, boot_moment const& now) {
    if (std::tie(d.stamp, d.writer) <= std::tie(stamp_, writer_)) {
        return false;
    }
    boost::system::error_code ec;
    auto const value = json::parse(d.bytes, ec);
    std::optional<awaited_confirmation> said;
    if (ec || !value.is_object() || !unpack(value.get_object(), said)) {
        return false;
    }
    // The countdown goes on when the same is only said again.
    if (said != awaited_) {
        deadline_ = said ? boot_moment{now.boot, now.ms + said->period.count()} : boot_moment{};
    }
    awaited_ = said;
    stamp_ = d.stamp;
    writer_ = d.writer;
    return true;
}

std::string confirmation::text() const {
    return json::serialize(json::object{{"stamp", stamp_},
                                        {"writer", static_cast<unsigned>(writer_)},
                                        {"awaited", pack(awaited_)},
                                        {"boot", deadline_.boot},
                                        {"deadline_ms", deadline_.ms}});
}

confirmation confirmation::from_text(std::string const& text) {
    boost::system::error_code ec;
    auto const value = json::parse(text, ec);
    if (ec || !value.is_object()) {
        return {};
    }
    auto const& o = value.get_object();
    confirmation c;
    auto const stamp = bounded<std::uint64_t>(o, "stamp");
    auto const writer = bounded<std::uint32_t>(o, "writer", 2);
    auto const deadline = bounded<std::int64_t>(o, "deadline_ms");
    auto const* awaited = o.if_contains("awaited");
    auto const* boot = o.if_contains("boot");
    if (!stamp || !writer || !deadline || !awaited || !awaited->is_object() || !boot || !boot->is_string() ||
        !unpack(awaited->get_object(), c.awaited_)) {
        return {};
    }
    c.stamp_ = *stamp;
    c.writer_ = static_cast<cluster::node_id>(*writer);
    c.deadline_ = {std::string(boot->get_string()), *deadline};
    return c;
}

confirmation load_confirmation(std::filesystem::path const& state_dir) {
    auto const text = read_file(state_dir / "confirmation.json");
    return text ? confirmation::from_text(*text) : confirmation{};
}

balance::result<> save(std::filesystem::path const& state_dir, confirmation const& c) {
    return replace_file(state_dir / "confirmation.json", c.text(), 0600);
}

} // namespace dyad
