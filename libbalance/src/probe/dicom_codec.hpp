// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom_key.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// DICOM's upper layer (PS3.8 §9.3), the verification service (PS3.4 annex A, PS3.7 §9.3.5) and the search for studies (PS3.4 annex C,
// PS3.7 §9.3.2), as far as C-ECHO and C-FIND need them.
namespace balance::probe::dicom {

enum class pdu_type : std::uint8_t {
    associate_request = 1,
    associate_accept = 2,
    associate_reject = 3,
    data = 4,
    release_request = 5,
    release_response = 6,
    abort = 7
};

/// The longest that we accept, and say that we accept.
inline constexpr std::uint32_t longest_pdu = 16384;

/// What an association is for.
enum class purpose : std::uint8_t { verification, search };

/// Who sends: the association's user information (PS3.7 annex D.3.3.2).
struct implementation {
    std::string class_uid;
    std::string version; ///< 1 to 16 characters
};

/// Ours. The UID is derived from a UUID (PS3.5 annex B.2).
[[nodiscard]] implementation const& our_implementation();

/// Asks for an association with one presentation context, number 1: verification, or the search for studies, in implicit VR
/// little endian. The titles have 1 to 16 characters.
[[nodiscard]] std::string associate_request(std::string_view calling, std::string_view called, implementation const& who,
                                            purpose p = purpose::verification);
/// A C-ECHO-RQ in one P-DATA-TF on presentation context 1.
[[nodiscard]] std::string echo_request(std::uint16_t message_id);
/// A C-FIND-RQ for studies with that key, which wants to see their UIDs: the command and its data set, a P-DATA-TF each.
[[nodiscard]] std::string find_request(std::uint16_t message_id, core::dicom_key const& key);
[[nodiscard]] std::string release_request();
[[nodiscard]] std::string release_response();
[[nodiscard]] std::string abort();

struct pdu {
    std::uint8_t type = 0;
    std::string body;
};

/// Cuts what arrives into PDUs.
class pdu_reader {
public:
    void feed(std::string_view bytes) { pending_ += bytes; }
    /// The next whole one. Nothing: more bytes are needed, or there is a fault.
    [[nodiscard]] std::optional<pdu> next();
    /// Empty, or why no further PDU can be read; then nothing more is.
    [[nodiscard]] std::string const& fault() const noexcept { return fault_; }
    [[nodiscard]] bool empty() const noexcept { return pending_.empty(); }

private:
    std::string pending_; ///< at most one PDU and what was fed last
    std::string fault_;
};

/// Empty when presentation context 1 was accepted with implicit VR little endian, else what is wrong with it.
[[nodiscard]] std::string refusal_in_accept(std::string_view body, purpose p = purpose::verification);
/// "called AE title not recognized (permanent, by the service user)"
[[nodiscard]] std::string words_of_reject(std::string_view body);
/// "by the service provider: unexpected PDU"
[[nodiscard]] std::string words_of_abort(std::string_view body);

/// What a command says that matters here (PS3.7 annex E.1); of a stranger, so everything may be missing.
struct command {
    std::optional<std::uint32_t> field{};
    std::optional<std::uint32_t> answered{}; ///< message ID
    std::optional<std::uint32_t> data_set{};
    std::optional<std::uint32_t> status{};

    /// Empty when it is that answer to that message and has a status, else what it is.
    [[nodiscard]] std::string fault_as(std::uint32_t response, std::string_view name, std::uint16_t message_id) const;
    /// A data set follows.
    [[nodiscard]] bool brings_data() const noexcept;
};

/// Nothing when the bytes are no elements of group 0000 in implicit VR little endian.
[[nodiscard]] std::optional<command> read_command(std::string_view bytes);

/// One fragment of a message (PS3.8 §9.3.5.1, annex E.2).
struct fragment {
    bool of_command = false;
    bool last = false;
    std::string_view content{};
};

/// Takes the next fragment from the body of a P-DATA-TF. Nothing, and why: it does not fit, or belongs to a presentation context that
/// nobody proposed.
[[nodiscard]] std::optional<fragment> take_fragment(std::string_view& body, std::string& fault);

/// Gathers the command of a C-ECHO-RSP from the fragments of P-DATA-TF.
class response_reader {
public:
    /// Takes in the body of one P-DATA-TF. False: there is a fault.
    bool feed(std::string_view body);
    /// The command is whole.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// Of a whole command: its status when it is the answer to that C-ECHO-RQ; nothing, and a fault, when it is not.
    [[nodiscard]] std::optional<std::uint16_t> status(std::uint16_t message_id);
    [[nodiscard]] std::string const& fault() const noexcept { return fault_; }

private:
    bool fail(std::string why);

    std::string command_;
    std::string fault_;
    bool complete_ = false;
};

} // namespace balance::probe::dicom
