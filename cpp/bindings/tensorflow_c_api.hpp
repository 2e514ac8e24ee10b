// The part of TensorFlow's C interface that our operations need: found in the library that
// TensorFlow has loaded, so that the build needs none of it.
//
// Declared after tensorflow/c/{ops,kernels,tf_tensor,tf_status}.h, which TensorFlow keeps stable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "foreign_call.hpp"

namespace manyclass::bindings::tensorflow {

struct TF_Buffer;
struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_Status;
struct TF_Tensor;

/// TF_DataType.
enum class DataType : int { float32 = 1, float64 = 2, int64 = 9 };

using ShapeFunction = void (*)(TF_ShapeInferenceContext*, TF_Status*);
using CreateFunction = void* (*)(TF_OpKernelConstruction*);
using ComputeFunction = void (*)(void*, TF_OpKernelContext*);
using DeleteFunction = void (*)(void*);
using Deallocator = void (*)(void* data, std::size_t size, void* argument);

// FUNCTION(name, type) for each function that is used.
#define MANYCLASS_TENSORFLOW_FUNCTIONS(FUNCTION)                                                   \
  FUNCTION(TF_NewStatus, TF_Status*())                                                             \
  FUNCTION(TF_DeleteStatus, void(TF_Status*))                                                      \
  FUNCTION(TF_SetStatus, void(TF_Status*, Code, const char*))                                      \
  FUNCTION(TF_GetCode, Code(const TF_Status*))                                                     \
  FUNCTION(TF_Message, const char*(const TF_Status*))                                              \
  FUNCTION(TF_NewOpDefinitionBuilder, TF_OpDefinitionBuilder*(const char*))                        \
  FUNCTION(TF_OpDefinitionBuilderAddAttr, void(TF_OpDefinitionBuilder*, const char*))              \
  FUNCTION(TF_OpDefinitionBuilderAddInput, void(TF_OpDefinitionBuilder*, const char*))             \
  FUNCTION(TF_OpDefinitionBuilderAddOutput, void(TF_OpDefinitionBuilder*, const char*))            \
  FUNCTION(TF_OpDefinitionBuilderSetIsStateful, void(TF_OpDefinitionBuilder*, bool))               \
  FUNCTION(TF_OpDefinitionBuilderSetShapeInferenceFunction,                                        \
           void(TF_OpDefinitionBuilder*, ShapeFunction))                                           \
  FUNCTION(TF_RegisterOpDefinition, void(TF_OpDefinitionBuilder*, TF_Status*))                     \
  FUNCTION(TF_ShapeInferenceContextSetUnknownShape, void(TF_ShapeInferenceContext*, TF_Status*))   \
  FUNCTION(TF_NewKernelBuilder, TF_KernelBuilder*(const char*, const char*, CreateFunction,        \
                                                  ComputeFunction, DeleteFunction))                \
  FUNCTION(TF_RegisterKernelBuilder, void(const char*, TF_KernelBuilder*, TF_Status*))             \
  FUNCTION(TF_OpKernelConstruction_Failure, void(TF_OpKernelConstruction*, TF_Status*))            \
  FUNCTION(TF_OpKernelConstruction_GetAttrSize,                                                    \
           void(TF_OpKernelConstruction*, const char*, std::int32_t*, std::int32_t*, TF_Status*))  \
  FUNCTION(TF_OpKernelConstruction_GetAttrInt64,                                                   \
           void(TF_OpKernelConstruction*, const char*, std::int64_t*, TF_Status*))                 \
  FUNCTION(TF_OpKernelConstruction_GetAttrBool,                                                    \
           void(TF_OpKernelConstruction*, const char*, unsigned char*, TF_Status*))                \
  FUNCTION(TF_OpKernelConstruction_GetAttrString,                                                  \
           void(TF_OpKernelConstruction*, const char*, char*, std::size_t, TF_Status*))            \
  FUNCTION(TF_OpKernelConstruction_GetAttrTensor,                                                  \
           void(TF_OpKernelConstruction*, const char*, TF_Tensor**, TF_Status*))                   \
  FUNCTION(TF_OpKernelContext_Failure, void(TF_OpKernelContext*, TF_Status*))                      \
  FUNCTION(TF_GetInput, void(TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))                   \
  FUNCTION(TF_SetOutput, void(TF_OpKernelContext*, int, const TF_Tensor*, TF_Status*))             \
  FUNCTION(TF_AllocateOutput, TF_Tensor*(TF_OpKernelContext*, int, DataType, const std::int64_t*,  \
                                         int, std::size_t, TF_Status*))                            \
  FUNCTION(TF_NewTensor,                                                                           \
           TF_Tensor*(DataType, const std::int64_t*, int, void*, std::size_t, Deallocator, void*)) \
  FUNCTION(TF_DeleteTensor, void(TF_Tensor*))                                                      \
  FUNCTION(TF_TensorType, DataType(const TF_Tensor*))                                              \
  FUNCTION(TF_NumDims, int(const TF_Tensor*))                                                      \
  FUNCTION(TF_Dim, std::int64_t(const TF_Tensor*, int))                                            \
  FUNCTION(TF_TensorData, void*(const TF_Tensor*))

struct Functions {
#define MANYCLASS_DECLARE(name, ...) std::add_pointer_t<__VA_ARGS__> name = nullptr;
  MANYCLASS_TENSORFLOW_FUNCTIONS(MANYCLASS_DECLARE)
#undef MANYCLASS_DECLARE
};

/// Finds the functions in a library that is loaded, by its path. Throws std::runtime_error if it is
/// not, or lacks one.
void find_functions(const std::string& library);

/// TensorFlow's functions, once they are found.
const Functions& api();

}  // namespace manyclass::bindings::tensorflow
