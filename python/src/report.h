/* SPDX-License-Identifier: MIT
 *
 * Telling a program what went wrong where nobody called: its exception handler, and debug mode's
 * complaint about slow callbacks.
 */
#ifndef REPORT_H
#define REPORT_H

#include "loop.h"

/* Hands the pending exception to loop.call_exception_handler with MESSAGE, and with SUBJECT under
 * the key NAME ("handle", "transport" ...) if that is not NULL; SECOND and SECOND_NAME likewise.
 * 0 and no exception is pending any more; or -1 and one is that must end the run: SystemExit,
 * KeyboardInterrupt, be it that the handler raised it. */
int report_exception(loop_object *loop, const char *message, const char *name, PyObject *subject,
                     const char *second_name, PyObject *second);

/* The same for a callback that failed: the message names it, as asyncio's does. */
int report_handle(loop_object *loop, PyObject *handle);

/* What libhoop has to report (a task of C code that nobody awaited, say) goes to the loop's exception
 * handler as well. */
void report_init(loop_object *loop);

/* Debug mode: OWNER (a handle, a transport) took SECONDS. 0, or -1 as above. */
int report_slow(PyObject *owner, double seconds);

/* Is the pending exception one that asyncio lets through, SystemExit or KeyboardInterrupt? */
bool report_must_end_run(void);

#endif
