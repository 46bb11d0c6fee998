// SPDX-License-Identifier: Apache-2.0
// How a configuration becomes the next generation, and an older one again.
#include "cluster/core.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace dyad {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view certificate_folder = "certificates/";
constexpr std::string_view certificate_suffix = ".pem";

/// A generation brings its certificates with it: those of the directory do not count.
config::surroundings surroundings_within(cluster::generation const& g) {
    config::surroundings around;
    around.certificates.emplace();
    for (auto const& [name, bytes] : g.files) {
        if (name.starts_with(certificate_folder) && name.ends_with(certificate_suffix)) {
            around.certificates->push_back({name.substr(
                certificate_folder.size(), name.size() - certificate_folder.size() - certificate_suffix.size())});
        }
    }
    return around;
}

bool has_password(balance::configuration const& c) {
    return std::any_of(c.services.begin(), c.services.end(), [](auto const& s) {
        return !s.check.password.empty() || !s.check.secret.empty();
    });
}

} // namespace

balance::result<std::vector<config_change>> core::plan(std::string const& cluster_text) {
    auto next = read_directory(cluster_text, {});
    if (!next) {
        return next.error();
    }
    auto understood = understand(std::move(*next), reader_);
    if (!understood) {
        return understood.error();
    }
    return differences(running_, *understood);
}

/// Only the primary makes generations; `command` is what to run there.
balance::result<> core::may_change(std::string const& command) const {
    auto const node = node_->status();
    if (owns_configuration()) {
        if (paired() && node.peer_config.term > running_.generation.version.term) {
            return balance::make_error(balance::errc::refused,
                                       "the peer (" + node.peer_name + ") was promoted to be the primary, in term " +
                                           std::to_string(node.peer_config.term) + ": run '" + command + "' there");
        }
        return {};
    }
    auto const& peer = node.peer_name;
    return balance::make_error(balance::errc::refused,
                               "this node is the secondary and gets its configuration from the primary" +
                                   (peer.empty() ? "" : " (" + peer + ")") + ": run '" + command + "' there");
}

/// The generation that an apply makes. Errors: `refused` where it may not, also while another one waits to be
/// confirmed.
balance::result<cluster::generation> core::next_of(std::string cluster_text, std::string who) {
    if (auto may = may_change("dyad apply"); !may) {
        return may.error();
    }
    if (auto const waiting = unconfirmed()) {
        return balance::make_error(balance::errc::refused,
                                   "generation " + version_text(waiting->version) +
                                       " waits for a confirmation: run 'dyad confirm', or 'dyad rollback " +
                                       version_text(waiting->back_to) + "' to go back at once");
    }
    return read_directory(std::move(cluster_text), std::move(who));
}

void core::apply(std::string cluster_text, std::string who, std::function<void(balance::result<applied>)> done) {
    auto next = next_of(std::move(cluster_text), who);
    if (!next) {
        done(next.error());
        return;
    }
    make_current(std::move(*next), {"applied", std::move(who), {}, std::move(done)});
}

/// What an older generation says becomes a new one. Services that have a mark by now keep it.
balance::result<cluster::generation> core::successor_like(cluster::generation const& old,
                                                          std::string applied_by) {
    auto next =
        next_generation(store_->current().value_or(cluster::generation{}), std::string(file_of(old, cluster_file)),
                        surroundings_within(old), std::move(applied_by), std::time(nullptr), reader_);
    if (!next) {
        return next.error();
    }
    for (auto const& file : old.files) {
        if (is_operators(file.first) && file.first != cluster_file) {
            next->files.push_back(file);
        }
    }
    std::sort(next->files.begin(), next->files.end());
    return next;
}

void core::rollback(std::string const& to, std::string who, std::function<void(balance::result<applied>)> done) {
    auto const may = may_change("dyad rollback " + to);
    auto const version =
        may ? find_version(to, store_->history()) : balance::result<cluster::config_version>(may.error());
    auto const old = version ? store_->load(*version) : balance::result<cluster::generation>(version.error());
    if (!old) {
        done(old.error());
        return;
    }
    auto next = successor_like(*old, who + ", rollback to " + version_text(*version));
    if (!next) {
        done(next.error());
        return;
    }
    make_current(std::move(*next), {"made of " + version_text(*version), std::move(who),
                                    [this, before = running_.generation] { put_files_back(before); }, std::move(done)});
}

void core::make_current(cluster::generation next, change_request request) {
    if (same_content(next, running_.generation)) {
        if (!leaving_) {
            layer4_follows_ = true; // until it was compared
            look_at_layer4();
        }
        request.done(applied{running_.generation.version, "nothing to do", {}});
        return;
    }
    auto understood = understand(next, reader_);
    if (!understood) {
        request.done(understood.error());
        return;
    }
    auto pending = std::make_shared<pending_apply>();
    pending->report = {next.version, {}, differences(running_, *understood)};
    pending->fresh = std::move(*understood);
    pending->request = std::move(request);
    if (!replicator_) {
        auto const committed = store_->commit(next);
        committed ? finish(*pending, "none") : pending->request.done(committed.error());
        return;
    }
    replicator_->apply(std::move(next), [this, pending](balance::result<cluster::replicator::outcome> outcome) {
        if (!outcome) {
            events_.audit("config",
                          "generation " + version_text(pending->report.version) + " not " + pending->request.verb +
                              ": " + outcome.error().detail,
                          pending->request.who);
            pending->request.done(outcome.error());
            return;
        }
        finish(*pending, outcome->peer_committed ? "committed" : "absent: " + outcome->peer_text);
    });
}

/// The generation is committed here: from now on it runs.
void core::finish(pending_apply& pending, std::string peer) {
    auto& report = pending.report;
    auto& request = pending.request;
    report.peer = std::move(peer);
    events_.audit("config",
                  "generation " + version_text(report.version) + " " + request.verb + "; peer: " + report.peer + "; " +
                      in_short(report.changes),
                  request.who);
    if (!leaving_) {
        run(std::move(pending.fresh));
        update_fitness();
        settle_confirmation();
        if (request.then) {
            request.then();
        }
    }
    request.done(std::move(report));
}

/// A generation of the peer is current here.
void core::came_from_peer(cluster::generation const& g) {
    auto understood = understand(g, reader_);
    if (!understood) {
        events_.add("error", "the peer's generation cannot be used: " + understood.error().detail, {}, true);
        return;
    }
    events_.audit("config",
                  "generation " + version_text(g.version) + " came from the peer; " +
                      in_short(differences(running_, *understood)),
                  g.applied_by);
    bool const was_owner = owns_configuration();
    auto const before = running_.generation;
    run(std::move(*understood));
    if (was_owner && !owns_configuration()) {
        demoted(before);
    }
    write_configuration_files(before);
    settle_confirmation();
}

/// On the secondary, replication writes the operator's files, and removes those that `before` had.
void core::write_configuration_files(cluster::generation const& before) {
    auto const& files = running_.generation.files;
    for (auto const& [name, bytes] : files) {
        if (is_operators(name)) {
            write_operators_file(name, bytes);
        }
    }
    if (before.version == cluster::config_version{}) {
        return; // what lay in the directory was nobody's generation
    }
    for (auto const& [name, bytes] : before.files) {
        bool const stays = std::any_of(files.begin(), files.end(), [&wanted = name](auto const& f) { return f.first == wanted; });
        std::error_code failed;
        if (is_operators(name) && !stays && !fs::remove(ctx_.config_dir / name, failed) && failed) {
            events_.add("error",
                        (ctx_.config_dir / name).string() +
                            " left the configuration and cannot be removed: " + failed.message(),
                        {}, true);
        }
    }
}

void core::write_operators_file(std::string const& name, std::string_view bytes) {
    auto const file = ctx_.config_dir / name;
    std::error_code ec;
    fs::create_directories(file.parent_path(), ec);
    bool const secret = name != cluster_file || has_password(running_.cluster.services);
    if (auto written = replace_file(file, bytes, secret ? 0600 : 0644); !written) {
        events_.add("error", written.error().detail, {}, true);
    }
}

/// After a rollback the operator's files are what runs, so that the next apply does not bring back what was left. Edits
/// that were never applied are kept beside them. Files that the generation does not have stay: nobody asked to remove
/// them.
void core::put_files_back(cluster::generation const& before) {
    for (auto const& [name, bytes] : running_.generation.files) {
        if (!is_operators(name)) {
            continue;
        }
        auto const present = read_file(ctx_.config_dir / name);
        if (present && *present == bytes) {
            continue;
        }
        if (present && *present != file_of(before, name)) {
            write_operators_file(name + ".edited", *present);
            events_.add("config", "what was edited in " + name + " and never applied is in " + name + ".edited");
        }
        write_operators_file(name, bytes);
    }
}

} // namespace dyad
