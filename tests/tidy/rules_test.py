#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every rule is seen to fail on a small bad sample, and to be silent on a good one."""

import unittest

import rules

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
GOOD_HEADER = SPDX + "#pragma once\n#include <balance/error.hpp>\n#include <vector>\n"


def complaints(path, text, tree=()):
    return [f"{line}: {sentence}" for _, line, sentence in rules.check(path, text, lambda p: p in tree)]


class Good(unittest.TestCase):
    def test_nothing_to_complain_of(self):
        self.assertEqual(complaints("libbalance/include/balance/x.hpp", GOOD_HEADER), [])
        self.assertEqual(complaints("libcluster/src/net/x.cpp", SPDX + '#include "net/x.hpp"\n#include <netlink/netlink.h>\n',
                                    {"libcluster/src/net/x.hpp"}), [])
        self.assertEqual(complaints("run", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"), [])
        self.assertEqual(complaints("docs/A.md", "[b](B.md#part) [web](https://example.org/x) `[no](nowhere)`\n", {"docs/B.md"}), [])


class Layering(unittest.TestCase):
    def bad(self, path, include, part, tree=()):
        found = complaints(path, SPDX + f"\n#include {include}\n", tree)
        self.assertTrue(any(part in c and c.startswith("3: ") for c in found), found)

    def test_balance_knows_no_cluster(self):
        self.bad("libbalance/src/proxy/x.cpp", "<cluster/types.hpp>", "knows nothing of clusters")

    def test_cluster_knows_no_daemon(self):
        self.bad("libcluster/src/net/x.cpp", "<config/config.hpp>", "knows nothing of the daemon")

    def test_toml_in_one_place(self):
        self.bad("daemon/cluster/x.cpp", "<toml++/toml.h>", "daemon/config's alone")

    def test_core_includes_no_adapter(self):
        self.bad("libbalance/src/core/x.cpp", '"ipvs/channel.hpp"', "must not include", {"libbalance/src/ipvs/channel.hpp"})

    def test_adapters_include_no_facade(self):
        self.bad("libcluster/src/net/x.cpp", '"facade/node.hpp"', "must not include", {"libcluster/src/facade/node.hpp"})

    def test_others_private_headers(self):
        self.bad("libcluster/src/net/x.cpp", '"core/tracker.hpp"', "public headers", {"libbalance/src/core/tracker.hpp"})

    def test_public_headers(self):
        for include in ("<openssl/ssl.h>", "<boost/beast/http.hpp>", "<netlink/netlink.h>", "<cluster/types.hpp>", '"core/x.hpp"'):
            self.bad("libbalance/include/balance/x.hpp", include, "a public header does not include")

    def test_pure_includes(self):
        for include in ("<openssl/evp.h>", "<boost/asio.hpp>", "<sys/socket.h>", "<thread>", "<linux/ip_vs.h>"):
            self.bad("libcluster/src/wire/x.cpp", include, "is pure")

    def test_lists_of_boost_are_pure(self):
        self.assertEqual(complaints("libbalance/src/core/x.hpp", SPDX + "#pragma once\n#include <boost/intrusive/list.hpp>\n"), [])

    def test_codec_may_use_its_kernel_header(self):
        self.assertEqual(complaints("libbalance/src/ipvs/codec.cpp", SPDX + "#include <linux/ip_vs.h>\n"), [])

    def test_pure_calls(self):
        found = complaints("libcluster/src/failover/x.cpp", SPDX + "auto t = std::chrono::steady_clock::now();\n")
        self.assertEqual(len(found), 1, found)
        self.assertEqual(complaints("libcluster/src/failover/x.cpp", SPDX + "// never steady_clock::now\n"), [])


class Shape(unittest.TestCase):
    def test_length(self):
        self.assertEqual(complaints("daemon/x.cpp", SPDX + "\n" * 599), [])
        self.assertEqual(len(complaints("daemon/x.cpp", SPDX + "\n" * 600)), 1)
        self.assertEqual(len(complaints("README.md", "\n" * 151)), 1)

    def test_licence(self):
        self.assertEqual(len(complaints("daemon/x.cpp", "\n" + SPDX)), 1)
        self.assertEqual(len(complaints("check", "#!/bin/bash\nset -e\n")), 1)

    def test_guard(self):
        self.assertEqual(len(complaints("daemon/x.hpp", SPDX)), 1)


class Words(unittest.TestCase):
    def bad(self, path, text):
        self.assertEqual(len(complaints(path, "# SPDX-License-Identifier: Apache-2.0\n" + text)), 1, text)

    def test_unfinished(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" + "XX"):
            self.bad("tests/x.py", f"# {word}: later\n")

    def test_hidden_or_skipped(self):
        for text in ('TEST_CASE("x", "[' + '.]")', 'TEST_CASE("x", "[!may' + 'fail]")', "@pytest.mark.sk" + "ip", "SK" + "IP()",
                     "pytest.sk" + "ip('why')", "@unittest.sk" + "ip"):
            self.bad("tests/x.cmake", text + "\n")

    def test_machine_paths(self):
        for path in ("/wor" + "k/main/x", "/hom" + "e/someone/x", "see .librar" + "y/env"):
            self.bad("cmake/x.cmake", f'set(p "{path}")\n')

    def test_dead_links(self):
        self.assertEqual(len(complaints("docs/A.md", "[b](../B.md)\n", {"docs/B.md"})), 1)


if __name__ == "__main__":
    unittest.main()
