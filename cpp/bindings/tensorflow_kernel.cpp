#include "tensorflow_kernel.hpp"

#include <stdexcept>

namespace manyclass::bindings::tensorflow {

void Status::check() const {
  const Code code = api().TF_GetCode(status_);
  if (code != Code::ok) throw Failure(code, api().TF_Message(status_));
}

std::int64_t Attributes::integer(const char* name) const {
  const Status status;
  std::int64_t value = 0;
  api().TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status.get());
  status.check();
  return value;
}

bool Attributes::flag(const char* name) const {
  const Status status;
  unsigned char value = 0;
  api().TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status.get());
  status.check();
  return value != 0;
}

std::string Attributes::text(const char* name) const {
  const Status status;
  std::int32_t list_size = 0, bytes = 0;
  api().TF_OpKernelConstruction_GetAttrSize(construction_, name, &list_size, &bytes, status.get());
  status.check();
  std::string value(static_cast<std::size_t>(bytes), '\0');
  api().TF_OpKernelConstruction_GetAttrString(construction_, name, value.data(), value.size(),
                                              status.get());
  status.check();
  return value;
}

double Attributes::number(const char* name) const {
  const Status status;
  TF_Tensor* tensor = nullptr;
  api().TF_OpKernelConstruction_GetAttrTensor(construction_, name, &tensor, status.get());
  status.check();
  const bool is_number =
      api().TF_TensorType(tensor) == DataType::float64 && api().TF_NumDims(tensor) == 0;
  const double value = is_number ? *static_cast<const double*>(api().TF_TensorData(tensor)) : 0.0;
  api().TF_DeleteTensor(tensor);
  if (!is_number) throw std::invalid_argument(std::string(name) + " is no number in float64");
  return value;
}

Run::~Run() {
  for (TF_Tensor* tensor : tensors_) api().TF_DeleteTensor(tensor);
}

TF_Tensor* Run::input_tensor(int index) {
  const Status status;
  TF_Tensor* tensor = nullptr;
  api().TF_GetInput(context_, index, &tensor, status.get());
  status.check();
  tensors_.push_back(tensor);
  return tensor;
}

DenseArray Run::input(int index) {
  TF_Tensor* const tensor = input_tensor(index);
  DenseArray array{api().TF_TensorData(tensor), {}};
  for (int axis = 0; axis < api().TF_NumDims(tensor); ++axis) {
    array.shape.push_back(api().TF_Dim(tensor, axis));
  }
  return array;
}

bool Run::is_float64(int index) {
  return api().TF_TensorType(input_tensor(index)) == DataType::float64;
}

void* Run::allocate(int index, DataType type, const ArrayShape& shape, std::size_t element_bytes) {
  std::size_t bytes = element_bytes;
  for (const std::int64_t extent : shape) bytes *= static_cast<std::size_t>(extent);
  const Status status;
  TF_Tensor* const tensor = api().TF_AllocateOutput(
      context_, index, type, shape.data(), static_cast<int>(shape.size()), bytes, status.get());
  status.check();
  tensors_.push_back(tensor);
  return api().TF_TensorData(tensor);
}

void Run::hand_over(int index, DataType type, const ArrayShape& shape, void* data,
                    std::size_t bytes) {
  const Deallocator deallocate = [](void* memory, std::size_t, void*) { delete_aligned(memory); };
  TF_Tensor* const tensor = api().TF_NewTensor(type, shape.data(), static_cast<int>(shape.size()),
                                               data, bytes, deallocate, nullptr);
  tensors_.push_back(tensor);
  const Status status;
  api().TF_SetOutput(context_, index, tensor, status.get());
  status.check();
}

void register_operation(const Operation& operation, CreateFunction create, ComputeFunction compute,
                        DeleteFunction destroy) {
  TF_OpDefinitionBuilder* const builder = api().TF_NewOpDefinitionBuilder(operation.name);
  for (const char* attribute : operation.attributes) {
    api().TF_OpDefinitionBuilderAddAttr(builder, attribute);
  }
  for (const char* input : operation.inputs) {
    api().TF_OpDefinitionBuilderAddInput(builder, input);
  }
  for (const char* output : operation.outputs) {
    api().TF_OpDefinitionBuilderAddOutput(builder, output);
  }
  api().TF_OpDefinitionBuilderSetIsStateful(builder, operation.is_stateful);
  // Python sets the shapes that it knows; the kernels check those that come.
  api().TF_OpDefinitionBuilderSetShapeInferenceFunction(
      builder, [](TF_ShapeInferenceContext* context, TF_Status* status) {
        api().TF_ShapeInferenceContextSetUnknownShape(context, status);
      });
  const Status status;
  api().TF_RegisterOpDefinition(builder, status.get());  // takes the builder
  status.check();
  api().TF_RegisterKernelBuilder(
      operation.name, api().TF_NewKernelBuilder(operation.name, "CPU", create, compute, destroy),
      status.get());
  status.check();
}

}  // namespace manyclass::bindings::tensorflow
