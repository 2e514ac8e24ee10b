#include "request_head.hpp"

#include <charconv>
#include <cstdint>
#include <string>

#include "refusal.hpp"
#include "responses.hpp"

namespace server {

namespace {

// The Content-Length, which is what the body is read by.
std::uint64_t body_size(const httplib::Request& request) {
  if (request.has_header("Transfer-Encoding") || !request.has_header("Content-Length")) {
    throw Refusal(411, "the request must have a Content-Length, and no Transfer-Encoding");
  }
  const std::string text = request.get_header_value("Content-Length");
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (request.get_header_value_count("Content-Length") != 1 || error != std::errc() ||
      end != text.data() + text.size()) {
    throw Refusal(400, "Content-Length is no number of bytes");
  }
  return size;
}

void check_post(const httplib::Request& request, const Options& options) {
  const std::uint64_t size = body_size(request);
  if (size > static_cast<std::uint64_t>(options.max_body)) {
    throw Refusal(413, "the body has " + std::to_string(size) +
                           " bytes; this server takes at most " + std::to_string(options.max_body));
  }
  const std::string type = request.get_header_value("Content-Type");
  if (type.substr(0, type.find(';')) != json_type || request.has_header("Content-Encoding")) {
    throw Refusal(415, "the body must be of Content-Type application/json, and not compressed");
  }
}

}  // namespace

void check_head(const httplib::Request& request, const Options& options) {
  const bool asks_top_k = request.path == "/top_k";
  if (!asks_top_k && request.path != "/healthz") {
    throw Refusal(404, "there are POST /top_k and GET /healthz");
  }
  const char* const method = asks_top_k ? "POST" : "GET";
  if (request.method != method) {
    throw Refusal(405, request.path + " takes " + method + ", not " + request.method);
  }
  if (asks_top_k) {
    check_post(request, options);
  } else if (request.has_header("Transfer-Encoding") ||
             request.get_header_value("Content-Length").find_first_not_of('0') !=
                 std::string::npos) {
    throw Refusal(400, "GET has no body");
  }
}

}  // namespace server
