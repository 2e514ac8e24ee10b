// The part of XLA's C interface for foreign functions that a call needs, declared after
// xla/ffi/api/c_api.h in `jax.ffi.include_dir`, so that building manyclass needs no JAX.
#pragma once

#include <cstddef>
#include <cstdint>

namespace manyclass::bindings::xla {

/// The version of the interface; the minor one is the first whose structures are those below.
inline constexpr int major_version = 0;
inline constexpr int minor_version = 1;

enum class DataType : int {
  boolean = 1,
  int32 = 4,
  int64 = 5,
  uint32 = 8,
  float32 = 11,
  float64 = 12
};
enum class AttributeType : int { scalar = 3, string = 4 };
enum class Stage : int { execute = 3 };

struct Extension {
  static constexpr int metadata = 1;
  std::size_t struct_size;
  int type;
  Extension* next;
};

struct Buffer {
  std::size_t struct_size;
  Extension* extensions;
  DataType type;
  void* data;
  std::int64_t rank;
  std::int64_t* dims;
};

/// Arguments or results.
struct Buffers {
  std::size_t struct_size;
  Extension* extensions;
  std::int64_t size;
  const int* types;
  Buffer** buffers;
};

struct ByteSpan {
  const char* data;
  std::size_t size;
};

struct Scalar {
  DataType type;
  const void* value;
};

struct Attributes {
  std::size_t struct_size;
  Extension* extensions;
  std::int64_t size;
  const AttributeType* types;
  const ByteSpan* const* names;
  const void* const* values;  // ByteSpan or Scalar, by type
};

struct Version {
  std::size_t struct_size;
  Extension* extensions;
  int major;
  int minor;
};

struct Metadata {
  std::size_t struct_size;
  Version version;
  std::uint32_t traits;
};

struct MetadataExtension {
  Extension base;
  Metadata* metadata;
};

struct Error;

struct ErrorArguments {
  std::size_t struct_size;
  Extension* extensions;
  const char* message;
  int code;
};

struct Api {
  std::size_t struct_size;
  Extension* extensions;
  Version version;
  const void* internal;
  Error* (*create_error)(ErrorArguments*);
};

struct CallFrame {
  std::size_t struct_size;
  Extension* extensions;
  const Api* api;
  void* context;
  Stage stage;
  Buffers arguments;
  Buffers results;
  Attributes attributes;
};

using Handler = Error* (*)(CallFrame*);

}  // namespace manyclass::bindings::xla
