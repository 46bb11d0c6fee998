// SPDX-License-Identifier: Apache-2.0
#include "facade/replicator_impl.hpp"

#include <utility>

namespace cluster {

replicator::replicator(boost::asio::any_io_executor executor, replicator_settings s, generation_store& store)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(s), store)) {}
replicator::~replicator() {
    if (impl_)
        impl_->stop();
}
replicator::replicator(replicator&&) noexcept = default;
replicator& replicator::operator=(replicator&& other) noexcept {
    if (impl_ && this != &other)
        impl_->stop();
    impl_ = std::move(other.impl_);
    return *this;
}

result<> replicator::start() { return impl_->start(); }
void replicator::stop() { impl_->stop(); }

void replicator::on_prepare(std::function<result<>(generation const&)> callback) { impl_->prepare = std::move(callback); }
void replicator::on_committed(std::function<void(generation const&)> callback) { impl_->committed = std::move(callback); }
void replicator::on_document(std::function<void(shared_document const&)> callback) { impl_->document = std::move(callback); }
void replicator::on_stream(std::function<void(std::string_view, std::string_view)> callback) {
    impl_->stream = std::move(callback);
}
void replicator::on_connected(std::function<void(bool)> callback) { impl_->connected = std::move(callback); }

void replicator::apply(generation g, std::function<void(result<outcome>)> done) {
    impl_->apply(std::move(g), std::move(done));
}
void replicator::set_document(shared_document d) { impl_->set_document(std::move(d)); }
std::vector<shared_document> replicator::documents() const { return impl_->documents.all(); }
bool replicator::send(std::string_view channel, std::string_view bytes) { return impl_->send(channel, bytes); }
void replicator::set_keys(key_pair const& k) { impl_->set_keys(k); }
void replicator::reconnect(std::string why) { impl_->reconnect(std::move(why)); }
replicator_status replicator::status() const { return impl_->status(); }

} // namespace cluster
