#include "cpu_limit.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace manyclass {

namespace {

namespace fs = std::filesystem;

int affinity_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::optional<double> ratio(double quota, double period) {
  if (!(quota > 0.0) || !(period > 0.0)) return {};
  return quota / period;
}

// Version 2: "max 100000" or "200000 100000".
std::optional<double> quota_v2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  double quota = 0.0;
  double period = 0.0;
  if (!(file >> quota >> period)) return {};
  return ratio(quota, period);
}

// Version 1: two files; a quota of -1 is none.
std::optional<double> quota_v1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us");
  std::ifstream period_file(group / "cpu.cfs_period_us");
  double quota = 0.0;
  double period = 0.0;
  if (!(quota_file >> quota) || !(period_file >> period)) return {};
  return ratio(quota, period);
}

// The least quota of `group` and all groups above it. In a container the path names the host's
// groups, which the mount does not show: then only the mount itself is left to ask.
template <class Read>
std::optional<double> least_quota(const fs::path& mount, fs::path group, Read read) {
  std::optional<double> least;
  for (group = group.relative_path();; group = group.parent_path()) {
    if (const auto quota = read(mount / group)) least = std::min(least.value_or(*quota), *quota);
    if (group.empty()) return least;
  }
}

// Whether "cpu" stands in a list like "cpu,cpuacct".
bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const auto comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& proc_self_cgroup, const fs::path& root) {
  std::ifstream file(proc_self_cgroup);
  std::optional<double> least;
  for (std::string line; std::getline(file, line);) {  // "hierarchy:controllers:path"
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers(line.data() + first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    std::optional<double> quota;
    if (controllers.empty()) {
      quota = least_quota(root, group, quota_v2);
    } else if (lists_cpu(controllers)) {
      quota = least_quota(root / "cpu", group, quota_v1);
    }
    if (quota) least = std::min(least.value_or(*quota), *quota);
  }
  return least;
}

int processors_within(std::optional<double> quota, int processors) {
  if (quota) processors = static_cast<int>(std::min<double>(std::ceil(*quota), processors));
  return std::max(1, processors);
}

int available_processors() {
  return processors_within(cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup"), affinity_processors());
}

}  // namespace manyclass
