/* SPDX-License-Identifier: MIT
 *
 * Signals reach the loops through a pipe: the interpreter's handler writes the number of each signal
 * to it (signal.set_wakeup_fd), which wakes a loop that waits without the interpreter's lock.
 * The loop schedules what loops have for these signals (hoop/signals.py), and lets the interpreter
 * run Python's handlers.
 *
 * There is one pipe, from the first loop that watches it to the last: those that have handlers, and
 * those that run in the main thread. It is the interpreter's while a loop runs in the main thread;
 * while one has handlers also in between, so that no signal is lost. Who had the interpreter
 * write before gets that back, and hears of all signals meanwhile.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <sys/types.h>

#include "batch.h"

/* A loop's part. */
struct signals {
    PyObject *handlers; /* owned: a dict of (callback, arguments, context) by number */
    hoop_link link;     /* on signal_pipe.loops while it watches the pipe */
    hoop_watch watch;   /* of the pipe */
    struct work work;   /* something came */
    bool has_handlers;  /* the interpreter is to write between runs, too */
    bool is_main_run;   /* it runs in the main thread */
};

/* 0, or -1 with an exception. */
int signals_init(struct loop_object *loop);
/* The core is there. In the main thread the pipe is opened now rather than in run_forever, which is
 * not to fail for want of descriptors. 0, or -1 with an exception. */
int signals_prepare(struct loop_object *loop);
int signals_traverse(struct loop_object *loop, visitproc visit, void *arg);
void signals_close(struct loop_object *loop);
/* In the child of a fork: it watches the parent's pipe no longer; and then, with a pipe of its own, it
 * does again, if it has handlers or runs. 0, or -1 with an exception. */
void signals_forked(struct loop_object *loop);
int signals_resume(struct loop_object *loop);

/* In the main thread: signals reach the loop from here on. 0, or -1 with an exception, which may be
 * that of a signal handler. In other threads nothing happens. */
int signals_run_begins(struct loop_object *loop);
void signals_run_ends(struct loop_object *loop);

PyObject *loop_listen_to_signals(PyObject *self, PyObject *has_handlers);

#define SIGNALS_MEMBERS \
    { \
        "_signal_handlers", T_OBJECT, offsetof(loop_object, signals.handlers), READONLY, NULL \
    }

#define SIGNALS_METHODS \
    { \
        "_listen_to_signals", loop_listen_to_signals, METH_O, \
            "_listen_to_signals($self, has_handlers, /)\n--\n\nWhether signals are for the loop " \
            "while it does not run, too. Only in the main thread." \
    }

#endif
