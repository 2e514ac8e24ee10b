// Serves the best classes of a layer that Python's SampledSoftmax.save wrote. SIGTERM and SIGINT
// drain it, SIGHUP has it serve what is now at the layer's path. docs/serving.md
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>

#include "options.hpp"
#include "served_layer.hpp"
#include "service.hpp"

namespace {

// Blocked here and in all threads started from here on: `sigwait` has them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void reload(server::ServedLayer& layer) {
  try {
    layer.reload();
    std::fprintf(stderr, "serving the new layer\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "refused, the old layer serves on: %s\n", error.what());
  }
}

// Serves until a signal ends it; false if it ended without.
bool serve(server::Service& service, server::ServedLayer& layer, const sigset_t& signals) {
  bool accepted = true;
  std::thread listener([&] {
    accepted = service.run();
    ::kill(::getpid(), SIGTERM);  // wakes the loop below, if it is this that ended
  });
  while (!service.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) reload(layer);
  std::fprintf(stderr, "draining\n");
  service.drain();
  listener.join();
  return accepted;
}

}  // namespace

int main(int argc, char** argv) {
  const sigset_t signals = block_signals();
  server::Options options;
  try {
    options = server::parse_options(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n\n%s", error.what(), server::usage().c_str());
    return 2;
  }
  try {
    server::ServedLayer layer(options.layer);
    server::Service service(options, layer);
    std::printf("listening on %s:%d\n", options.host.c_str(), service.bind());
    std::fflush(stdout);
    return serve(service, layer, signals) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
