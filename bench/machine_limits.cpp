// What the processor can do at most: multiplications and additions in registers, and reading
// memory, by a number of threads at once. Compiled and run by limits.py.
//
//     machine_limits <threads>  ->  GFLOP/s, GB/s
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
using Vector __attribute__((vector_size(vector_bytes))) = float;
constexpr int lanes = vector_bytes / 4;

double seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Calls work(thread) on all threads, and returns the least time of some rounds. Threads live for
// all rounds: it takes a while until the system has given each a processor of its own.
template <class Work>
double best_time(int threads, Work work) {
  constexpr int rounds = 30;
  std::barrier together(threads);
  double best = 1e9;
  const auto run = [&](int t) {
    for (int round = 0; round < rounds; ++round) {
      together.arrive_and_wait();
      const double start = seconds();
      work(t);
      together.arrive_and_wait();
      if (t == 0) best = std::min(best, seconds() - start);
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(run, t);
  run(0);
  for (auto& other : others) other.join();
  return best;
}

// Independent sums, enough to hide an instruction's latency: factors stay in registers.
void multiply_and_add(long count) {
  constexpr int sums = 12;
  Vector sum[sums] = {};
  const Vector a = Vector{} + 0.999F;
  const Vector b = Vector{} + 1e-3F;
  for (long i = 0; i < count; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < sums; ++j) {
      sum[j] = sum[j] * a + b;
      asm volatile("" : "+x"(sum[j]));  // no sum may be left out or joined with the next
    }
  }
}

float read(const std::vector<Vector>& memory) {
  Vector sum[4] = {};
  for (std::size_t i = 0; i + 4 <= memory.size(); i += 4) {
    for (std::size_t j = 0; j < 4; ++j) sum[j] += memory[i + j];
  }
  const Vector total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  return total[0];
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  constexpr long count = 6'000'000;
  const double product_time = best_time(threads, [](int) { multiply_and_add(count); });
  const double products = 2.0 * 12 * lanes * static_cast<double>(count) * threads;

  constexpr std::size_t bytes = std::size_t{128} << 20;  // for each thread, far beyond all caches
  std::vector<std::vector<Vector>> memory(static_cast<std::size_t>(threads));
  for (auto& part : memory) part.assign(bytes / vector_bytes, Vector{} + 1.0F);
  volatile float unused = 0.0F;
  const double read_time = best_time(
      threads, [&](int t) { unused = read(memory[static_cast<std::size_t>(t)]); });
  std::printf("%.2f %.2f\n", products / product_time / 1e9,
              static_cast<double>(bytes) * threads / read_time / 1e9);
  return 0;
}
