// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <config/cluster_parts.hpp>
#include <config/config.hpp>
#include <config/document.hpp>
#include <config/service_parts.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dyad::config {

/// Reads one cluster.toml after the other, each at the cost of what is new in it: of a thousand services with one that was
/// edited, that one's lines are parsed. A large text is parsed piece by piece, so that it needs little memory. Keeps the last
/// text, and what it said, where there was neither fault nor warning.
class cluster_reader {
public:
    /// What `parse_cluster` gives for the same text, diagnostics included.
    outcome<cluster_config> read(std::string_view text, std::string const& file, surroundings const& around);
    /// Bytes that the last `read` had to parse.
    [[nodiscard]] std::size_t parsed() const noexcept { return parsed_; }

private:
    /// What counts for all services.
    struct common_part {
        std::string text;
        value document; ///< of it
        service_context context;
    };
    struct known_service {
        std::string_view text; ///< in `text_`
        std::string check;     ///< the [check.NAME] that it uses; empty: none
        std::size_t place = 0; ///< among the services of `last_`
    };
    using services = std::vector<balance::virtual_service>;

    /// These give nothing where there is anything to say about the text: `parse_cluster` says it.
    std::optional<cluster_config> read_parts(service_parts const& parts, surroundings const& around);
    bool read_common(service_parts const& parts);
    std::optional<services> read_changed(std::span<service_part const> changed);
    std::optional<value> parse(std::string_view text);

    [[nodiscard]] bool is_known(service_part const& p) const;
    services merged(service_parts const& parts, services changed);
    [[nodiscard]] bool is_sound(surroundings const& around) const;
    [[nodiscard]] bool has_certificates(surroundings const& around) const;
    /// What is known lies in this text, which the caller takes away.
    void keep(std::string_view text);
    void forget();

    std::string text_;
    std::optional<common_part> common_;
    std::map<std::string, known_service, std::less<>> known_; ///< by name
    cluster_config last_;
    std::size_t parsed_ = 0;
    bool spoke_ = false; ///< of the last text there was something to say, and most likely there is again
};

} // namespace dyad::config
