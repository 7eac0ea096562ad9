/* SPDX-License-Identifier: MIT
 *
 * Which descriptors belong to transports and listeners: a table by number.
 */
#include "descriptors.h"

#include "readers.h"
#include "transport.h"

static PyObject *owner_of(const loop_object *loop, int fd)
{
    return fd >= 0 && fd < loop->transport_capacity ? loop->transports[fd] : NULL;
}

static int grow(loop_object *loop, int fd)
{
    int capacity = loop->transport_capacity == 0 ? 64 : loop->transport_capacity;
    while (capacity <= fd)
        capacity *= 2;
    PyObject **table = loop->transports;
    PyMem_Resize(table, PyObject *, (size_t)capacity);
    if (table == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    for (int i = loop->transport_capacity; i < capacity; i++)
        table[i] = NULL;
    loop->transports = table;
    loop->transport_capacity = capacity;
    return 0;
}

static int raise_used(int fd, PyObject *transport)
{
    PyErr_Format(PyExc_RuntimeError, "File descriptor %d is used by transport %R", fd, transport);
    return -1;
}

int descriptor_check_free(loop_object *loop, int fd)
{
    PyObject *transport = owner_of(loop, fd);
    return transport == NULL ? 0 : raise_used(fd, transport);
}

int descriptor_check_open(loop_object *loop, int fd)
{
    PyObject *transport = owner_of(loop, fd);
    if (transport == NULL)
        return 0;
    bool is_listener = Py_IS_TYPE(transport, (PyTypeObject *)loop->state->Listener);
    return !is_listener && transport_of(transport)->closing ? 0 : raise_used(fd, transport);
}

int descriptor_claim(loop_object *loop, int fd, PyObject *transport)
{
    if (descriptor_check_free(loop, fd) < 0 ||
        (fd >= loop->transport_capacity && grow(loop, fd) < 0))
        return -1;
    readers_forget(loop, fd);
    loop->transports[fd] = Py_NewRef(transport);
    return 0;
}

int descriptor_take(loop_object *loop, int fd, PyObject *transport, hoop_watch *watch)
{
    if (descriptor_claim(loop, fd, transport) < 0)
        return -1;
    int rc = hoop_watch_start(loop->core, watch, fd);
    if (rc == 0)
        return 0;
    descriptor_release(loop, fd);
    (void)raise_result(rc);
    return -1;
}

void descriptor_release(loop_object *loop, int fd)
{
    PyObject *transport = owner_of(loop, fd);
    if (transport != NULL) {
        loop->transports[fd] = NULL;
        Py_DECREF(transport);
    }
}

int descriptors_traverse(loop_object *loop, visitproc visit, void *arg)
{
    for (int fd = 0; fd < loop->transport_capacity; fd++)
        Py_VISIT(loop->transports[fd]);
    return 0;
}

void descriptors_clear(loop_object *loop)
{
    /* The end of a transport may run a program's code. */
    for (int fd = 0; fd < loop->transport_capacity; fd++)
        descriptor_release(loop, fd);
    PyMem_Free(loop->transports);
    loop->transports = NULL;
    loop->transport_capacity = 0;
}
