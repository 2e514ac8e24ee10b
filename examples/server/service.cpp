#include "service.hpp"

#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "refusal.hpp"
#include "request_head.hpp"
#include "responses.hpp"

namespace server {

namespace {

using HandlerResponse = httplib::Server::HandlerResponse;
using HandlerWithResponse = httplib::Server::HandlerWithResponse;

// Of errors that cpp-httplib itself finds.
std::string reason_of(int status) {
  if (status == 414) return "the request line is too long";
  if (status == 416) return "there are no ranges";
  return "the request is no HTTP, or broke off";
}

HandlerResponse explain_error(const httplib::Request&, httplib::Response& response) {
  const bool explained = !response.body.empty() || response.has_header("Connection");
  if (explained) return HandlerResponse::Unhandled;
  refuse(response, Refusal(response.status, reason_of(response.status)), Then::close);
  return HandlerResponse::Handled;
}

// An error of this server, not of the request.
void fail(httplib::Response& response, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "a request failed: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "a request failed\n");
  }
  refuse(response, Refusal(500, "the server failed"), Then::close);
}

}  // namespace

Service::Service(const Options& options, const ServedLayer& layer)
    : options_(options), layer_(layer), batcher_(options) {
  set_limits();
  set_routes();
}

void Service::set_limits() {
  const std::chrono::milliseconds idle(options_.idle_timeout);
  const auto connections = static_cast<std::size_t>(options_.connections);
  // A connection keeps a thread, which mostly waits.
  http_.new_task_queue = [connections] { return new httplib::ThreadPool(connections); };
  http_.set_payload_max_length(static_cast<std::size_t>(options_.max_body));
  http_.set_read_timeout(idle);
  http_.set_write_timeout(idle);
  http_.set_keep_alive_timeout(std::chrono::ceil<std::chrono::seconds>(idle).count());
  http_.set_keep_alive_max_count(1'000'000);
  http_.set_tcp_nodelay(true);  // head and body of a response are two writes
  http_.set_socket_options([this](socket_t socket) {
    const int yes = 1;  // and not for REUSEPORT: one server has the port
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    listener_ = socket;
  });
}

void Service::set_routes() {
  http_.set_pre_routing_handler([this](const auto& request, auto& response) {
    try {
      check_head(request, options_);
    } catch (const Refusal& refusal) {
      if (refusal.status == 405) {
        response.set_header("Allow", request.path == "/top_k" ? "POST" : "GET");
      }
      refuse(response, refusal, Then::close);
      return HandlerResponse::Handled;
    }
    return HandlerResponse::Unhandled;
  });
  http_.Get("/healthz", [this](const auto&, auto& response) { answer_health(response); });
  http_.Post("/top_k",
             [this](const auto& request, auto& response) { answer_top_k(request, response); });
  http_.set_exception_handler(
      [](const auto&, auto& response, std::exception_ptr failure) { fail(response, failure); });
  http_.set_error_handler(HandlerWithResponse(explain_error));
}

int Service::bind() {
  const int port = static_cast<int>(options_.port);
  const int bound = port == 0 ? http_.bind_to_any_port(options_.host)
                              : (http_.bind_to_port(options_.host, port) ? port : -1);
  if (bound < 0) {
    throw std::runtime_error("cannot listen on " + options_.host + ":" + std::to_string(port));
  }
  return bound;
}

bool Service::run() { return http_.listen_after_bind() || draining_; }

void Service::drain() {
  draining_ = true;
  // Not Server::stop: it has connections closed whose next request may just have been sent.
  ::shutdown(listener_, SHUT_RDWR);
}

Then Service::then() const { return draining_ ? Then::close : Then::keep_open; }

void Service::answer_top_k(const httplib::Request& request, httplib::Response& response) {
  try {
    const TopKRequest asked = read_request(request.body, layer_.get(), options_);
    const TopKAnswer answer = batcher_.answer(asked);
    respond(response, 200, write_answer(asked, answer), then());
  } catch (const Refusal& refusal) {
    refuse(response, refusal, then());
  }
}

void Service::answer_health(httplib::Response& response) const {
  const auto layer = layer_.get();
  const nlohmann::json health = {{"status", draining_ ? "draining" : "ok"},
                                 {"num_classes", layer->num_classes()},
                                 {"dim", layer->dim()},
                                 {"dtype", layer->dtype()},
                                 {"times_loaded", layer_.times_loaded()}};
  respond(response, draining_ ? 503 : 200, health.dump(), then());
}

}  // namespace server
