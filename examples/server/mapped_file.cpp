#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace server {

namespace {

[[noreturn]] void fail() { throw std::runtime_error(std::generic_category().message(errno)); }

struct Descriptor {
  int number;
  ~Descriptor() { ::close(number); }
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status{};
  if (file.number < 0 || ::fstat(file.number, &status) != 0) fail();
  if (!S_ISREG(status.st_mode) || status.st_size == 0) {
    throw std::runtime_error("it is empty, or no file");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  void* const memory = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number, 0);
  if (memory == MAP_FAILED) fail();
  data_ = static_cast<const std::byte*>(memory);
  ::madvise(memory, size_, MADV_WILLNEED);  // a hint: have it read before it is asked for
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(data_), size_); }

}  // namespace server
