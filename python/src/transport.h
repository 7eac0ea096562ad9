/* SPDX-License-Identifier: MIT
 *
 * What transports of all kinds do alike: their context, what get_extra_info knows of a socket, the
 * future that a connection's beginning settles, and telling of failures.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "loop.h"

/* Runs STEP(SELF) in CONTEXT. 0, or -1 with an exception that ends the run. SELF must be kept alive
 * by the caller, and must keep the context. */
int transport_run_in_context(loop_object *loop, PyObject *self, PyObject *context,
                             int (*step)(PyObject *self));

/* The dict for get_extra_info: EXTRA itself, as asyncio has it, or a new one for None; with what is
 * known of SOCK. A new reference, or NULL with an exception. */
PyObject *transport_extra(struct core_state *state, PyObject *sock, PyObject *extra);

/* *WAITER, if there is one, gets the result None unless it is done; it is dropped. As work.run
 * returns. */
int transport_tell_waiter(loop_object *loop, PyObject *self, PyObject **waiter);

/* Debug mode: logs that the transport WHAT ("pauses reading"). As work.run returns. */
int transport_log(loop_object *loop, PyObject *self, const char *what);

/* EXCEPTION ends the connection: it is reported with MESSAGE, or if it is an OSError, logged in
 * debug mode. As work.run returns. */
int transport_tell_failure(loop_object *loop, PyObject *self, PyObject *protocol,
                           PyObject *exception, const char *message);

#endif
