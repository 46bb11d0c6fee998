// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace balance {

using address = boost::asio::ip::address;
using std::chrono::milliseconds;

/// How a service balances. The first four are layer 4 (IPVS in the kernel), the last two layer 7 (a full proxy).
enum class mode : std::uint8_t {
    dr,   ///< direct routing: the frame's MAC is rewritten, the server answers the client itself
    nat,  ///< masquerade: replies come back through the balancer
    snat, ///< masquerade plus source NAT: the server sees `snat_source`
    tun,  ///< tunnel to the server
    tcp,  ///< layer 7, bytes relayed
    http  ///< layer 7, requests understood
};

[[nodiscard]] constexpr bool is_layer4(mode m) noexcept { return m < mode::tcp; }

enum class protocol : std::uint8_t { tcp, udp, tcp_udp, sctp };

/// Ports `first` to `last`, both included; one port when equal. "*" is {1, 65535}.
struct port_range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    bool operator==(port_range const&) const = default;
};

/// An address and a port.
struct endpoint {
    balance::address address;
    std::uint16_t port = 0;

    bool operator==(endpoint const&) const = default;
    std::strong_ordering operator<=>(endpoint const& other) const noexcept {
        // Boost's addresses have < only.
        return address < other.address   ? std::strong_ordering::less
               : other.address < address ? std::strong_ordering::greater
                                         : port <=> other.port;
    }
};

/// Addresses that have their first `length` bits in common with `base`.
struct subnet {
    balance::address base;
    std::uint8_t length = 0; ///< at most 32 or 128

    bool operator==(subnet const&) const = default;
};

/// The PROXY protocol of HAProxy: relays tell each other of clients in front of all other bytes, of TLS too.
struct proxy_protocol {
    enum class version : std::uint8_t { none, v1, v2 };

    std::vector<subnet> from{}; ///< who comes from here must say it, in either version; nobody else may
    version send = version::none; ///< to real servers

    bool operator==(proxy_protocol const&) const = default;
};

/// How much clients may take of a layer-7 service. 0: no limit.
struct client_limits {
    std::uint32_t connections = 0;        ///< of all clients; further ones wait in the listen queue
    std::uint32_t source_connections = 0; ///< of one source
    std::uint32_t source_rate = 0;        ///< of one source in `source_period`: connections with mode tcp, requests with mode http
    milliseconds source_period{1000};
    std::uint8_t ipv4_prefix = 32;  ///< addresses with these leading bits in common are one source
    std::uint8_t ipv6_prefix = 64;
    std::vector<subnet> except{}; ///< sources without a limit of their own

    [[nodiscard]] bool of_sources() const noexcept { return source_connections != 0 || source_rate != 0; }
    bool operator==(client_limits const&) const = default;
};

/// A table of that many takes some 150 MB for each million of clients, on each node.
inline constexpr std::uint32_t most_persistence_entries = 1u << 24;

/// Which later connections of a client go to the same real server.
struct persistence {
    enum class kind : std::uint8_t {
        none,
        source_ip,
        http_cookie, ///< a cookie of our own
        app_cookie,  ///< a cookie of the application's: what a server gave a client leads back to it
        last_successful
    };

    kind mode = kind::none;
    std::chrono::seconds timeout{300};
    /// Prefix length that makes clients one: 32 or 128 each client alone (the default, also when absent), 0 all clients.
    std::optional<std::uint8_t> granularity;
    std::string cookie = "SERVERID"; ///< http_cookie, app_cookie: its name, a token
    /// Clients of a server that is drained go on to it with new connections until their time is over; else they go to
    /// another one at once.
    bool drained_stay = false;
    /// Layer 7: clients that are remembered; a further one takes the place of the one seen longest ago. 1 to `most_persistence_entries`.
    std::uint32_t entries = 10240;

    bool operator==(persistence const&) const = default;
};

/// HTTP statuses `first` to `last`, both included.
struct status_range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    bool operator==(status_range const&) const = default;
};

/// What the answer to a health check must be. Absent members do not matter.
struct expectation {
    std::optional<std::string> equals;   ///< whole body, trailing white space trimmed
    std::optional<std::string> contains; ///< anywhere in the body
    std::optional<std::string> regex;    ///< RE2 syntax, anywhere in the body
    std::vector<status_range> status{};  ///< any of these; 2xx and 3xx when empty
    /// The body is JSON, and holds these values at these places: JSON pointer (RFC 6901) -> text, number, true, false or
    /// null, as JSON.
    std::vector<std::pair<std::string, std::string>> json{};

    bool operator==(expectation const&) const = default;
};

/// How a real server's health is found out. Durations are the effective ones (the defaults are filled in by the reader).
struct health_check {
    enum class kind : std::uint8_t {
        connect, ping, http, https, tls, dicom, hl7, smtp, imap, pop3, ftp, redis, ldap, dns, mysql, postgresql, radius, sip, ntp,
        external, on, off
    };

    kind type = kind::connect;
    std::uint16_t port = 0;          ///< 0: the server's port; else the service's first port
    std::string request = "/";       ///< http(s): path, always with a leading slash
    std::string host;                ///< http(s): Host header; TLS: SNI. The server's address when empty
    std::string method = "GET";      ///< http(s): GET or HEAD
    std::vector<std::pair<std::string, std::string>> headers; ///< http(s): further fields of the request
    std::string user;                ///< of basic authentication, of a login; ldap: a DN. Empty: none
    std::string password;            ///< secret: never shown, never logged
    /// A file with the password, of each node's own. The library opens no files: whoever applies it sets `password`; a check
    /// whose password is missing then fails and says so.
    std::string password_file;
    std::string secret;              ///< radius: what server and client share; as secret as `password`
    std::string secret_file;         ///< as `password_file`
    std::string query;               ///< dicom: key=value; dns: name, type; mysql, postgresql: SQL; ldap: DN; redis: command; sip: URI
    std::string database;            ///< mysql, postgresql
    bool tcp = false;                ///< dns, sip: over TCP instead of UDP
    bool tls = false;                ///< where a protocol can do without: over TLS
    std::uint16_t min_days = 0;      ///< TLS: for so long the certificate must be valid yet; 0: however long
    std::uint16_t warn_days = 0;     ///< TLS: the result warns of a certificate that ends earlier; 0: never
    bool verify = false;             ///< TLS: verify the certificate against the system's store
    expectation expect;              ///< http(s), and what a query is answered with
    std::string calling_ae = "DYAD";    ///< dicom: our application entity title
    std::string called_ae = "ANY-SCP";  ///< dicom: the server's
    std::string message;             ///< hl7: what is sent; its lines are segments
    std::string command;             ///< external: absolute path of the program
    milliseconds interval{4000};     ///< from one start to the next
    milliseconds fast_interval{0};   ///< while results contradict the state; 0: `interval`
    milliseconds down_interval{0};   ///< while the server is down; 0: `interval`
    std::uint16_t connects = 0;      ///< only connect so many times between two whole checks
    milliseconds timeout{5000};      ///< for the whole check
    milliseconds connect_timeout{0}; ///< until its connection stands, TLS included; 0: `timeout`
    std::uint16_t rise = 2;          ///< successes in a row that bring a server up
    std::uint16_t fall = 2;          ///< failures in a row that take it down
    bool initially_up = false;       ///< a server of unknown health gets clients; its first result decides at once

    bool operator==(health_check const&) const = default;
};

/// A feedback agent on each real server, which says how much it can take.
struct agent_check {
    enum class kind : std::uint8_t { tcp, http };

    kind type = kind::tcp;
    std::uint16_t port = 3333;
    std::string request = "/"; ///< http: path, always with a leading slash
    milliseconds interval{4000};
    milliseconds timeout{5000};

    bool operator==(agent_check const&) const = default;
};

/// Failures that clients' traffic meets at a server of a layer-7 service, and what they say of its health.
struct observation {
    std::uint32_t errors = 10;          ///< so many of them
    milliseconds within{10'000};        ///< in this time
    bool server_errors = false;         ///< mode http: answers with status 5xx count as well
    bool take_down = false;             ///< the server is down then, until its checks say otherwise; else that is one failed check

    bool operator==(observation const&) const = default;
};

/// Termination of TLS beside the clear ports of a layer-7 service.
struct tls_termination {
    enum class profile : std::uint8_t {
        standard, ///< TLS 1.2 and 1.3, with OpenSSL's own choice of ciphers
        modern,   ///< TLS 1.3 alone
        old       ///< from TLS 1.0 on, with ciphers that are no longer safe, for devices that know no other
    };

    std::vector<port_range> ports;
    /// Names of files in certificates/, without ".pem". The name that a client asks for picks one of them; the first is for
    /// all others.
    std::vector<std::string> certificates{};
    profile versions = profile::standard;
    /// Clients' certificates must lead to one of this file's in certificates/; empty: clients are not asked for one.
    std::string client_ca{};
    bool client_required = true; ///< with `client_ca`: a client without a certificate is refused
    std::uint16_t to_port = 0; ///< at servers without a port of their own; 0: the service's first clear port

    /// All names of files.
    [[nodiscard]] std::vector<std::string> files() const {
        auto out = certificates;
        if (!client_ca.empty())
            out.push_back(client_ca);
        return out;
    }

    bool operator==(tls_termination const&) const = default;
};

/// What answers when no real server can.
struct fallback {
    enum class kind : std::uint8_t {
        local,   ///< the node's own page on 9081
        server,  ///< `target`
        disabled ///< the connection is refused
    };

    kind mode = kind::disabled;
    endpoint target;

    bool operator==(fallback const&) const = default;
};

/// How mode tun wraps a client's packet for a real server, which unwraps it.
struct tunnel {
    enum class kind : std::uint8_t {
        ipip, ///< IP in IP, or IPv6 around or inside
        gue,  ///< generic UDP encapsulation to `port`
        gre
    };
    enum class checksum : std::uint8_t {
        none,
        full,  ///< over the whole packet
        remote ///< gue: the receiver computes it (remote checksum offload)
    };

    kind type = kind::ipip;
    std::uint16_t port = 0; ///< gue: where the real server listens
    checksum sum = checksum::none;

    auto operator<=>(tunnel const&) const = default;
};

/// What a kernel scheduler does beside its usual way. Both are for sh and mh.
struct scheduler_flags {
    bool fallback = false; ///< a client whose server cannot take it goes to another
    bool port = false;     ///< the client's port counts too, not only its address

    bool operator==(scheduler_flags const&) const = default;
};

/// How long layer 7 waits for others, 1 ms at least each.
struct timeouts {
    milliseconds connect{5'000};          ///< for one attempt at a real server
    milliseconds queue{5'000};            ///< for room at a server, while all that could serve have their maximum
    milliseconds idle{12 * 3'600'000};    ///< without a byte in either direction
    milliseconds head{5'000};             ///< mode http: for the whole head of a request
    milliseconds body{60'000};            ///< mode http: without a byte of a request's body
    milliseconds answer{600'000};         ///< mode http: from a request's last byte to the head of its answer
    milliseconds keep_alive{60'000};      ///< mode http: a client between two requests

    bool operator==(timeouts const&) const = default;
};

/// A change of the header fields that are passed on. Rules apply in their order, after what the proxy itself says.
struct header_rule {
    enum class kind : std::uint8_t {
        set,   ///< in place of all fields of that name
        add,   ///< beside those that are there
        remove ///< all of that name
    };

    kind what = kind::set;
    std::string name;
    std::string value; ///< of set and add

    bool operator==(header_rule const&) const = default;
};

/// Requests that go to certain servers. A server that a route names gets no others.
struct http_route {
    std::string name;
    std::string host; ///< without a port, whatever its case; "*.example" is any name below; empty: any
    std::string path; ///< this path, and all below it; empty: any
    std::vector<std::string> servers;

    bool operator==(http_route const&) const = default;
};

/// What mode http does to messages on their way.
struct http_policy {
    enum class forwarded_for : std::uint8_t {
        append, ///< the client's address behind what the client says itself
        replace, ///< the client's address alone
        off      ///< what the client says
    };

    /// Forwarded (RFC 7239). Unlike in X-Forwarded-For, what a client says stays only where that is wanted: servers believe it.
    enum class forwarded : std::uint8_t {
        off,     ///< none, the client's own neither
        append,  ///< the client's address and protocol behind what the client says itself
        replace  ///< these alone
    };

    std::uint16_t redirect_to_https = 0; ///< status of the answer to requests that come in clear; 0: they are served
    std::uint16_t https_port = 443;      ///< where that leads
    std::chrono::seconds hsts{0};        ///< Strict-Transport-Security on answers in TLS; 0: none
    forwarded_for client_address = forwarded_for::append;
    forwarded client_forwarded = forwarded::off;
    std::vector<subnet> trusted_relays{}; ///< whose X-Forwarded-For says who the client is
    std::uint64_t max_body = 0; ///< bytes of a request's body; 0: any
    std::vector<header_rule> request_headers;
    std::vector<header_rule> response_headers;
    std::vector<http_route> routes; ///< the first that fits

    bool operator==(http_policy const&) const = default;
};

/// A machine behind a virtual service.
struct real_server {
    std::string name; ///< identity within the service, no slash
    balance::address address;
    std::uint16_t port = 0; ///< 0: the port the client connected to
    std::uint16_t weight = 100;
    std::uint32_t min_connections = 0; ///< layer 4: an overloaded server is used again below this; 0: below 3/4 of the maximum
    std::uint32_t max_connections = 0; ///< 0: no limit; layer 7: above it clients wait for room. Mode http: requests

    bool operator==(real_server const&) const = default;
};

/// A virtual service: where clients connect and how they are spread over real servers. The name is its identity.
struct virtual_service {
    std::string name; ///< no slash
    balance::mode mode = balance::mode::dr;
    std::optional<balance::address> address; ///< a floating IP; absent only for a bare firewall mark
    std::string network;                     ///< name of the network that holds the address; empty: by subnet
    std::vector<port_range> ports;
    std::vector<port_range> except_ports; ///< with a firewall mark: all ports but these
    balance::protocol protocol = balance::protocol::tcp;
    std::uint32_t firewall_mark = 0; ///< the operator's own mark; 0: none
    std::optional<balance::address> snat_source;
    balance::tunnel tunnel; ///< mode tun
    bool one_packet = false; ///< UDP: each datagram is scheduled by itself
    std::string balance = "wlc"; ///< layer 4: a kernel scheduler's name; layer 7: wrr wlc first source uri random
    balance::scheduler_flags scheduler_flags;
    balance::persistence persistence;
    health_check check;
    std::optional<agent_check> agent{};
    std::optional<observation> observe{}; ///< layer 7; absent: traffic says nothing of health
    std::string on_change{}; ///< absolute path of a program that is told of servers that come and go; empty: none
    std::optional<tls_termination> tls;
    bool re_encrypt = false;
    balance::fallback fallback;
    bool transparent = false;
    milliseconds slow_start{0};       ///< layer 7: time over which a recovered server's share grows to its weight
    balance::timeouts timeouts;       ///< layer 7
    balance::proxy_protocol proxy_protocol{}; ///< layer 7
    client_limits limits{};           ///< layer 7
    bool access_log = false;          ///< layer 7: what clients did is written down, see `proxy::log_to`
    http_policy http;                 ///< mode http
    std::vector<real_server> servers; ///< in the file's order, which `first` follows

    bool operator==(virtual_service const&) const = default;
};

/// Everything a balancer is asked to serve.
struct configuration {
    std::vector<virtual_service> services;
    /// Marks that make one IPVS service of several ports: service name -> mark, allocated once and never renumbered.
    std::vector<std::pair<std::string, std::uint32_t>> marks;
    /// Interface through which the real servers of nat services reach the world with this node's address (auto-NAT);
    /// empty: none.
    std::string auto_nat_interface{};
    /// Certificates with their keys, by the name that services call them; PEM. Secret: never shown, never logged.
    std::vector<std::pair<std::string, std::string>> certificates{};
    /// Port of the node's own page, where `fallback::kind::local` leads.
    std::uint16_t page_port = 9081;

    bool operator==(configuration const&) const = default;
};

/// What an operator asked of one real server of one service; kept over restart and failover.
enum class admin_state : std::uint8_t {
    online,
    drain, ///< no new connections, old ones finish
    halt   ///< out of service at once
};

/// What the health checks say of a real server.
enum class health : std::uint8_t {
    unknown, ///< not checked yet: not used, unless its check says so
    up,
    down
};

/// Names a real server of a service.
struct server_key {
    std::string service;
    std::string server;

    bool operator==(server_key const&) const = default;
    auto operator<=>(server_key const&) const = default;
};

/// May new connections go to it, and may old ones stay?
struct server_state {
    server_key key;
    balance::health health = balance::health::unknown;
    admin_state admin = admin_state::online;
    std::uint16_t share = 100; ///< per cent of its weight that its agent allows; 0: no new connections
    bool cut = false; ///< drain: what it still has on layer 7 ends now
    std::uint32_t most_connections = 0; ///< that its agent allows; 0: it names no number

    /// Is it well, as far as is known with this check?
    [[nodiscard]] bool fit(health_check const& check) const noexcept {
        return health == balance::health::up || (health == balance::health::unknown && check.initially_up);
    }
    /// Does it get new connections?
    [[nodiscard]] bool usable(health_check const& check) const noexcept {
        return fit(check) && admin == admin_state::online && share > 0;
    }
    /// Does it finish what it has, by the word of an operator or of its agent?
    [[nodiscard]] bool drained() const noexcept {
        return admin == admin_state::drain || (admin == admin_state::online && share == 0);
    }
    bool operator==(server_state const&) const = default;
};

} // namespace balance
