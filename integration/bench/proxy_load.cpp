// SPDX-License-Identifier: Apache-2.0
// Clients of a proxy, and the meter at its side: what one thread with epoll can ask, and what processor time the proxy
// spent meanwhile. Nothing of Dyad, so that every proxy is measured alike. Servers answer "GET /N" with N bytes.
//
//   dyad_proxy_load ADDRESS PORT PATH KEY=VALUE...
//     pid=N           the process whose processor time and memory are told
//     connections=64  at a time
//     warm=0.5        seconds before the measurement, and its length:
//     seconds=2
//     per=0           requests on a connection before it is closed; 0: no end
//     tls=0           1: in TLS, each time with a full handshake; 2: resumed
//     rate=0          requests a second, offered whether or not the answers come; 0: the next when the last is answered
//     clients=0       so many requests, each with X-Forwarded-For of another client, from 10.0.0.0 + first= on; ends with the last
//     first=0         answer instead of after `seconds`
//     idle=0          1: connects, asks once each, and then only holds the connections for the time of the measurement
//
// Prints one line of JSON: requests, failed, bytes (of answers), seconds, cpu (of the proxy, seconds), rss (bytes, of the
// proxy), p50 and p99 (seconds, of the time from when a request was due to the end of its answer).
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>

namespace {

using clock_type = std::chrono::steady_clock;
using time_point = clock_type::time_point;
using seconds = std::chrono::duration<double>;

struct options {
    sockaddr_in to{};
    std::string path;
    std::map<std::string, double> numbers{{"pid", 0},   {"connections", 64}, {"warm", 0.5}, {"seconds", 2},
                                          {"per", 0},   {"tls", 0},          {"rate", 0},   {"idle", 0},
                                          {"clients", 0}, {"first", 0}};

    double number(char const* name) const { return numbers.at(name); }
};

options parse(int argc, char** argv) {
    if (argc < 4)
        throw std::invalid_argument("usage: dyad_proxy_load ADDRESS PORT PATH KEY=VALUE...");
    options out;
    out.to.sin_family = AF_INET;
    out.to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(argv[2])));
    if (::inet_pton(AF_INET, argv[1], &out.to.sin_addr) != 1)
        throw std::invalid_argument(std::string(argv[1]) + " is no IPv4 address");
    out.path = argv[3];
    for (int i = 4; i < argc; ++i) {
        std::string const word = argv[i];
        auto const equals = word.find('=');
        auto const known = out.numbers.find(word.substr(0, equals));
        if (equals == std::string::npos || known == out.numbers.end())
            throw std::invalid_argument(word + ": unknown");
        known->second = std::stod(word.substr(equals + 1));
    }
    return out;
}

/// What a process has used so far.
class meter {
public:
    explicit meter(long pid) : pid_(pid) {}

    /// Seconds of processor time of all its threads, to the nanosecond.
    [[nodiscard]] double cpu() const {
        double out = 0;
        std::error_code gone;
        for (auto const& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", gone)) {
            double spent = 0;
            std::ifstream(task.path() / "schedstat") >> spent;
            out += spent / 1e9;
        }
        return out;
    }
    [[nodiscard]] double rss() const {
        double size = 0;
        double resident = 0;
        std::ifstream("/proc/" + std::to_string(pid_) + "/statm") >> size >> resident;
        return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
    }

private:
    long pid_;
};

class load;

class client {
public:
    explicit client(load& owner) : load_(owner) {}
    ~client() { close(); }
    client(client const&) = delete;
    client& operator=(client const&) = delete;

    void ask(time_point due);
    void ready(std::uint32_t events);
    [[nodiscard]] bool is_idle() const { return state_ == state::idle; }

private:
    enum class state { idle, connecting, shaking, sending, receiving };

    bool connect();
    void connected();
    void shake();
    void write();
    void read();
    bool take(std::size_t size);
    void answered();
    void failed();
    void close();

    load& load_;
    state state_ = state::idle;
    int fd_ = -1;
    std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, &SSL_free};
    std::string own_; ///< a request of its own; empty: everybody's
    std::size_t sent_ = 0;
    std::string head_;         ///< of the answer, until it is whole
    std::uint64_t left_ = 0;   ///< of its body
    bool in_body_ = false;
    unsigned asked_ = 0;       ///< on this connection
    time_point due_{};
};

class load {
public:
    explicit load(options o)
        : options_(std::move(o)), request_("GET " + options_.path + " HTTP/1.1\r\nHost: bench\r\n\r\n"),
          last_request_("GET " + options_.path + " HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"),
          tls_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free), session_(nullptr, &SSL_SESSION_free),
          meter_(static_cast<long>(options_.number("pid"))), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        SSL_CTX_set_mode(tls_.get(), SSL_MODE_RELEASE_BUFFERS);
        if (options_.number("tls") == 2) {
            SSL_CTX_set_session_cache_mode(tls_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
            SSL_CTX_set_app_data(tls_.get(), this);
            SSL_CTX_sess_set_new_cb(tls_.get(), [](SSL* s, SSL_SESSION* fresh) {
                static_cast<load*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(s)))->session_.reset(fresh);
                return 1;
            });
        }
        auto const n = static_cast<std::size_t>(options_.number("connections"));
        for (std::size_t i = 0; i < n; ++i)
            clients_.push_back(std::make_unique<client>(*this));
    }

    void run() {
        now_ = clock_type::now();
        next_due_ = now_;
        bool const idle = options_.number("idle") != 0;
        double const empty = meter_.rss();
        if (options_.number("clients") != 0)
            return run_clients();
        if (options_.number("rate") == 0)
            for (auto& c : clients_)
                c->ask(now_);
        if (idle) {
            until(now_ + std::chrono::seconds(30), [&] { return answered_ + failed_ >= clients_.size(); });
            asking_ = false;
        } else {
            until(now_ + in(options_.number("warm")));
        }
        answered_ = failed_ = bytes_ = 0;
        late_.clear();
        measuring_ = true;
        auto const began = now_;
        double const cpu = meter_.cpu();
        until(now_ + in(options_.number("seconds")));
        double const spent = meter_.cpu() - cpu;
        std::sort(late_.begin(), late_.end());
        auto const part = [&](double p) {
            return late_.empty() ? 0.0 : late_[static_cast<std::size_t>(p * static_cast<double>(late_.size() - 1))];
        };
        std::printf("{\"requests\": %llu, \"failed\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, \"rss\": %.0f, "
                    "\"rss_before\": %.0f, \"p50\": %.6f, \"p99\": %.6f}\n",
                    static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(failed_),
                    static_cast<unsigned long long>(bytes_), seconds(now_ - began).count(), spent, meter_.rss(), empty, part(0.5),
                    part(0.99));
    }

    // For the clients.
    [[nodiscard]] options const& wanted() const { return options_; }
    [[nodiscard]] std::string const& request(bool last) const { return last ? last_request_ : request_; }
    /// The next client's; empty: all clients are the same.
    std::string next_client() {
        if (options_.number("clients") == 0)
            return {};
        auto const n = static_cast<std::uint32_t>(options_.number("first")) + begun_clients_++;
        auto const part = [n](unsigned shift) { return std::to_string(n >> shift & 0xff); };
        return "GET " + options_.path + " HTTP/1.1\r\nHost: bench\r\nX-Forwarded-For: 10." + part(16) + "." + part(8) + "." + part(0) + "\r\n\r\n";
    }
    [[nodiscard]] int epoll() const { return epoll_; }
    [[nodiscard]] SSL_CTX* tls() const { return tls_.get(); }
    [[nodiscard]] SSL_SESSION* session() const { return session_.get(); }
    char* buffer() { return buffer_.data(); }
    [[nodiscard]] std::size_t buffer_size() const { return buffer_.size(); }
    void count(std::size_t bytes) { bytes_ += bytes; }
    void done(client& c, time_point due, bool well) {
        ++(well ? answered_ : failed_);
        if (measuring_ && well)
            late_.push_back(seconds(clock_type::now() - due).count());
        if (options_.number("rate") == 0) {
            if (asking_)
                again_.push_back(&c);
        } else if (!waiting_.empty()) {
            again_.push_back(&c);
        }
    }

private:
    void run_clients() {
        auto const all = static_cast<std::uint64_t>(options_.number("clients"));
        measuring_ = true;
        double const cpu = meter_.cpu();
        auto const began = now_;
        if (options_.number("rate") == 0)
            for (auto& c : clients_)
                c->ask(now_);
        until(now_ + in(options_.number("seconds")), [&] {
            asking_ = begun_clients_ < all;
            return answered_ + failed_ >= all;
        });
        std::sort(late_.begin(), late_.end());
        std::printf("{\"requests\": %llu, \"failed\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, \"p99\": %.6f}\n",
                    static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(failed_), seconds(now_ - began).count(),
                    meter_.cpu() - cpu, late_.empty() ? 0.0 : late_[late_.size() * 99 / 100]);
    }

    static clock_type::duration in(double s) { return std::chrono::duration_cast<clock_type::duration>(seconds(s)); }

    template <class Done = bool (*)()>
    void until(time_point end, Done enough = [] { return false; }) {
        std::array<epoll_event, 256> events{};
        for (; now_ < end && !enough(); now_ = clock_type::now()) {
            offer();
            int const timeout = options_.number("rate") != 0 ? 0 : 20;
            int const n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
            for (int i = 0; i < n; ++i)
                static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr)
                    ->ready(events[static_cast<std::size_t>(i)].events);
            std::vector<client*> again;
            again.swap(again_);
            for (client* c : again) {
                if (options_.number("rate") == 0) {
                    c->ask(clock_type::now());
                } else if (!waiting_.empty()) {
                    auto const due = waiting_.front();
                    waiting_.pop_front();
                    c->ask(due);
                }
            }
        }
    }

    /// Requests that have fallen due since.
    void offer() {
        if (options_.number("rate") == 0)
            return;
        auto const step = in(1.0 / options_.number("rate"));
        auto const all = static_cast<std::uint64_t>(options_.number("clients"));
        for (; next_due_ <= now_ && (all == 0 || offered_ < all); next_due_ += step) {
            ++offered_;
            auto const free = std::find_if(clients_.begin(), clients_.end(), [](auto const& c) { return c->is_idle(); });
            if (free != clients_.end())
                (*free)->ask(next_due_);
            else
                waiting_.push_back(next_due_);
        }
    }

    options options_;
    std::string request_;
    std::string last_request_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_;
    std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session_;
    meter meter_;
    int epoll_;
    std::vector<std::unique_ptr<client>> clients_;
    std::vector<client*> again_;
    std::deque<time_point> waiting_; ///< requests that are due, while every connection is busy
    std::array<char, 262'144> buffer_{};
    std::vector<double> late_;
    bool asking_ = true;
    bool measuring_ = false;
    std::uint64_t offered_ = 0;
    std::uint32_t begun_clients_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t bytes_ = 0;
    time_point now_{};
    time_point next_due_{};
};

void client::ask(time_point due) {
    due_ = due;
    own_ = load_.next_client();
    head_.clear();
    in_body_ = false;
    sent_ = 0;
    if (fd_ < 0 && !connect())
        return failed();
    if (state_ == state::idle) {
        state_ = state::sending;
        write();
    }
}

bool client::connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int const one = 1;
    linger const at_once{1, 0}; // a reset, or the ports end up in TIME_WAIT
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    asked_ = 0;
    auto const& to = load_.wanted().to;
    bool const begun = ::connect(fd_, reinterpret_cast<sockaddr const*>(&to), sizeof to) == 0 || errno == EINPROGRESS;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = this;
    state_ = state::connecting;
    return fd_ >= 0 && begun && ::epoll_ctl(load_.epoll(), EPOLL_CTL_ADD, fd_, &event) == 0;
}

void client::ready(std::uint32_t events) {
    if (state_ == state::connecting && (events & EPOLLOUT) != 0)
        return connected();
    if (state_ == state::shaking)
        return shake();
    if (state_ == state::sending && (events & EPOLLOUT) != 0)
        write();
    if (state_ == state::receiving && (events & EPOLLIN) != 0)
        return read();
    if (state_ == state::idle && (events & (EPOLLIN | EPOLLHUP)) != 0 && tls_ == nullptr)
        close(); // the proxy ended it between two requests
}

void client::connected() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
        return failed();
    if (load_.wanted().number("tls") == 0) {
        state_ = state::sending;
        return write();
    }
    tls_.reset(SSL_new(load_.tls()));
    SSL_set_fd(tls_.get(), fd_);
    SSL_set_connect_state(tls_.get());
    if (load_.session() != nullptr)
        SSL_set_session(tls_.get(), load_.session());
    state_ = state::shaking;
    shake();
}

void client::shake() {
    int const returned = SSL_do_handshake(tls_.get());
    if (returned == 1) {
        state_ = state::sending;
        return write();
    }
    int const why = SSL_get_error(tls_.get(), returned);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        failed();
}

void client::write() {
    auto const per = static_cast<unsigned>(load_.wanted().number("per"));
    auto const& request = own_.empty() ? load_.request(per != 0 && asked_ + 1 >= per) : own_;
    while (sent_ < request.size()) {
        auto const* const from = request.data() + sent_;
        auto const size = request.size() - sent_;
        auto const n = tls_ ? SSL_write(tls_.get(), from, static_cast<int>(size)) : ::send(fd_, from, size, MSG_NOSIGNAL);
        if (n <= 0)
            return !tls_ && errno != EAGAIN ? failed() : void();
        sent_ += static_cast<std::size_t>(n);
    }
    state_ = state::receiving;
    if (tls_)
        read();
}

void client::read() {
    while (state_ == state::receiving) {
        auto const n = tls_ ? SSL_read(tls_.get(), load_.buffer(), static_cast<int>(load_.buffer_size()))
                            : ::recv(fd_, load_.buffer(), load_.buffer_size(), 0);
        if (n <= 0) {
            bool const later = tls_ ? SSL_get_error(tls_.get(), static_cast<int>(n)) == SSL_ERROR_WANT_READ
                                    : n < 0 && errno == EAGAIN;
            return later ? void() : failed();
        }
        if (!take(static_cast<std::size_t>(n)))
            return failed();
        if (!tls_ && static_cast<std::size_t>(n) < load_.buffer_size())
            return;
    }
}

/// What has come of the answer; false if it is none.
bool client::take(std::size_t size) {
    if (!in_body_) {
        head_.append(load_.buffer(), size);
        auto const end = head_.find("\r\n\r\n");
        if (end == std::string::npos)
            return head_.size() < 65'536;
        std::string lower = head_.substr(0, end);
        std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
        constexpr std::string_view name = "\ncontent-length:";
        auto const at = lower.find(name);
        if (at == std::string::npos || !head_.starts_with("HTTP/1.1 200"))
            return false;
        left_ = std::stoull(lower.substr(at + name.size()));
        in_body_ = true;
        size = head_.size() - end - 4;
    }
    load_.count(size);
    if (size > left_)
        return false;
    left_ -= size;
    if (left_ == 0)
        answered();
    return true;
}

void client::answered() {
    auto const per = static_cast<unsigned>(load_.wanted().number("per"));
    state_ = state::idle;
    if (per != 0 && ++asked_ >= per)
        close();
    load_.done(*this, due_, true);
}

void client::failed() {
    close();
    load_.done(*this, due_, false);
}

void client::close() {
    state_ = state::idle;
    tls_.reset();
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
}

} // namespace

int main(int argc, char** argv) {
    try {
        load(parse(argc, argv)).run();
        return 0;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "dyad_proxy_load: %s\n", e.what());
        return 2;
    }
}
