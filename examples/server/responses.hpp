// Responses in JSON, and how a connection is closed after one.
#pragma once

#include <httplib.h>

#include <string>

#include "refusal.hpp"

namespace server {

inline constexpr const char* json_type = "application/json";

/// What becomes of the connection. It must be closed if the request's body was left unread: its
/// bytes would be taken for the next request.
enum class Then { keep_open, close };

void respond(httplib::Response& response, int status, const std::string& json, Then then);

/// Responds with {"error": reason}.
void refuse(httplib::Response& response, const Refusal& refusal, Then then);

}  // namespace server
