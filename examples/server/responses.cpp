#include "responses.hpp"

#include <nlohmann/json.hpp>

namespace server {

void respond(httplib::Response& response, int status, const std::string& json, Then then) {
  response.status = status;
  if (then == Then::keep_open) {
    response.set_content(json, json_type);
    return;
  }
  response.set_header("Connection", "close");
  // A provider that fails once all is written is what has cpp-httplib close the connection.
  response.set_content_provider(json.size(), json_type,
                                [json](std::size_t, std::size_t, httplib::DataSink& sink) {
                                  sink.write(json.data(), json.size());
                                  return false;
                                });
}

void refuse(httplib::Response& response, const Refusal& refusal, Then then) {
  using nlohmann::json;
  const json body = {{"error", refusal.what()}};
  respond(response, refusal.status, body.dump(-1, ' ', false, json::error_handler_t::replace),
          then);
}

}  // namespace server
