// SPDX-License-Identifier: Apache-2.0
#include <cluster/key.hpp>

#include <boost/json/serialize.hpp>
#include <cli/commands.hpp>

#include <ostream>

namespace dyad::cli {

exit_code keygen(environment& env, std::optional<std::filesystem::path> const& file) {
    auto const where = file.value_or(env.config_dir / "cluster.key");
    if (auto const saved = cluster::key::generate().save(where); !saved) {
        env.err << saved.error().detail << '\n';
        return exit_code::refused;
    }
    if (env.json) {
        env.out << boost::json::serialize(boost::json::object{{"written", where.string()}}) << '\n';
    } else {
        env.out << "wrote the pair's secret to " << where.string()
                << " (mode 0600); copy it to the same place on the other node, over a channel that nobody else reads\n";
    }
    return exit_code::done;
}

} // namespace dyad::cli
