// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/running_config.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dyad {

/// A kept generation, as `dyad history` shows it.
struct history_entry {
    cluster::config_version version;
    cluster::sha256 hash{};
    std::string applied_by;
    std::int64_t applied_at = 0; ///< seconds since 1970
    std::string changes;         ///< against the kept one before it, in short
};

/// Reads the generations that a store keeps. Lives on the executor's only thread and reads one generation at a time, so
/// that fifty large ones keep nobody waiting; what was read is remembered. The store must outlive it.
class history_reader {
public:
    using done = std::function<void(std::vector<history_entry>)>;

    history_reader(boost::asio::any_io_executor executor, cluster::generation_store const& store)
        : executor_(std::move(executor)), store_(&store) {}

    /// Newest first. Not called any more when the object is gone.
    void read(done answer);

private:
    struct walk;
    void step(std::shared_ptr<walk> w);
    history_entry entry_of(cluster::config_version v, walk& w);

    boost::asio::any_io_executor executor_;
    cluster::generation_store const* store_;
    std::map<cluster::config_version, history_entry> known_; ///< those that were compared with one before them
    std::shared_ptr<char> alive_ = std::make_shared<char>(); ///< for what is posted
};

boost::json::object to_json(history_entry const& e);

} // namespace dyad
