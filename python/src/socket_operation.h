/* SPDX-License-Identifier: MIT
 *
 * An operation on a socket (sock_recv and its like) that could not be done at once: it waits until
 * the socket is ready, tries again, and settles a future. Operations in one direction of a socket
 * take turns, in the order in which they were begun.
 */
#ifndef SOCKET_OPERATION_H
#define SOCKET_OPERATION_H

#include "loop.h"

extern PyType_Spec socket_operation_spec;

PyObject *loop_receive(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *loop_receive_into(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *loop_send_all(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *loop_attempt(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *loop_retry(PyObject *self, PyObject *const *args, Py_ssize_t count);

/* Each returns the result if it was to be had at once, else a SocketOperation. */
#define SOCKET_OPERATION_METHODS \
    {"_receive", (PyCFunction)(void *)loop_receive, METH_FASTCALL, \
     "_receive($self, sock, nbytes, /)\n--\n\nsock.recv(nbytes)"}, \
        {"_receive_into", (PyCFunction)(void *)loop_receive_into, METH_FASTCALL, \
         "_receive_into($self, sock, buf, /)\n--\n\nsock.recv_into(buf)"}, \
        {"_send_all", (PyCFunction)(void *)loop_send_all, METH_FASTCALL, \
         "_send_all($self, sock, data, /)\n--\n\nsock.sendall(data)"}, \
        {"_attempt", (PyCFunction)(void *)loop_attempt, METH_FASTCALL, \
         "_attempt($self, sock, writes, function, /, *args)\n--\n\n" \
         "function(*args), or the socket's method of that name, again whenever sock is ready, as " \
         "long\n" \
         "as it raises BlockingIOError."}, \
    { \
        "_retry", (PyCFunction)(void *)loop_retry, METH_FASTCALL, \
            "_retry($self, sock, writes, function, /, *args)\n--\n\n" \
            "_attempt, but the first call waits until sock is ready." \
    }

#endif
