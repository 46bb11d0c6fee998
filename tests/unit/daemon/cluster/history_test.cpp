// SPDX-License-Identifier: Apache-2.0
#include "cluster/history.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <fstream>

namespace {

std::string with_weight(int weight) {
    return "format = 1\n[service.a]\nmode = \"dr\"\naddress = \"10.0.0.9\"\nports = [80]\n[service.a.server.one]\n"
           "address = \"10.0.1.1\"\nweight = " +
           std::to_string(weight) + "\n";
}

struct kept_generations {
    test::temporary_directory directory;
    cluster::generation_store store = cluster::generation_store::open(directory.path() / "generations").value();
    boost::asio::io_context io{1};
    dyad::history_reader reader{io.get_executor(), store};

    dyad::config::cluster_reader texts;

    void apply(std::string const& text, std::string const& who) {
        auto next = dyad::next_generation(store.current().value_or(cluster::generation{}), text, {}, who, 7, texts).value();
        REQUIRE(store.commit(next));
    }
    std::vector<dyad::history_entry> read() {
        std::vector<dyad::history_entry> out;
        reader.read([&](auto entries) { out = std::move(entries); });
        io.restart();
        io.run();
        return out;
    }
};

} // namespace

TEST_CASE("history: the newest first, each with who, when and what it changed") {
    kept_generations k;
    k.apply(with_weight(1), "uid 0 (root)");
    k.apply(with_weight(2), "uid 1000 (anna)");
    k.apply("format = 1\n", "uid 0 (root)");
    auto const entries = k.read();
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].version == cluster::config_version{1, 3});
    CHECK(entries[0].hash == k.store.current_id().hash);
    CHECK(entries[0].changes.find("- service a") != std::string::npos);
    CHECK(entries[1].applied_by == "uid 1000 (anna)");
    CHECK(entries[1].applied_at == 7);
    CHECK(entries[1].changes == "~ service a server one (weight: 1 -> 2)");
    CHECK(entries[2].changes == "the oldest one that is kept");
}

TEST_CASE("history: what was pruned is gone, what stays says the same") {
    kept_generations k;
    for (int weight = 1; weight <= 3; ++weight) {
        k.apply(with_weight(weight), "uid 0");
    }
    auto const before = k.read();
    k.store.keep(2);
    k.apply(with_weight(9), "uid 0");
    auto const after = k.read();
    REQUIRE(after.size() == 2);
    CHECK(after[0].changes == "~ service a server one (weight: 3 -> 9)");
    CHECK(after[1].changes == before[0].changes);
}

TEST_CASE("history: a damaged generation is named, and the others are shown") {
    kept_generations k;
    k.apply(with_weight(1), "uid 0");
    k.apply(with_weight(2), "uid 0");
    for (auto const& entry : std::filesystem::directory_iterator(k.directory.path() / "generations")) {
        if (entry.path().filename().string().ends_with("1")) {
            std::ofstream(entry.path() / "manifest") << "nonsense";
        }
    }
    auto const entries = k.read();
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].changes == "the one before it cannot be read");
    CHECK(entries[1].changes.find("cannot be read: ") == 0);
}

TEST_CASE("history: a reader that is gone answers nobody") {
    test::temporary_directory directory;
    auto store = cluster::generation_store::open(directory.path() / "generations").value();
    dyad::config::cluster_reader reader;
    REQUIRE(store.commit(dyad::next_generation({}, "format = 1\n", {}, "uid 0", 1, reader).value()));
    boost::asio::io_context io{1};
    bool answered = false;
    {
        dyad::history_reader reader(io.get_executor(), store);
        reader.read([&](auto) { answered = true; });
    }
    io.run();
    CHECK_FALSE(answered);
}
