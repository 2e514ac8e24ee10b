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

TEST_CASE("Missing or odd files mean no quota") {
  const Tree tree;
  CHECK(!cpu_quota(tree.root() / "absent", tree.root()));
  const auto self = tree.write("self", "nonsense\n0::/\n");
  tree.write("cpu.max", "abc def");
  CHECK(!cpu_quota(self, tree.root()));
  CHECK(manyclass::available_processors() >= 1);
}
