#include "options.hpp"

#include <array>
#include <charconv>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace server {

namespace {

struct NumberOption {
  std::string_view name;
  std::int64_t Options::* number;
  std::int64_t least;
  std::int64_t most;
  std::string_view meaning;
};

constexpr std::array number_options = {
    NumberOption{"--port", &Options::port, 0, 65535, "0: any that is free"},
    NumberOption{"--threads", &Options::threads, 0, 1024, "that compute; 0: all processors"},
    NumberOption{"--connections", &Options::connections, 1, 1000, "served at once"},
    NumberOption{"--max-body", &Options::max_body, 1, 1 << 30, "bytes of a request"},
    NumberOption{"--max-vectors", &Options::max_vectors, 1, 1 << 16, "of a request"},
    NumberOption{"--max-k", &Options::max_k, 1, 1 << 20, "classes for a vector"},
    NumberOption{"--max-wait", &Options::max_wait, 1, 3'600'000,
                 "ms that a request may wait for its turn"},
    NumberOption{"--idle-timeout", &Options::idle_timeout, 1000, 3'600'000,
                 "ms until a silent connection is closed"},
};

void set_number(Options& options, const NumberOption& option, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < option.least ||
      number > option.most) {
    std::ostringstream message;
    message << option.name << " is " << text << "; it must be a whole number from " << option.least
            << " to " << option.most;
    throw std::invalid_argument(message.str());
  }
  options.*option.number = number;
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (!name.starts_with("--")) {
      if (!options.layer.empty()) throw std::invalid_argument("more than one layer is named");
      options.layer = name;
      continue;
    }
    if (++i == argc) throw std::invalid_argument(std::string(name) + " has no value");
    bool known = name == "--host";
    if (known) options.host = argv[i];
    for (const NumberOption& option : number_options) {
      if (option.name != name) continue;
      set_number(options, option, argv[i]);
      known = true;
    }
    if (!known) throw std::invalid_argument(std::string(name) + " is no option");
  }
  if (options.layer.empty()) throw std::invalid_argument("no layer is named");
  return options;
}

std::string usage() {
  const Options defaults;
  std::ostringstream text;
  text << "manyclass_server LAYER.safetensors [options]\n  --host " << defaults.host << '\n';
  for (const NumberOption& option : number_options) {
    text << "  " << option.name << ' ' << defaults.*option.number << "  " << option.meaning << '\n';
  }
  return text.str();
}

}  // namespace server
