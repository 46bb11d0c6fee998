// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_message.hpp"

#include <balance/service.hpp>

#include <span>

namespace balance::core::http {

/// Who stands behind trusted relays: the last address in X-Forwarded-For that is none of theirs, as far as it can be read. `from`
/// itself where that is no trusted relay, or tells nothing.
[[nodiscard]] address forwarded_client(field_list const& fields, address const& from, std::span<subnet const> trusted) noexcept;

/// Is a Forwarded field (RFC 7239 4) whole: its pairs and quotes end within it? What stands behind one that is not would be
/// taken for a part of it. Values that need quotes and have none, as some relays write them, pass.
[[nodiscard]] bool is_whole_forwarded(std::string_view value) noexcept;

} // namespace balance::core::http
