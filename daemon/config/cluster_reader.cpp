// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <config/cluster_reader.hpp>
#include <set>
#include <utility>

namespace dyad::config {
namespace {

/// Services are parsed together up to so many bytes.
constexpr std::size_t piece = 64 * 1024;

} // namespace

outcome<cluster_config> cluster_reader::read(std::string_view text, std::string const& file, surroundings const& around) {
    parsed_ = 0;
    if (common_ && text == text_) {
        if (has_certificates(around)) {
            return {last_, {}};
        }
    } else if (auto const parts = spoke_ ? std::nullopt : take_apart(text)) {
        if (auto out = read_parts(*parts, around)) {
            keep(text);
            return {std::move(out), {}};
        }
    }
    forget();
    parsed_ = text.size();
    auto out = parse_cluster(text, file, around);
    spoke_ = !out.diagnostics.empty();
    return out;
}

void cluster_reader::keep(std::string_view text) {
    text_ = text;
    for (auto& [name, service] : known_) {
        service.text = std::string_view(text_).substr(static_cast<std::size_t>(service.text.data() - text.data()), service.text.size());
    }
}

void cluster_reader::forget() {
    common_.reset();
    known_.clear();
    last_ = {};
    text_.clear();
}

std::optional<cluster_config> cluster_reader::read_parts(service_parts const& parts, surroundings const& around) {
    if ((!common_ || parts.rest != common_->text) && !read_common(parts)) {
        return std::nullopt;
    }
    std::vector<service_part> changed;
    std::copy_if(parts.services.begin(), parts.services.end(), std::back_inserter(changed),
                 [this](service_part const& p) { return !is_known(p); });
    auto read = read_changed(changed);
    if (!read) {
        return std::nullopt;
    }
    last_.services.services = merged(parts, std::move(*read));
    return is_sound(around) ? std::optional(last_) : std::nullopt;
}

/// No service that was known counts any more: what it left out came from here.
bool cluster_reader::read_common(service_parts const& parts) {
    forget();
    auto document = parse(parts.rest);
    fault_list faults({});
    if (!document || !read_format(*document, faults)) {
        return false;
    }
    section const root(*document, {1, 1}, {}, tables::cluster, faults);
    if (root.has("service")) {
        return false; // one that is defined outside of the tables with its name
    }
    auto context = read_service_context(root);
    last_ = read_cluster(root, context);
    common_ = common_part{parts.rest, std::move(*document), std::move(context)};
    return faults.empty();
}

std::optional<cluster_reader::services> cluster_reader::read_changed(std::span<service_part const> changed) {
    services out;
    fault_list faults({});
    while (!changed.empty()) {
        std::string text;
        std::size_t count = 0;
        while (count < changed.size() && text.size() < piece) {
            text += text.empty() || text.back() == '\n' ? "" : "\n"; // the last part of the file may end without
            text += changed[count++].text;
        }
        auto const document = parse(text);
        if (!document) {
            return std::nullopt;
        }
        if (document->entries.size() != 1) {
            return std::nullopt; // "service" is all that there should be
        }
        section const root(*document, {1, 1}, {}, tables::cluster, faults);
        auto some = read_services(root, common_->context);
        auto const same = [](service_part const& p, balance::virtual_service const& s) { return p.name == s.name; };
        if (!faults.empty() || !std::equal(changed.begin(), changed.begin() + static_cast<std::ptrdiff_t>(count), some.begin(), some.end(), same)) {
            return std::nullopt;
        }
        for (auto const& e : document->below("service")) {
            known_[e.key].check = named_check_of(e.content);
        }
        std::move(some.begin(), some.end(), std::back_inserter(out));
        changed = changed.subspan(count);
    }
    return out;
}

std::optional<value> cluster_reader::parse(std::string_view text) {
    parsed_ += text.size();
    return parse_document(text, {}).value;
}

bool cluster_reader::is_known(service_part const& p) const {
    auto const known = known_.find(p.name);
    return known != known_.end() && known->second.text == p.text;
}

/// All services in their order: those that changed, and the others as they were.
cluster_reader::services cluster_reader::merged(service_parts const& parts, services changed) {
    services out;
    out.reserve(parts.services.size());
    std::map<std::string, known_service, std::less<>> known;
    auto next = changed.begin();
    for (auto const& p : parts.services) {
        auto entry = known_.extract(known_.find(p.name));
        auto& k = entry.mapped();
        auto& service = next != changed.end() && next->name == p.name ? *next++ : last_.services.services[k.place];
        k.text = p.text;
        k.place = out.size();
        out.push_back(std::move(service));
        known.insert(std::move(entry));
    }
    known_ = std::move(known);
    return out;
}

bool cluster_reader::has_certificates(surroundings const& around) const {
    fault_list faults({});
    check_certificates(common_->document, last_, around, faults);
    return faults.empty();
}

bool cluster_reader::is_sound(surroundings const& around) const {
    fault_list faults({});
    section const root(common_->document, {1, 1}, {}, tables::cluster, faults);
    check_cluster(common_->document, root, last_, around);
    std::set<std::string_view> used;
    for (auto const& [name, service] : known_) {
        used.insert(service.check);
    }
    auto const& checks = common_->context.checks;
    return faults.empty() && std::all_of(checks.begin(), checks.end(), [&](auto const& c) { return used.contains(c.first); });
}

} // namespace dyad::config
