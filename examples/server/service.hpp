// POST /top_k and GET /healthz over HTTP.
#pragma once

#include <httplib.h>

#include <atomic>

#include "batcher.hpp"
#include "options.hpp"
#include "responses.hpp"
#include "served_layer.hpp"

namespace server {

class Service {
 public:
  Service(const Options& options, const ServedLayer& layer);

  /// Binds to the host and port of the options; returns the port. Throws std::runtime_error.
  int bind();
  /// Serves until `drain`; false if connections could not be accepted any longer.
  bool run();
  bool is_running() const { return http_.is_running(); }
  /// Takes no new connections. Each open one is closed after its next answer, or when it was silent
  /// for the idle timeout; `run` then returns.
  void drain();

 private:
  void set_limits();
  void set_routes();
  void answer_top_k(const httplib::Request& request, httplib::Response& response);
  void answer_health(httplib::Response& response) const;
  Then then() const;

  const Options options_;
  const ServedLayer& layer_;
  std::atomic<bool> draining_ = false;
  std::atomic<socket_t> listener_ = INVALID_SOCKET;
  Batcher batcher_;
  httplib::Server http_;
};

}  // namespace server
