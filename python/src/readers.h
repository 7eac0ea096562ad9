/* SPDX-License-Identifier: MIT
 *
 * Waiting for descriptors on which the program does the I/O: add_reader and add_writer, which call
 * a callback as long as there is something to do; and waiters, which socket operations are.
 *
 * There is one level-triggered watch for each number, made when it is first used and kept until
 * the loop is closed: a program may close a descriptor that is still watched, and the kernel may
 * go on telling of it, as long as another process has it open.
 */
#ifndef READERS_H
#define READERS_H

#include "batch.h"
#include "loop.h"

PyObject *loop_add_reader(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *loop_add_writer(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *loop_remove_reader(PyObject *self, PyObject *const *args, Py_ssize_t count,
                             PyObject *names);
PyObject *loop_remove_writer(PyObject *self, PyObject *const *args, Py_ssize_t count,
                             PyObject *names);

/* One that waits for a descriptor besides add_reader's callback. Each direction has a queue of
 * them, and it is the first one's turn. */
struct waiter {
    hoop_link link;     /* on a queue while it waits, which has a reference to work.owner */
    struct work work;   /* pushed when the descriptor is ready; the waiter goes on waiting */
    int fd;             /* while it waits */
    unsigned direction; /* HOOP_READABLE or HOOP_WRITABLE */
};

void waiter_init(struct waiter *waiter, PyObject *owner, int (*run)(struct work *work));
/* Queues WAITER, which must not wait. 0, or -1 with an exception. */
int waiter_start(loop_object *loop, struct waiter *waiter, int fd, unsigned direction);
/* Takes it off if it is queued; may drop the last reference to the owner. */
void waiter_stop(loop_object *loop, struct waiter *waiter);
/* Somebody waits: who comes now must queue up. */
bool readers_are_waited_for(const loop_object *loop, int fd, unsigned direction);

/* FD gets a transport: nobody else is called for it any more. Waiters find out by
 * descriptor_check_free, at their next turn, which comes soon. */
void readers_forget(loop_object *loop, int fd);

int readers_traverse(loop_object *loop, visitproc visit, void *arg);
void readers_clear(loop_object *loop);

#define READERS_METHODS \
    {"add_reader", (PyCFunction)(void *)loop_add_reader, METH_FASTCALL | METH_KEYWORDS, \
     "add_reader($self, fd, callback, *args)\n--\n\n" \
     "Calls callback(*args) whenever fd, a number or a file object, can be read from.\n\n" \
     "Replaces an earlier callback. The descriptor is to be removed before it is closed."}, \
        {"remove_reader", (PyCFunction)(void *)loop_remove_reader, METH_FASTCALL | METH_KEYWORDS, \
         "remove_reader($self, fd)\n--\n\n" \
         "Ends what add_reader began. Returns whether there was a callback."}, \
        {"add_writer", (PyCFunction)(void *)loop_add_writer, METH_FASTCALL | METH_KEYWORDS, \
         "add_writer($self, fd, callback, *args)\n--\n\n" \
         "Calls callback(*args) whenever fd, a number or a file object, can be written to."}, \
    { \
        "remove_writer", (PyCFunction)(void *)loop_remove_writer, METH_FASTCALL | METH_KEYWORDS, \
            "remove_writer($self, fd)\n--\n\n" \
            "Ends what add_writer began. Returns whether there was a callback." \
    }

#endif
