/* SPDX-License-Identifier: MIT
 *
 * Child processes that are interrupted, and say on stderr how it went. The signal is sent to the
 * whole process, as a terminal does.
 */
#ifndef TESTS_API_INTERRUPT_H
#define TESTS_API_INTERRUPT_H

#include <math.h>
#include <pthread.h>
#include <time.h>

#include "child.h"

static inline void say(const char *what)
{
    fprintf(stderr, "%s\n", what);
}

/* How a run ended. */
static inline void say_result(int64_t result)
{
    fprintf(stderr, "%s\n", result < 0 ? hoop_error_name(result) : "a result");
}

static inline void pause_ms(long ms)
{
    struct timespec rest = {.tv_nsec = ms * 1000000};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* ThreadSanitizer keeps a signal back until the thread sleeps in a way that it knows, which the
 * loop's own is not; and loses it with a thread that ends. */
static inline void let_signals_through(void *loop)
{
    pause_ms(1);
    if (UNDER_THREAD_SANITIZER && loop != NULL)
        hoop_call_later(loop, 0.02, let_signals_through, loop);
}

static inline void *send_soon(void *arg)
{
    (void)arg;
    pause_ms(20);
    kill(getpid(), SIGINT);
    let_signals_through(NULL);
    return NULL;
}

/* To be called by what is to be interrupted, so that somebody listens by then. */
static inline void interrupt_soon(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_soon, NULL) != 0)
        abort();
    pthread_detach(thread);
    let_signals_through(hoop_running_loop());
}

static inline void (*disposition(void))(int)
{
    struct sigaction action;
    sigaction(SIGINT, NULL, &action);
    return action.sa_handler;
}

static inline void assert_says(void (*body)(void *arg), void *arg, const char *text)
{
    struct child child = child_run(body, arg);
    assert_string_equal(child.text, text);
    assert_true(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0);
}

static inline void assert_dies_saying(void (*body)(void *arg), void *arg, const char *text)
{
    struct child child = child_run(body, arg);
    assert_string_equal(child.text, text);
    assert_true(child_died_by(&child, SIGINT));
}

static inline int64_t sleep_for_ever(void *arg)
{
    (void)arg;
    return hoop_sleep((double)INFINITY);
}

#endif
