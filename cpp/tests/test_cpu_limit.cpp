#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "cpu_limit.hpp"

namespace fs = std::filesystem;
using manyclass::cpu_quota;

namespace {

// A control-group tree of files, removed again.
class Tree {
 public:
  Tree() : root_(fs::temp_directory_path() / ("manyclass_cgroup_" + std::to_string(::getpid()))) {
    fs::create_directories(root_);
  }
  ~Tree() { fs::remove_all(root_); }
  fs::path write(const fs::path& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    return root_ / name;
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

}  // namespace

TEST_CASE("Version 2: the least quota on the way up counts") {
  const Tree tree;
  const auto self = tree.write("self", "0::/a/b\n");
  CHECK(!cpu_quota(self, tree.root()));
  tree.write("a/b/cpu.max", "max 100000\n");
  CHECK(!cpu_quota(self, tree.root()));
  tree.write("a/cpu.max", "150000 100000\n");
  CHECK(cpu_quota(self, tree.root()) == 1.5);
  tree.write("a/b/cpu.max", "300000 100000\n");
  CHECK(cpu_quota(self, tree.root()) == 1.5);
  tree.write("cpu.max", "50000 100000\n");
  CHECK(cpu_quota(self, tree.root()) == 0.5);
}

TEST_CASE("Version 1: the cpu controller's files, -1 for none") {
  const Tree tree;
  const auto self = tree.write("self", "5:memory:/x\n4:cpu,cpuacct:/x\n3:cpuset:/y\n");
  tree.write("cpu/x/cpu.cfs_period_us", "100000");
  tree.write("cpu/x/cpu.cfs_quota_us", "-1");
  CHECK(!cpu_quota(self, tree.root()));
  tree.write("cpu/x/cpu.cfs_quota_us", "200000");
  CHECK(cpu_quota(self, tree.root()) == 2.0);
}

TEST_CASE("Both versions at once: the cpu controller is where its files are") {
  const Tree tree;
  const auto self = tree.write("self", "4:cpu:/x\n1:name=systemd:/x\n0::/x\n");
  tree.write("cpu/x/cpu.cfs_period_us", "50000");
  tree.write("cpu/x/cpu.cfs_quota_us", "150000");
  CHECK(cpu_quota(self, tree.root()) == 3.0);
  tree.write("x/cpu.max", "200000 100000\n");
  CHECK(cpu_quota(self, tree.root()) == 2.0);
}

TEST_CASE("In a container the mount does not show the path that the group is named by") {
  const Tree tree;
  auto self = tree.write("self", "4:cpu,cpuacct:/docker/0123\n0::/../other\n");
  tree.write("cpu/cpu.cfs_period_us", "100000");
  tree.write("cpu/cpu.cfs_quota_us", "250000");
  CHECK(cpu_quota(self, tree.root()) == 2.5);
  tree.write("cpu.max", "100000 100000\n");
  CHECK(cpu_quota(self, tree.root()) == 1.0);
}

TEST_CASE("A part of a processor counts as one") {
  using manyclass::processors_within;
  CHECK(processors_within({}, 8) == 8);
  CHECK(processors_within(0.01, 8) == 1);
  CHECK(processors_within(1.0, 8) == 1);
  CHECK(processors_within(1.5, 8) == 2);
  CHECK(processors_within(7.9, 8) == 8);
  CHECK(processors_within(1e9, 8) == 8);
  CHECK(processors_within(3.0, 2) == 2);
  CHECK(processors_within({}, 0) == 1);
}

TEST_CASE("Missing or odd files mean no quota") {
  const Tree tree;
  CHECK(!cpu_quota(tree.root() / "absent", tree.root()));
  const auto self = tree.write("self", "nonsense\n0::/\n");
  tree.write("cpu.max", "abc def");
  CHECK(!cpu_quota(self, tree.root()));
  CHECK(manyclass::available_processors() >= 1);
}
