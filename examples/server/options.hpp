// What the command line says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace server {

struct Options {
  std::filesystem::path layer;
  std::string host = "127.0.0.1";
  std::int64_t port = 8080;         // 0: any that is free
  std::int64_t threads = 0;         // that compute; 0: manyclass's default
  std::int64_t connections = 256;   // served at once; more wait until one is closed
  std::int64_t max_body = 4 << 20;  // bytes of a request
  std::int64_t max_vectors = 256;   // of a request, and of a pass over the classes
  std::int64_t max_k = 1000;
  std::int64_t max_wait = 5000;      // milliseconds until a pass begins, then 503
  std::int64_t idle_timeout = 5000;  // milliseconds: of a connection that is silent, or stuck
};

/// Throws std::invalid_argument that says what is wrong.
Options parse_options(int argc, const char* const* argv);

/// One line for each option, with its default.
std::string usage();

}  // namespace server
