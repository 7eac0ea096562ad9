/* SPDX-License-Identifier: MIT
 *
 * Which descriptors belong to transports of a loop: the table keeps an open transport alive, as
 * its descriptor does, and tells add_reader and sock_recv to keep off.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "loop.h"

/* TRANSPORT works with FD from now on; the table takes a reference. 0, or -1 with an exception:
 * RuntimeError if FD belongs to another one, MemoryError. */
int descriptor_claim(loop_object *loop, int fd, PyObject *transport);
/* The same, and WATCH is started, edge-triggered. */
int descriptor_take(loop_object *loop, int fd, PyObject *transport, hoop_watch *watch);
/* Before FD is closed. May drop the last reference to the transport. Nothing happens if FD is not
 * claimed. */
void descriptor_release(loop_object *loop, int fd);
/* 0, or -1 with asyncio's RuntimeError if FD belongs to a transport. */
int descriptor_check_free(loop_object *loop, int fd);
/* The same, but that one that is closing does not count. */
int descriptor_check_open(loop_object *loop, int fd);

int descriptors_traverse(loop_object *loop, visitproc visit, void *arg);
void descriptors_clear(loop_object *loop);

#endif
