// SPDX-License-Identifier: Apache-2.0
#include "cluster/running_config.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace dyad {
namespace {

std::string faults_as_lines(std::vector<config::diagnostic> const& diagnostics) {
    std::string lines;
    for (auto const& d : diagnostics) {
        if (!d.warning) {
            lines += (lines.empty() ? "" : "\n") + config::to_string(d);
        }
    }
    return lines;
}

using mark_list = std::vector<std::pair<std::string, std::uint32_t>>;

/// Lines of "name mark"; the name may hold spaces, so the mark is behind the last one.
mark_list parse_marks(std::string_view text) {
    mark_list marks;
    while (!text.empty()) {
        auto const line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        auto const space = line.rfind(' ');
        std::uint32_t mark = 0;
        if (space != line.npos &&
            std::from_chars(line.data() + space + 1, line.data() + line.size(), mark).ec == std::errc{}) {
            marks.emplace_back(std::string(line.substr(0, space)), mark);
        }
    }
    return marks;
}

std::string print_marks(mark_list const& marks) {
    std::string text;
    for (auto const& [name, mark] : marks) {
        text += name + ' ' + std::to_string(mark) + '\n';
    }
    return text;
}

balance::result<config::cluster_config> parse(std::string_view text, config::surroundings const& around,
                                              config::cluster_reader& reader) {
    auto parsed = reader.read(text, cluster_file, around);
    if (!parsed.value) {
        return balance::make_error(balance::errc::invalid_configuration, faults_as_lines(parsed.diagnostics));
    }
    return std::move(*parsed.value);
}

} // namespace

std::string_view file_of(cluster::generation const& g, std::string_view name) {
    for (auto const& [file, bytes] : g.files) {
        if (file == name) {
            return bytes;
        }
    }
    return {};
}

std::string hex(cluster::sha256 const& hash) {
    std::string text;
    for (auto const byte : hash) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

bool is_operators(std::string_view file) noexcept { return file != marks_file && file != owner_file; }

cluster::node_id owner_of(cluster::generation const& g) {
    return file_of(g, owner_file) == "secondary\n" ? cluster::node_id::secondary : cluster::node_id::primary;
}

void set_owner(cluster::generation& g, cluster::node_id owner) {
    std::erase_if(g.files, [](auto const& f) { return f.first == owner_file; });
    if (owner == cluster::node_id::secondary) {
        g.files.emplace_back(owner_file, "secondary\n");
        std::sort(g.files.begin(), g.files.end());
    }
}

bool same_content(cluster::generation const& a, cluster::generation const& b) {
    auto const content = [](cluster::generation const& g) {
        auto files = g.files;
        std::erase_if(files, [](auto const& f) { return f.first == marks_file; });
        return files;
    };
    return content(a) == content(b);
}

std::string version_text(cluster::config_version v) {
    return std::to_string(v.term) + "." + std::to_string(v.generation);
}

balance::result<cluster::config_version> find_version(std::string_view named,
                                                      std::vector<cluster::config_version> const& kept) {
    std::vector<cluster::config_version> found;
    for (auto const v : kept) {
        if (version_text(v) == named || std::to_string(v.generation) == named) {
            found.push_back(v);
        }
    }
    auto const quoted = balance::in_quotes(named);
    if (found.empty()) {
        return balance::make_error(balance::errc::not_found,
                                   "no generation " + quoted + " is kept; 'dyad history' lists those that are");
    }
    if (found.size() > 1) {
        return balance::make_error(balance::errc::refused, "several terms have a generation " + quoted + ": name one as " +
                                                               version_text(found.front()) + " or " +
                                                               version_text(found.back()));
    }
    return found.front();
}

balance::result<running_config> understand(cluster::generation g, config::cluster_reader& reader) {
    auto parsed = parse(file_of(g, cluster_file), {}, reader);
    if (!parsed) {
        return parsed.error();
    }
    running_config running;
    running.cluster = std::move(*parsed);
    running.cluster.services.marks = parse_marks(file_of(g, marks_file));
    balance::allocate_marks(running.cluster.services);
    running.hash = cluster::hash_of(g);
    running.generation = std::move(g);
    return running;
}

balance::result<cluster::generation> next_generation(cluster::generation const& before, std::string cluster_text,
                                                     config::surroundings const& around, std::string applied_by,
                                                     std::int64_t applied_at, config::cluster_reader& reader) {
    auto parsed = parse(cluster_text, around, reader);
    if (!parsed) {
        return parsed.error();
    }
    auto& services = parsed->services;
    services.marks = parse_marks(file_of(before, marks_file));
    balance::allocate_marks(services);

    cluster::generation next;
    next.version = {std::max(before.version.term, 1u), before.version.generation + 1};
    next.files.emplace_back(cluster_file, std::move(cluster_text));
    next.files.emplace_back(marks_file, print_marks(services.marks));
    set_owner(next, owner_of(before));
    next.applied_by = std::move(applied_by);
    next.applied_at = applied_at;
    return next;
}

std::vector<cluster::floating_address> place(config::cluster_config const& c, config::node_config const& self) {
    std::vector<cluster::floating_address> placed;
    for (auto const& ip : c.all_floating()) {
        auto const network = self.networks.find(ip.network);
        placed.push_back({ip.address, network == self.networks.end() ? std::string() : network->second});
    }
    return placed;
}

} // namespace dyad
