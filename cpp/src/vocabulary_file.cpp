#include "manyclass/vocabulary_file.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <system_error>

#include "checks.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

constexpr std::size_t most_shown = 40;   // bytes of a line in a message
constexpr std::size_t most_field = 256;  // bytes of a number

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The text with what a terminal or UTF-8 might not take written as \xNN.
std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
    }
  }
  return result;
}

// What is kept of a line: its start for messages, the field after its last comma.
class Line {
 public:
  void clear() {
    length_ = 0;
    clear_field();
  }
  void push(char c) {
    if (length_ < most_shown) start_[length_] = c;
    ++length_;
    if (c == ',') {
      clear_field();
    } else if (field_size_ == 0 && is_space(c)) {
      return;
    } else if (field_size_ < most_field) {
      field_[field_size_++] = c;
    } else {
      overlong_ = overlong_ || !is_space(c);
    }
  }
  bool is_empty() const { return length_ == 0 || (length_ == 1 && start_[0] == '\r'); }
  std::string shown() const {
    if (length_ <= most_shown) return printable({start_.data(), length_});
    return printable({start_.data(), most_shown}) + "...";
  }
  /// The weight; false if it is no number.
  bool parse(float& weight) const;

 private:
  void clear_field() {
    field_size_ = 0;
    overlong_ = false;
  }

  std::array<char, most_shown> start_;
  std::size_t length_ = 0;
  std::array<char, most_field> field_;
  std::size_t field_size_ = 0;
  bool overlong_ = false;
};

// What float32 makes of a number that it cannot hold: 0 or infinity.
float beyond_float32(const char* begin, const char* end) {
  double wide = 0.0;
  if (std::from_chars(begin, end, wide).ec == std::errc()) return static_cast<float>(wide);
  // With so few digits only a negative exponent leads below float64.
  const std::string_view text(begin, end);
  return text.find("e-") != text.npos || text.find("E-") != text.npos
             ? 0.0F
             : std::numeric_limits<float>::infinity();
}

bool Line::parse(float& weight) const {
  if (overlong_) return false;
  const char* begin = field_.data();
  const char* end = begin + field_size_;
  while (end != begin && is_space(end[-1])) --end;
  // from_chars knows no plus.
  if (end - begin > 1 && begin[0] == '+' && begin[1] != '-') ++begin;
  auto [rest, error] = std::from_chars(begin, end, weight);
  if (error == std::errc::result_out_of_range) {
    weight = beyond_float32(begin, end);
    error = {};
  }
  return error == std::errc() && rest == end;
}

void add_line(const Line& line, std::int64_t number, std::vector<float>& weights) {
  if (line.is_empty()) return;
  float weight = 0.0F;
  require(line.parse(weight), "vocab_file, line ", number, ": \"", line.shown(),
          "\" has no number after its last comma");
  require(weight >= 0.0F && weight <= std::numeric_limits<float>::max(), "vocab_file, line ",
          number, ": \"", line.shown(), "\" gives the weight ", weight,
          "; weights must be finite and not negative");
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  require(static_cast<std::int64_t>(weights.size()) < most, "vocab_file, line ", number,
          ": there are more than ", most, " weights");
  weights.push_back(weight);
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), path);
}

}  // namespace

std::vector<float> read_vocabulary_file(const std::string& path) {
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (!file) fail(path);
  std::vector<float> weights;
  std::vector<char> chunk(1 << 16);
  Line line;
  std::int64_t number = 1;
  while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    poll_interrupt();
    for (const char c : std::string_view(chunk.data(), size)) {
      if (c != '\n') {
        line.push(c);
        continue;
      }
      add_line(line, number++, weights);
      line.clear();
    }
  }
  if (std::ferror(file.get()) != 0) fail(path);
  add_line(line, number, weights);
  require(!weights.empty(), "vocab_file ", path, " has 0 weights; it must have at least 1");
  return weights;
}

}  // namespace manyclass
