/* SPDX-License-Identifier: MIT
 *
 * What the tests of signals have in common: handlers that note what they were called with, and a
 * look at what a signal does just now.
 */
#ifndef TESTS_API_SIGNALS_H
#define TESTS_API_SIGNALS_H

#include <signal.h>
#include <string.h>

#include "child.h"
#include "harness.h"

/* A callback; ARG is a struct note. */
struct note {
    struct record *record;
    const char *text;
};

static inline void take_note(void *arg)
{
    const struct note *note = arg;
    record_add(note->record, note->text);
}

/* A callback; ARG is an unsigned. */
static inline void count(void *arg)
{
    ++*(unsigned *)arg;
}

/* What a thread has set stays with it; so it is set in a context of its own. */
static inline void in_a_context(hoop_callback_fn fn, void *arg)
{
    hoop_context *context = hoop_context_copy();
    hoop_context_run(context, fn, arg);
    hoop_context_unref(context);
}

static inline void run_for(hoop_loop *loop, int iterations)
{
    for (int i = 0; i < iterations; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
}

static inline struct sigaction action_of(int signal)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    assert_int_equal(sigaction(signal, NULL, &action), 0);
    return action;
}

static inline bool is_at_default(int signal)
{
    struct sigaction action = action_of(signal);
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

/* Of SIGUSR1, that a program has set; and how often it was called. */
static volatile sig_atomic_t own_calls;

static inline void own_handler(int signal)
{
    own_calls += signal == SIGUSR1;
}

#endif
