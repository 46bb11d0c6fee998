// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <CLI/CLI.hpp>
#include <cli/app.hpp>
#include <cli/certificate_command.hpp>
#include <cli/commands.hpp>

#include <algorithm>
#include <config/words.hpp>
#include <exception>
#include <functional>
#include <ostream>

namespace dyad::cli {
namespace {

constexpr auto footer = R"(Examples:
  dyad init                                     first files, on each node
  dyad validate                                 check them
  dyad plan && dyad apply                       put an edited cluster.toml in force, on both nodes
  dyad apply --confirm 60s                      the same, and back by itself unless `dyad confirm` follows
  dyad history && dyad rollback 17              what was applied, and back to one of them
  dyad pair-token                               on the node that is to become the secondary: prints a token
  dyad pair 192.0.2.12                          on the primary, with that node's address: makes the pair
  dyad status                                   the pair, its links, every service and server
  dyad drain Web/web1                           no new clients for one server; `dyad online Web/web1` brings it back
  dyad halt --server 192.0.2.21                 a machine out of every service it serves
  dyad test Web/web1                            its health check once, with all that was said
  dyad doctor                                   what usually goes wrong, looked for, with remedies
  dyad takeover                                 make this node the active one
  dyad drill --rounds 5                         fail over on purpose, there and back, and see what clients see
  dyad drill --kind freeze --client 'ssh viewer1 dyad' --report DIR   hurt the active node, and show an auditor
  dyad probe 192.0.2.100:80 --for 1m            from any machine: connect again and again, tell of gaps

Exit codes: 0 done, 1 refused or failed (the reason is on stderr), 2 wrong usage, 3 no daemon answers.
Every command but init, validate, certificate, keygen, backup, restore, probe and realserver-script asks the dyadd of this machine. `dyad COMMAND --help` says more.)";

/// What the options of one command fill in, and what it does then.
struct arguments {
    std::string target;
    std::string address;
    std::string directory;
    std::string file;
    std::string on_off;
    std::string confirm;
    std::string cut_after;
    persistence_page page;
    backup_options backup;
    import_order order;
    certificate_wishes wishes;
    std::string way = "loopback";
    bool watch = false;
    bool follow = false;
    bool all = false;
    bool force = false;
    bool audit = false;
    probe_options probe;
    drill_options drill;
    bool stdio = false;

    [[nodiscard]] cli::directory dir() const {
        return directory.empty() ? cli::directory{} : cli::directory{directory};
    }
};

class program {
public:
    explicit program(environment& env) : env_(env) {
        app_.footer(footer);
        app_.set_version_flag("--version", "dyad " DYAD_VERSION);
        app_.require_subcommand(1);
        app_.fallthrough(); // --json and --run-dir also after the command
        app_.add_option("--run-dir", run_dir_, "Directory with the daemon's socket")
            ->envname("DYAD_RUN_DIR")
            ->capture_default_str();
        app_.add_flag("--json", env_.json, "Print documents for programs instead of words for people");
        add_configuration();
        add_real_servers();
        add_status();
        add_operation();
        add_persistence();
        add_backup();
        add_certificates();
        add_pairing();
        add_parting();
        add_probe();
        add_drill();
    }

    exit_code run(std::vector<std::string> words) {
        std::reverse(words.begin(), words.end()); // CLI11 takes them from the back
        run_dir_ = env_.run_dir.string();
        try {
            app_.parse(std::move(words));
        } catch (CLI::ParseError const& e) {
            // Help goes to stdout and is success; everything else is wrong usage.
            if (auto const extra = app_.remaining(); app_.get_subcommands().empty() && !extra.empty()) {
                return unknown_command(extra.front());
            }
            return app_.exit(e, env_.out, env_.err) == 0 ? exit_code::done : exit_code::wrong_usage;
        }
        env_.run_dir = run_dir_;
        return command_();
    }

private:
    CLI::App* command(std::string const& name, std::string const& what, std::function<exit_code()> action) {
        auto* c = app_.add_subcommand(name, what);
        c->footer(""); // the program's is long
        names_.push_back(name);
        c->callback([this, action = std::move(action)] { command_ = action; });
        return c;
    }

    exit_code unknown_command(std::string const& word) {
        std::vector<std::string_view> const known(names_.begin(), names_.end());
        auto const close = config::nearest(word, known);
        env_.err << "there is no command " << balance::in_quotes(word)
                 << (close.empty() ? "; `dyad --help` lists them" : "; did you mean " + balance::in_quotes(close) + "?")
                 << '\n';
        return exit_code::wrong_usage;
    }

    void add_directory(CLI::App* c, std::string const& what) { c->add_option("DIR", a_.directory, what); }

    void add_configuration() {
        add_directory(command("init", "Write a first node.toml and cluster.toml from what this machine has",
                              [this] { return init(env_, a_.dir()); }),
                      "Where to; /etc/dyad when left out. Existing files stay as they are");
        add_directory(command("validate",
                              "Check the configuration files; every fault as file:line:column: message, exit 1",
                              [this] { return validate(env_, a_.dir()); }),
                      "A configuration directory or one file; the daemon's directory or /etc/dyad when left out");
        add_directory(
            command("plan", "Show what apply would change, object by object", [this] { return plan(env_, a_.dir()); }),
            "Directory with cluster.toml; the daemon's when left out");
        auto* apply = command("apply", "Make cluster.toml the running configuration of both nodes",
                              [this] { return cli::apply(env_, a_.dir(), a_.confirm); });
        add_directory(apply, "Directory with cluster.toml; the daemon's when left out");
        apply->add_option("--confirm", a_.confirm,
                          "A time such as 60s, 5m: unless `dyad confirm` follows in time, the configuration before comes "
                          "back by itself on both nodes, also after a restart. For changes that may cut you off");
        command("confirm", "Keep the configuration that was applied with --confirm", [this] { return cli::confirm(env_); });
        command("history", "The configurations that are kept: who applied each, when, and what it changed",
                [this] { return cli::history(env_); });
        command("rollback",
                "Make a kept configuration the next one, on both nodes, with its certificates. cluster.toml becomes the "
                "old one too; edits that were never applied are kept as cluster.toml.edited",
                [this] { return cli::rollback(env_, a_.target); })
            ->add_option("GENERATION", a_.target, "As `dyad history` shows it: 17, or 1.17 with its term")
            ->required();
        command("keygen", "Make a pair's secret by hand, where `dyad pair` cannot; it is never printed",
                [this] {
                    return keygen(env_, a_.file.empty() ? std::nullopt : std::optional<std::filesystem::path>(a_.file));
                })
            ->add_option("FILE", a_.file,
                         "Where to, mode 0600; /etc/dyad/cluster.key when left out. An existing file stays as it is");
    }

    void add_real_servers() {
        auto* c = command("realserver-script", "Print the script that prepares a Linux real server of a service",
                          [this] { return print_realserver_script(env_, a_.target, a_.way, a_.dir()); });
        c->add_option("SERVICE", a_.target, "A service of cluster.toml, in mode dr, tun or nat")->required();
        add_directory(c, "Directory with cluster.toml; the daemon's or /etc/dyad when left out");
        c->add_option("--way", a_.way,
                      "Mode dr: how the server accepts packets for the service's address: its own loopback interface, "
                      "or redirected by iptables, nftables or firewalld")
            ->check(CLI::IsMember({"loopback", "iptables", "nftables", "firewalld"}))
            ->capture_default_str();
    }

    void add_status() {
        auto* c = command("status", "The system overview: pair, links, addresses, every service and server",
                          [this] { return a_.watch ? watch(env_, a_.target) : status(env_, a_.target); });
        c->add_option("SERVICE[/SERVER]", a_.target, "Only this service, or this server of it");
        c->add_flag("--watch", a_.watch, "Again every second, until it is interrupted");
        auto* e = command("events", "What happened, in order, and who did it",
                          [this] { return events(env_, a_.follow, a_.audit); });
        e->add_flag("--follow", a_.follow, "Wait for more, until it is interrupted");
        e->add_flag("--audit", a_.audit,
                    "Only the audit trail: applies, rollbacks, drains, take-overs and the like, with what they changed and "
                    "who did it. It is kept over restarts");
        command("test",
                "Make the health check of a server once, now, and tell what was sent, what came back, how long each step took "
                "and why that is up or down. Changes nothing: neither the server's health nor its next check. Exit code 0 "
                "up, 1 down",
                [this] { return test_server(env_, a_.target); })
            ->add_option("SERVICE/SERVER", a_.target, "One server of one service")
            ->required();
        auto* d = command(
            "doctor",
            "Look for what usually goes wrong, and say what to do about it: the kernel and its settings, the links, what "
            "real servers do with packets for the service's address. Asks each real server a few packets; takes some "
            "seconds. Exit code 1 when there is a fault",
            [this] { return doctor(env_, a_.target, a_.all); });
        d->add_option("SERVICE", a_.target, "Only this service and its real servers, and what is wrong with this node");
        d->add_flag("--all", a_.all, "Also what is fine, such as each kernel setting with its reason");
    }

    void add_operation() {
        add_server_command("drain", "No new clients for a server; those it has may finish")
            ->add_option("--cut-after", a_.cut_after,
                         "A time such as 5m, a week at most, after which connections of layer 7 that the server still has are "
                         "cut, to within 3 s. Layer 4 only ends connections with `dyad halt`. The time begins anew when dyadd is started again");
        add_server_command("halt", "Take a server out of service at once; its checks stop");
        add_server_command("online", "Bring a drained or halted server back");
        command("takeover", "Make this node the active one, with the floating addresses",
                [this] { return move_addresses(env_, "takeover"); });
        command("handover", "Give the floating addresses to the peer",
                [this] { return move_addresses(env_, "handover"); });
        command("firewall", "Run this node's own firewall script again",
                [this] { return run_firewall_script(env_); });
        command("replace-proxy",
                "Start the proxy of the release that is installed now, in the place of the one that runs, without refusing or "
                "resetting a connection. Connections that are open finish in the old process, which ends with the last of them or "
                "after [proxy] finish_within of node.toml. Only this node's proxy: the other processes stay as they are until dyadd "
                "is restarted",
                [this] { return replace_proxy(env_); });
        command("maintenance", "on: this node does not become active, also after a restart; off: it may again",
                [this] { return maintenance(env_, a_.on_off == "on"); })
            ->add_option("on|off", a_.on_off, "on or off")
            ->required()
            ->check(CLI::IsMember({"on", "off"}));
    }

    void add_backup() {
        auto const options = [this](CLI::App* c, char const* config_dir, char const* force) {
            c->add_option("FILE", a_.backup.file, "The backup, mode 0600")->required();
            c->add_option("--config-dir", a_.backup.config_dir, config_dir);
            c->add_option("--state-dir", a_.backup.state_dir, "The daemon's state directory")->capture_default_str();
            c->add_option("--password-file", a_.backup.password_file, "A file whose first line is the passphrase; else it is asked for");
            c->add_flag("--force", a_.backup.force, force);
        };
        auto* b = command("backup",
                          "Everything that a machine in this one's place needs, secrets included, in one file that is encrypted with a "
                          "passphrase: node.toml, cluster.toml, the pair's key, certificates with keys, the kept configurations, drain and "
                          "halt states, the audit trail. dyadd may run",
                          [this] { return make_backup(env_, a_.backup); });
        options(b, "The configuration directory; the daemon's, or /etc/dyad, when left out", "In the place of a file that is there");
        b->add_flag("--plain", a_.backup.plain, "Do not encrypt it; whoever gets it has the pair's key");
        options(command("restore",
                        "Put back what `dyad backup` saved, when all of it was checked. dyadd must not run",
                        [this] { return restore_backup(env_, a_.backup); }),
                "The configuration directory; /etc/dyad when left out", "Also when the directories hold something, which is kept beside them with .before-restore behind its name");
    }

    void add_persistence() {
        auto* all = app_.add_subcommand("persistence", "Which server each client of layer 7 goes to: show it, forget it");
        all->footer("");
        all->require_subcommand(1);
        names_.emplace_back("persistence");
        auto* show = all->add_subcommand("show", "The entries by service and client, a page at a time. Layer 4's are the kernel's: `ipvsadm -Lnc`");
        show->add_option("SERVICE", a_.page.service, "Only this service; all when left out");
        show->add_option("CLIENT", a_.page.client, "Only where this client goes; with a granularity, its network");
        show->add_option("--limit", a_.page.limit, "Entries of a page")->check(CLI::Range(1, 10000))->capture_default_str();
        show->add_option("--after", a_.page.after, "SERVICE/CLIENT: begin behind this entry, with which the page before ended");
        auto* clear = all->add_subcommand("clear", "Forget where the clients of a service go, on both nodes: their next connections, or requests, are balanced "
                                                   "anew. Connections that are open go on");
        clear->add_option("SERVICE", a_.page.service, "A service of layer 7 with a table")->required();
        clear->add_option("CLIENT", a_.address, "Only the entry of this client; with a granularity, of its network");
        show->footer("");
        clear->footer("");
        show->callback([this] { command_ = [this] { return show_persistence(env_, a_.page); }; });
        clear->callback([this] { command_ = [this] { return clear_persistence(env_, a_.page.service, a_.address); }; });
    }

    /// One of `dyad certificate`'s own commands.
    CLI::App* certificate_command(CLI::App* parent, std::string const& name, std::string const& what, std::function<exit_code()> action) {
        auto* c = parent->add_subcommand(name, what);
        c->footer("");
        c->callback([this, action = std::move(action)] { command_ = action; });
        c->add_option("--dir", a_.directory, "The configuration directory; the daemon's, or /etc/dyad, when left out");
        return c;
    }

    void add_wishes(CLI::App* c) {
        c->add_option("NAME", a_.order.name, "What configuration calls it: certificate = \"NAME\"")->required();
        c->add_option("--for", a_.wishes.names, "A name or an address that clients connect to; more than once for several. The first is the common name")
            ->required()
            ->allow_extra_args(false);
        c->add_option("--organization", a_.wishes.organization, "Whose it is");
        c->add_flag("--rsa", a_.wishes.rsa, "An RSA key of 3072 bits, for old clients; else ECDSA with P-256");
        c->add_flag("--replace", a_.order.replace, "In the place of what is there");
    }

    void add_certificates() {
        auto* all = app_.add_subcommand("certificate", "What TLS termination uses: import, request, make, list. On the primary; `dyad apply` puts it in force on both nodes");
        all->footer("");
        all->require_subcommand(1);
        names_.emplace_back("certificate");
        auto* import = certificate_command(all, "import", "Take over a certificate, the chain behind it and its key: PEM, DER or PKCS #12 (.pfx, .p12)",
                                           [this] { return import_certificate(env_, a_.dir(), a_.order); });
        import->add_option("NAME", a_.order.name, "What configuration calls it: certificate = \"NAME\"")->required();
        import->add_option("FILE", a_.order.files, "One file, or several that together hold all; without a key the one that `csr` kept is used")->required();
        auto* file = import->add_option("--password-file", a_.order.password_file, "A file whose first line decrypts the key; else it is asked for");
        import->add_option("--password-fd", a_.order.password_descriptor, "The same from a descriptor, such as 3 with 3< FILE")->excludes(file);
        import->add_flag("--replace", a_.order.replace, "In the place of what is there");
        add_wishes(certificate_command(all, "csr", "Make a key, and print a request for an authority to sign",
                                       [this] { return request_certificate(env_, a_.dir(), a_.order.name, a_.wishes, a_.order.replace); }));
        auto* own = certificate_command(all, "self-signed", "Make a certificate that nobody vouches for",
                                        [this] { return self_signed_certificate(env_, a_.dir(), a_.order.name, a_.wishes, a_.order.replace); });
        add_wishes(own);
        own->add_option("--days", a_.wishes.days, "For how long")->check(CLI::Range(1, 3650))->capture_default_str();
        auto* staple = certificate_command(all, "staple", "Put an authority's OCSP response (DER) beside a certificate, for clients that ask whether it was revoked",
                                           [this] { return staple_response(env_, a_.dir(), a_.order.name, a_.file); });
        staple->add_option("NAME", a_.order.name, "What configuration calls the certificate")->required();
        staple->add_option("FILE", a_.file, "What `openssl ocsp … -respout FILE` wrote")->required();
        certificate_command(all, "list", "All certificates, whom they are for, and which expire within 30 days or cannot be used",
                            [this] { return list_certificates(env_, a_.dir()); });
    }

    void add_pairing() {
        command("pair-token",
                "Print a token for one use, good for ten minutes, with which another node makes this one its secondary. This "
                "node must have no services and no pair. Five wrong tokens end it",
                [this] { return cli::pair_token(env_); });
        command("pair",
                "Make another node the secondary of this one: they get a key of their own, heartbeats, and this node's "
                "configuration. Asks for the token that `dyad pair-token` shows there, or reads it from standard input. Both "
                "cluster processes are started again, so a node that serves stops for about a second",
                [this] { return cli::pair(env_, a_.address); })
            ->add_option("ADDRESS", a_.address, "An address of the other node, in the network that heartbeats shall use")
            ->required();
    }

    void add_parting() {
        command("unpair",
                "Leave the pair. The active node goes on alone with all services; the other one serves nothing, its "
                "configuration is set aside. Clients wait for one or two seconds",
                [this] { return unpair(env_, a_.force); })
            ->add_flag("--force", a_.force,
                       "Also when the peer cannot be told: this node goes on. The peer still believes in the pair, so it must "
                       "not come back");
        command("rotate-key",
                "Replace the pair's key on both nodes, while they go on: at every moment each accepts what the other sends. Ends "
                "when the key before opens nothing any more. Whatever breaks meanwhile, the nodes end it by themselves",
                [this] { return rotate_key(env_); });
        command("promote",
                "Make this node the primary, whose configuration counts, in a new term. The primary becomes the secondary, now "
                "or when it is back; the floating addresses stay where they are",
                [this] { return promote(env_, a_.force); })
            ->add_flag("--force", a_.force,
                       "Also when the primary is alive and cannot be told; what it applies until then does not count");
    }

    void add_probe_options(CLI::App* c) {
        c->add_option("--http", a_.probe.path, "Ask ADDRESS:PORT for this path, too, with HTTP GET; a status of 500 or more is a failure");
        c->add_option("--every", a_.probe.every,
                      "From the start of one attempt to the next, 1ms to 1m; connections more often than every 4ms are reset, or ports would not last")
            ->capture_default_str();
        c->add_option("--timeout", a_.probe.timeout, "For an attempt, 1ms to 1m")->capture_default_str();
    }

    void add_probe() {
        auto* p = command("probe",
                          "Sit where a client sits: a new connection, HTTP request or ping again and again, at fixed times. Tells how many "
                          "failed and why, how long they took, and the longest time in which nobody was served. Needs no daemon. Exit code "
                          "1 when an attempt failed",
                          [this] { return a_.stdio ? probe_stdio(env_) : probe(env_, a_.probe); });
        auto* target = p->add_option("TARGET", a_.probe.target,
                                     "Where to: ADDRESS:PORT, or [ADDRESS]:PORT with IPv6; http://ADDRESS:PORT/PATH; ping:ADDRESS");
        p->add_option("--for", a_.probe.length, "How long, up to 24h; 0s: until it is interrupted")->capture_default_str();
        p->add_flag("--watch-owner", a_.probe.watch_owner,
                    "Also ask the target's network who owns the address, with ARP or neighbour discovery, every 20 ms; as root, on a "
                    "machine of that network. Tells for how long two stations answered");
        p->add_flag("--stdio", a_.stdio, "Take orders on standard input and tell what is seen on standard output: what `dyad drill --client` starts")
            ->excludes(target);
        add_probe_options(p);
    }

    void add_drill() {
        auto* d = command("drill",
                          "Fail over on purpose, there and back, and report what clients saw, with a verdict against limits. Asks first; ends "
                          "where the pair is not ready for it. The addresses end where they were. Exit code 1 when a limit was not kept",
                          [this] {
                              a_.drill.probing = a_.probe;
                              return drill(env_, a_.drill);
                          });
        auto& o = a_.drill;
        d->add_option("TARGET", o.targets,
                      "What to probe: ADDRESS:PORT, http://ADDRESS:PORT/PATH or ping:ADDRESS; a port of each TCP service that serves when left "
                      "out, 16 at most");
        d->add_option("--kind", o.kinds,
                      "What happens to the active node, several times or with commas: planned, process (its cluster process is killed), link (its "
                      "interfaces of addresses and heartbeats are cut), freeze (dyadd stands still). All but planned: as root, on the active "
                      "node, with --client [planned]")
            ->delimiter(',')
            ->allow_extra_args(false);
        d->add_option("--rounds", o.rounds, "How often there and back, of each kind")->check(CLI::Range(1, 1000))->capture_default_str();
        d->add_option("--at", o.at, "When: 02:30, or 2026-11-24T02:30, in this machine's time zone; waits for it");
        d->add_option("--outage", o.outage, "How long link and freeze last, up to 8s")->capture_default_str();
        d->add_option("--client", o.clients,
                      "Probe from another machine, reached with a command to which the words `probe --stdio` are added: 'ssh viewer1 dyad'. "
                      "Several times for several machines; without, from this one")
            ->allow_extra_args(false);
        d->add_option("--witness", o.witnesses,
                      "The same, for a machine in the network of the addresses that asks who owns them; as root there. Better not a client's: "
                      "it learns of a new owner by its own questions")
            ->allow_extra_args(false);
        d->add_option("--max-gap", o.max_gap, "Limit: the longest time in which a target serves nobody, 1ms to 1m")->capture_default_str();
        d->add_option("--max-errors", o.max_errors,
                      "Limit: failed attempts of a target in one move. When left out, no failed connection in planned moves, and any number "
                      "in others; lost echoes of a ping are judged by their gap")
            ->check(CLI::Range(0, 1'000'000));
        d->add_option("--max-two-owners", o.max_two_owners, "Limit: how long two nodes may answer for an address; needs --witness");
        d->add_option("--report", o.report, "Write report.txt, report.json and report.svg into this directory, which must be new or empty");
        d->add_flag("--yes", o.yes, "Do not ask first");
        add_probe_options(d);
    }

    CLI::App* add_server_command(std::string const& name, std::string const& what) {
        auto* c = command(name, what + ". Kept over restart and failover, known to both nodes",
                          [this, name] { return set_servers(env_, name, a_.target, a_.address, a_.cut_after); });
        auto* one = c->add_option("SERVICE/SERVER", a_.target, "One server of one service; or else");
        c->add_option("--server", a_.address, "a machine's address: wherever it serves")->excludes(one);
        return c;
    }

    environment& env_;
    CLI::App app_{"dyad: commands for a Dyad pair, a two-node high-availability load balancer", "dyad"};
    std::string run_dir_ = "/run/dyad";
    arguments a_;
    std::vector<std::string> names_;
    std::function<exit_code()> command_;
};

} // namespace

exit_code run(std::vector<std::string> arguments, environment& env) {
    try {
        return program(env).run(std::move(arguments));
    } catch (std::exception const& e) {
        env.err << "dyad: " << e.what() << '\n';
        return exit_code::refused;
    }
}

} // namespace dyad::cli
