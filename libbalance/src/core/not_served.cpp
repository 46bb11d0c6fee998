// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <vector>

namespace balance {

std::string not_served(virtual_service const& s) {
    std::vector<std::string> missing;
    if (s.transparent) {
        missing.emplace_back("transparent proxying");
    }
    if (missing.empty()) {
        return {};
    }
    std::string out;
    for (std::size_t i = 0; i < missing.size(); ++i) {
        out += i == 0 ? "" : i + 1 == missing.size() ? " and " : ", ";
        out += missing[i];
    }
    return out + (missing.size() == 1 ? " is" : " are") +
           " not built yet; this version keeps the service in the configuration only";
}

} // namespace balance
