// Why a request is not answered.
#pragma once

#include <stdexcept>
#include <string>

namespace server {

/// Thrown wherever a request turns out to be bad; becomes a response of that status whose body is
/// {"error": reason}.
struct Refusal : std::runtime_error {
  Refusal(int http_status, const std::string& reason)
      : std::runtime_error(reason), status(http_status) {}
  int status;
};

}  // namespace server
