// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"

#include <cluster/check_secrets.hpp>

#include <catch2/catch.hpp>

#include <fstream>

using dyad::read_secrets;

TEST_CASE("secrets of checks are the first lines of files", "[secrets]") {
    test::temporary_directory folder;
    auto const put = [&](std::string const& name, std::string const& text) { std::ofstream(folder.path() / name) << text; };
    put("a", "geheim\r\nsecond line\n");
    put("b", "");
    put("long", std::string(5000, 'x'));
    put("unused", "x");
    put("latin", "Pr\xfc""fung\n");
    std::vector<balance::virtual_service> services(3);
    services[0].check.password_file = "a";
    services[0].check.secret_file = "a";
    auto const good = read_secrets(folder.path(), services);
    CHECK(good.texts == std::map<std::string, std::string>{{"a", "geheim"}});
    CHECK(good.fault.empty());
    services[1].check.password_file = "b";
    services[1].check.secret_file = "long";
    services[2].check.password_file = "gone";
    services[2].check.secret_file = "latin";
    auto const bad = read_secrets(folder.path(), services);
    CHECK(bad.texts == good.texts);
    for (auto const* name : {"/b: its first line is empty", "/long: its first line", "/gone", "/latin: its first line"}) {
        CHECK(bad.fault.find(name) != std::string::npos);
    }
}
