// SPDX-License-Identifier: Apache-2.0
#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/words.hpp>

#include <algorithm>
#include <array>
#include <ostream>
#include <utility>

namespace dyad::cli {

namespace json = boost::json;

namespace {

struct grade_shown {
    std::string_view name;
    dyad::cli::colour colour;
    std::string_view one;
    std::string_view many;
};
constexpr std::string_view fine = "fine";

/// In the order in which they are printed.
constexpr std::array grades{grade_shown{"fault", colour::red, "fault", "faults"},
                            grade_shown{"warning", colour::yellow, "warning", "warnings"},
                            grade_shown{"untested", colour::none, "not tested", "not tested"},
                            grade_shown{fine, colour::green, fine, fine}};

constexpr std::size_t grade_width = 8;

grade_shown const& shown(std::string const& name) {
    auto const found = std::find_if(grades.begin(), grades.end(), [&](auto const& g) { return g.name == name; });
    return found == grades.end() ? grades.front() : *found;
}

void print_finding(environment& env, json::object const& f) {
    auto const& grade = shown(text(f, "grade"));
    auto const server = text(f, "server");
    env.out << "  " << painted(grade.name, grade.colour, env.colour)
            << std::string(grade_width + 2 - grade.name.size(), ' ') << (server.empty() ? "" : server + " ")
            << text(f, "text") << '\n';
    if (auto const remedy = text(f, "remedy"); !remedy.empty()) {
        env.out << std::string(grade_width + 4, ' ') << "remedy: " << remedy << '\n';
    }
}

void print_subject(environment& env, std::string const& subject, json::array const& findings, bool all) {
    bool headed = false;
    for (auto const& g : grades) {
        if (g.name == fine && !all) {
            continue;
        }
        for (auto const& f : findings) {
            if (text(item(f), "service") != subject || shown(text(item(f), "grade")).name != g.name) {
                continue;
            }
            if (!std::exchange(headed, true)) {
                env.out << (subject.empty() ? "this node and the pair" : "service " + subject) << '\n';
            }
            print_finding(env, item(f));
        }
    }
}

void print_summary(environment& env, json::array const& findings, bool all) {
    std::string line;
    for (auto const& g : grades) {
        auto const n = std::count_if(findings.begin(), findings.end(),
                                     [&](auto const& f) { return shown(text(item(f), "grade")).name == g.name; });
        if (n > 0) {
            line += (line.empty() ? "" : ", ") + std::to_string(n) + ' ' + std::string(n == 1 ? g.one : g.many) +
                    (g.name == fine && !all ? " (hidden without --all)" : "");
        }
    }
    env.out << '\n' << (line.empty() ? "nothing to look at" : line) << '\n';
}

} // namespace

exit_code doctor(environment& env, std::string const& service, bool all) {
    auto const document =
        client(env.run_dir).post("/v1/doctor", service.empty() ? json::object{} : json::object{{"service", service}});
    if (!document) {
        return fail(env, document.error());
    }
    auto const& findings = array(*document, "findings");
    bool const faulty = std::any_of(findings.begin(), findings.end(),
                                    [](auto const& f) { return text(item(f), "grade") == "fault"; });
    auto const outcome = faulty ? exit_code::refused : exit_code::done;
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return outcome;
    }
    std::vector<std::string> subjects; // in the order in which they come; "" is the pair
    for (auto const& f : findings) {
        if (auto name = text(item(f), "service"); std::find(subjects.begin(), subjects.end(), name) == subjects.end()) {
            subjects.push_back(std::move(name));
        }
    }
    for (auto const& subject : subjects) {
        print_subject(env, subject, findings, all);
    }
    print_summary(env, findings, all);
    return outcome;
}

} // namespace dyad::cli
