/* SPDX-License-Identifier: MIT
 *
 * The extension hoop._core: makes its types and keeps what they need. It is initialised in two
 * phases, so that each interpreter has its own.
 */
#include "module.h"

#include "datagram_transport.h"
#include "forks.h"
#include "handle.h"
#include "listener.h"
#include "loop.h"
#include "pipe_transport.h"
#include "socket_operation.h"
#include "spawn.h"
#include "stream_transport.h"
#include "thread_safe_handle.h"
#include "timer_handle.h"
#include "tls.h"

struct core_state *core_state_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &core_module); /* borrowed */
    return module == NULL ? NULL : PyModule_GetState(module);
}

PyObject *call_python(const char *module, const char *function, const char *format, ...)
{
    PyObject *name = PyUnicode_FromFormat("hoop.%s", module);
    PyObject *imported = name == NULL ? NULL : PyImport_Import(name);
    Py_XDECREF(name);
    if (imported == NULL)
        return NULL;
    PyObject *result = NULL;
    PyObject *callable = PyObject_GetAttrString(imported, function);
    Py_DECREF(imported);
    va_list arguments;
    va_start(arguments, format);
    PyObject *tuple = callable == NULL ? NULL : Py_VaBuildValue(format, arguments);
    va_end(arguments);
    if (tuple != NULL)
        result = PyObject_CallObject(callable, tuple);
    Py_XDECREF(tuple);
    Py_XDECREF(callable);
    return result;
}

static int import_name(PyObject **member, const char *module, const char *attribute)
{
    PyObject *imported = PyImport_ImportModule(module);
    if (imported == NULL)
        return -1;
    *member = PyObject_GetAttrString(imported, attribute);
    Py_DECREF(imported);
    return *member == NULL ? -1 : 0;
}

static int make_type(PyObject *module, PyObject **member, PyType_Spec *spec, PyObject *base)
{
    *member = PyType_FromModuleAndSpec(module, spec, base);
    return *member == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)*member);
}

static int intern(PyObject **member, const char *name)
{
    *member = PyUnicode_InternFromString(name);
    return *member == NULL ? -1 : 0;
}

static int core_exec(PyObject *module)
{
    struct core_state *state = PyModule_GetState(module);
    signal_pipe_init(&state->signal_pipe);
#define IMPORT(name, from, attribute) \
    if (import_name(&state->name, from, attribute) < 0) \
        return -1;
    CORE_IMPORTS(IMPORT)
#undef IMPORT
#define INTERN(name) \
    if (intern(&state->name_##name, #name) < 0) \
        return -1;
    CORE_NAMES(INTERN)
#undef INTERN
    state->loop_name = PyTuple_Pack(1, state->name_loop);
    if (state->loop_name == NULL)
        return -1;
#define MAKE(name, spec, base) \
    if (make_type(module, &state->name, &(spec), base) < 0) \
        return -1;
    CORE_TYPES(MAKE)
#undef MAKE
    return forks_add_functions(module);
}

static int core_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct core_state *state = PyModule_GetState(module);
    if (state == NULL)
        return 0;
#define VISIT(name, ...) Py_VISIT(state->name);
    CORE_TYPES(VISIT)
    CORE_IMPORTS(VISIT)
#undef VISIT
    return 0;
}

static int core_clear(PyObject *module)
{
    struct core_state *state = PyModule_GetState(module);
    if (state == NULL)
        return 0;
#define CLEAR(name, ...) Py_CLEAR(state->name);
    CORE_TYPES(CLEAR)
    CORE_IMPORTS(CLEAR)
#undef CLEAR
#define CLEAR(name) Py_CLEAR(state->name_##name);
    CORE_NAMES(CLEAR)
#undef CLEAR
    Py_CLEAR(state->loop_name);
    return 0;
}

static void core_free(void *module)
{
    (void)core_clear(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
    INTERPRETERS_SLOT,
    {0, NULL},
};

struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hoop._core",
    .m_doc = "The event loop: libhoop behind asyncio's interface.",
    .m_size = sizeof(struct core_state),
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
