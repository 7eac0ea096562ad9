/* SPDX-License-Identifier: MIT
 *
 * What a transport was told to write and the kernel has not taken yet: pieces in order, sent
 * many at once. Bytes objects are kept as they are; of anything that could change a copy is kept.
 */
#ifndef OUTGOING_H
#define OUTGOING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

struct outgoing_piece {
    PyObject *bytes; /* owned */
    size_t begin;    /* sent of it */
};

struct outgoing {
    struct outgoing_piece *pieces; /* owned: CAPACITY of them, COUNT in use from FIRST on */
    size_t first, count, capacity;
    size_t size; /* bytes in all */
};

/* Adds what follows the first SKIP bytes of DATA, an object with a buffer of one piece; if that is
 * nothing, nothing is added. 0, or -1 with an exception. */
int outgoing_add(struct outgoing *outgoing, PyObject *data, size_t skip);
/* Takes the last ones away until COUNT are left, none of which was sent in part since. */
void outgoing_truncate(struct outgoing *outgoing, size_t count);
/* One system call, for a socket, and for other files. Bytes sent, or a negative errno; RET_ALL: the
 * kernel took all that it was offered. There must be something. */
ssize_t outgoing_send(struct outgoing *outgoing, int fd, bool *ret_all);
ssize_t outgoing_write(struct outgoing *outgoing, int fd, bool *ret_all);
/* Drops all, and the memory. */
void outgoing_clear(struct outgoing *outgoing);

#endif
