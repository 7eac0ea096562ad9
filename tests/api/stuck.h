/* SPDX-License-Identifier: MIT
 *
 * A loop that is watched and gets stuck, until the watchdog has said so: time is real here, and
 * a busy machine makes the tests slower, not wrong.
 */
#ifndef TESTS_API_STUCK_H
#define TESTS_API_STUCK_H

#include <string.h>
#include <time.h>

#include "harness.h"
#include "stderr_capture.h"

#define LIMIT 0.05  /* of the watchdog, in seconds */
#define PATIENCE 25 /* before a test gives up */

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void rest(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0)
        ;
}

static inline hoop_loop *watched_loop(double seconds)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = seconds});
    assert_non_null(loop);
    return loop;
}

static struct stderr_capture capture;

static inline size_t count_in(const char *text, const char *phrase)
{
    size_t count = 0;
    for (const char *found = text; (found = strstr(found, phrase)) != NULL; found++)
        count++;
    return count;
}

static inline void assert_said(const char *phrase)
{
    if (strstr(capture.text, phrase) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", phrase, capture.text);
}

/* ---- ways to be stuck, until there are COUNT reports ---- */

struct stuck {
    hoop_loop *loop;
    uint64_t count;
    void (*block)(struct stuck *stuck);
    double until;
    int pipe[2];
};

static inline bool is_over(const struct stuck *stuck)
{
    return hoop_watchdog_reports(stuck->loop) >= stuck->count;
}

/* Without a single call of the system, nearly all the time. */
static __attribute__((noinline, unused)) void spin_in_here(struct stuck *stuck)
{
    volatile unsigned turns = 0;
    do {
        while (++turns % 4000000 != 0)
            ;
    } while (!is_over(stuck) && now() < stuck->until);
}

static __attribute__((noinline, unused)) void sleep_in_here(struct stuck *stuck)
{
    while (!is_over(stuck) && now() < stuck->until)
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); /* the signal ends it */
}

static __attribute__((noinline, unused)) void be_stuck(void *arg)
{
    struct stuck *stuck = arg;
    stuck->until = now() + PATIENCE;
    stuck->block(stuck);
    assert_true(is_over(stuck));
}

static inline int64_t be_stuck_in_a_task(void *arg)
{
    be_stuck(arg);
    return 0;
}

/* ---- who is not stuck ---- */

static inline int64_t do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static inline int64_t one_step(void *arg)
{
    (void)arg;
    rest(0.05);
    return hoop_sleep(0);
}

#endif
