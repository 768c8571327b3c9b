// A step called from Python with nothing of Python in between: checks that all is as usual, new tensors for the
// states, the step of `steps.cpp`. Whatever is not as usual is left to `stream.py`,
// which does or says what is right.
#include <Python.h>

#include <ATen/EmptyTensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/TensorImpl.h>

#include <vector>

// of torch/csrc/autograd/python_variable.h, which would take longer to compile than everything else here
extern PyObject* THPVariableClass;
PyObject* THPVariable_Wrap(const at::TensorBase&);

namespace {

using Step = void (*)(void*, void* const*);

constexpr size_t MOST = 16;  // states

struct Shape { long given, batch; void* ready; };

struct Direct {
  Step step;
  long offset, replicas, inputs;
  c10::ScalarType dtype;
  std::vector<PyObject*> names;     // of states, as they are returned
  std::vector<long> widths, places;  // places: where the step expects them
  std::vector<Shape> shapes;         // the last one asked for comes first
};

// a tensor without wrappers and anything to be done first, or null
const c10::TensorImpl* plain(const Direct& direct, PyObject* object, bool graded) {
  if (Py_TYPE(object) != (PyTypeObject*)THPVariableClass) return nullptr;
  const auto* found = *(c10::TensorImpl**)((char*)object + direct.offset);
  const auto kind = found->key_set() - c10::autograd_dispatch_keyset_with_ADInplaceOrView - c10::autocast_dispatch_keyset;
  const bool usual = kind == c10::DispatchKeySet(c10::DispatchKey::CPU) && found->dtype() == c10::scalarTypeToTypeMeta(direct.dtype) && found->is_contiguous();
  if (usual && reinterpret_cast<uintptr_t>(found->data()) % found->itemsize()) return nullptr;  // addresses are counted in elements
  return usual && !(graded && found->requires_grad()) ? found : nullptr;
}

struct Held {  // though a dictionary may lose it while the step is made
  PyObject* object = nullptr;
  ~Held() { Py_XDECREF(object); }
};

// other threads of Python may go on, however what stands between ends
struct Released {
  PyThreadState* const state = PyEval_SaveThread();
  ~Released() { PyEval_RestoreThread(state); }
};

// what is ready for x, or null
void* known(Direct& direct, const c10::TensorImpl& x) {
  const auto sizes = x.sizes();
  const size_t whole = sizes.size() == 3;
  if (sizes.size() != 2 + whole || sizes[1 + whole] != direct.inputs) return nullptr;
  for (Shape& shape : direct.shapes)
    if (shape.batch == sizes[whole] && shape.given == (whole ? sizes[0] : 1)) {
      if (&shape != direct.shapes.data()) std::swap(shape, direct.shapes[0]);
      return direct.shapes[0].ready;
    }
  return nullptr;
}

// (output, states) once all is computed
PyObject* wrapped(const Direct& direct, const at::TensorBase* found) {
  PyObject *states = PyDict_New(), *first = nullptr;
  for (size_t s = 0; s < direct.names.size() && states; ++s) {
    PyObject* one = THPVariable_Wrap(found[s]);
    if (!one || PyDict_SetItem(states, direct.names[s], one)) Py_CLEAR(states);
    if (!s) first = Py_XNewRef(one);
    Py_XDECREF(one);
  }
  PyObject* const pair = states ? PyTuple_Pack(2, first, states) : nullptr;
  Py_XDECREF(first);
  Py_XDECREF(states);
  return pair;
}

PyObject* carried(Direct& direct, PyObject* given, PyObject* state) {
  const size_t count = direct.names.size();
  const bool graded = c10::GradMode::is_enabled();
  const auto* x = plain(direct, given, graded);
  void* const ready = x ? known(direct, *x) : nullptr;
  if (!ready || count > MOST || !PyDict_CheckExact(state) || size_t(PyDict_GET_SIZE(state)) != count) Py_RETURN_NONE;
  const long batch = direct.shapes[0].batch;
  void* at[1 + 2 * MOST];
  Held held[MOST];
  at::TensorBase found[MOST];
  at[0] = const_cast<void*>(x->data());
  for (size_t s = 0; s < count; ++s) {
    PyObject* const object = PyDict_GetItemWithError(state, direct.names[s]);
    if (!object && PyErr_Occurred()) return nullptr;
    const auto* old = object ? plain(direct, object, graded) : nullptr;
    held[s].object = Py_XNewRef(object);
    if (!old || old->sizes() != c10::IntArrayRef({direct.replicas, batch, direct.widths[s]})) Py_RETURN_NONE;
    at[1 + direct.places[s]] = const_cast<void*>(old->data());
  }
  for (size_t s = 0; s < count; ++s) {
    found[s] = at::detail::empty_cpu({direct.replicas, batch, direct.widths[s]}, direct.dtype);
    at[1 + count + direct.places[s]] = found[s].mutable_data_ptr();
  }
  {
    Released released;
    direct.step(ready, at);
  }
  return wrapped(direct, found);
}

// (x, state) -> (output, states), or None where something is not as usual
PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "a step takes x and state"), nullptr;
  try {
    return carried(*(Direct*)PyCapsule_GetPointer(self, nullptr), args[0], args[1]);
  } catch (const std::exception& error) {
    return PyErr_Format(PyExc_RuntimeError, "%s", error.what()), nullptr;
  }
}

PyMethodDef method = {"step", (PyCFunction)(void (*)())call, METH_FASTCALL, nullptr};

void forget(PyObject* capsule) {
  auto* direct = (Direct*)PyCapsule_GetPointer(capsule, nullptr);
  for (PyObject* name : direct->names) Py_DECREF(name);
  delete direct;
}

}  // namespace

// a step that knows no shapes yet; offset: of what a tensor is in the Python object that wraps it; names, widths and places: tuples
extern "C" PyObject* direct(void* step, long offset, long replicas, long inputs, long dtype, PyObject* names, PyObject* widths, PyObject* places) {
  auto* made = new Direct{Step(step), offset, replicas, inputs, c10::ScalarType(dtype), {}, {}, {}, {}};
  for (Py_ssize_t s = 0; s < PyTuple_GET_SIZE(names); ++s) {
    made->names.push_back(Py_NewRef(PyTuple_GET_ITEM(names, s)));
    made->widths.push_back(PyLong_AsLong(PyTuple_GET_ITEM(widths, s)));
    made->places.push_back(PyLong_AsLong(PyTuple_GET_ITEM(places, s)));
  }
  PyObject* const capsule = PyCapsule_New(made, nullptr, forget);
  PyObject* const function = PyCFunction_New(&method, capsule);
  Py_DECREF(capsule);
  return function;
}

// what is ready for x of one more shape
extern "C" void know(PyObject* function, long given, long batch, void* ready) {
  ((Direct*)PyCapsule_GetPointer(PyCFunction_GET_SELF(function), nullptr))->shapes.push_back({given, batch, ready});
}
