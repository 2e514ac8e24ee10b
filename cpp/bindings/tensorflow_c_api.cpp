#include "tensorflow_c_api.hpp"

#include <dlfcn.h>

#include <stdexcept>

namespace manyclass::bindings::tensorflow {

namespace {

Functions functions;

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) {
    throw std::runtime_error(
        std::string("this TensorFlow has no ") + name +
        " in its C interface, which manyclass.tensorflow needs for graphs: another version has it");
  }
}

}  // namespace

void find_functions(const std::string& library) {
  void* const loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (loaded == nullptr) {
    throw std::runtime_error(library +
                             " is not loaded; it has TensorFlow's C interface, which "
                             "manyclass.tensorflow needs for graphs");
  }
  Functions found;
#define MANYCLASS_FIND(name, ...) find(loaded, #name, found.name);
  MANYCLASS_TENSORFLOW_FUNCTIONS(MANYCLASS_FIND)
#undef MANYCLASS_FIND
  functions = found;
}

const Functions& api() { return functions; }

}  // namespace manyclass::bindings::tensorflow
