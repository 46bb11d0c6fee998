// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "asio.hpp"

#include <spdlog/spdlog.h>
