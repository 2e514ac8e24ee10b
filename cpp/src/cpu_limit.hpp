// How many processors this process may use.
#pragma once

#include <filesystem>
#include <optional>

namespace manyclass {

/// The processors of the affinity mask that the control group's CPU quota allows.
int available_processors();

/// `processors`, or fewer if `quota` allows fewer, rounded up. At least 1.
int processors_within(std::optional<double> quota, int processors);

/// The quota, in processors, of the control group that `proc_self_cgroup` names and of the groups
/// above it, below the mount `root` (versions 1 and 2). Nothing if there is none.
std::optional<double> cpu_quota(const std::filesystem::path& proc_self_cgroup,
                                const std::filesystem::path& root);

}  // namespace manyclass
