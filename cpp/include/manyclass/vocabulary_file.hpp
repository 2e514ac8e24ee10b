// Vocabulary files: the weights of TensorFlow's fixed unigram sampler.
#pragma once

#include <string>
#include <vector>

namespace manyclass {

/// Reads the weights of a text file, one class a line, in which the weight is what follows the
/// last comma, or the whole line: a decimal number, with or without spaces around it. Lines may
/// end in "\r\n" and the last one in nothing; an empty line is no class. Memory does not depend on
/// the length of lines.
///
/// Throws std::invalid_argument, naming the line, if a weight is missing, malformed, negative or
/// not finite in float32, or if there is none at all or more than 2^31 - 1; std::system_error if
/// the file cannot be read.
std::vector<float> read_vocabulary_file(const std::string& path);

}  // namespace manyclass
