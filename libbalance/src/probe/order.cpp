// SPDX-License-Identifier: Apache-2.0
#include "probe/order.hpp"

#include <string_view>

namespace balance::probe {
namespace {

/// Joins parts so that no two different lists give the same text: each is preceded by its length.
class joined {
public:
    joined& text(std::string_view s) {
        out_ += std::to_string(s.size());
        out_ += ':';
        out_ += s;
        return *this;
    }
    template <class Number>
    joined& value(Number n) {
        return text(std::to_string(n));
    }
    joined& maybe(std::optional<std::string> const& s) { return s ? text("+" + *s) : text("-"); }

    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

} // namespace

order make_order(virtual_service const& service, real_server const& server) {
    order o;
    o.check = service.check;
    o.target.address = server.address;
    std::uint16_t const service_port = service.ports.empty() ? std::uint16_t{0} : service.ports.front().first;
    if (service.check.type != health_check::kind::ping)
        o.target.port = service.check.port != 0 ? service.check.port : server.port != 0 ? server.port : service_port;
    // A port of the check's own is hardly one that clients are led to.
    if (service.check.port == 0 || service.check.port == (server.port != 0 ? server.port : service_port))
        o.greeting = service.proxy_protocol.send;
    if (service.check.type == health_check::kind::external) {
        o.virtual_service.address = service.address.value_or(address{});
        o.virtual_service.port = service_port;
        o.names = {service.name, server.name};
    }
    return o;
}

std::string key_of(order const& o) {
    auto const& c = o.check;
    joined all;
    all.text(o.target.address.to_string()).value(o.target.port);
    all.text(o.virtual_service.address.to_string()).value(o.virtual_service.port);
    all.text(o.names.service).text(o.names.server);
    all.value(static_cast<int>(o.greeting)).value(static_cast<int>(c.type)).text(c.request).text(c.host).text(c.method).value(int{c.verify}).value(int{c.tls});
    all.text(c.calling_ae).text(c.called_ae);
    all.maybe(c.expect.equals).maybe(c.expect.contains).maybe(c.expect.regex);
    all.value(c.expect.status.size());
    for (auto const& range : c.expect.status)
        all.value(range.first).value(range.last);
    for (auto const* list : {&c.expect.json, &c.headers}) {
        all.value(list->size());
        for (auto const& [name, value] : *list)
            all.text(name).text(value);
    }
    all.text(c.password_file).text(c.secret).text(c.secret_file).text(c.query).text(c.database).value(int{c.tcp});
    all.text(c.user).text(c.password).value(c.min_days).value(c.warn_days).text(c.message);
    all.value(c.fast_interval.count()).value(c.down_interval.count()).value(c.connects);
    all.text(c.command).value(c.interval.count()).value(c.timeout.count()).value(c.connect_timeout.count()).value(c.rise).value(c.fall);
    return all.take();
}

} // namespace balance::probe
