// What a request must say before its body is read.
#pragma once

#include <httplib.h>

#include "options.hpp"

namespace server {

/// Throws Refusal for an unknown path or method, and for a body whose size is not told or above the
/// limit, or that is no plain JSON.
void check_head(const httplib::Request& request, const Options& options);

}  // namespace server
