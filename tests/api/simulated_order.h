/* SPDX-License-Identifier: MIT
 *
 * Four tasks and three callbacks that record when they run, for tests of the order in which
 * they do.
 */
#ifndef TESTS_API_SIMULATED_ORDER_H
#define TESTS_API_SIMULATED_ORDER_H

#include <string.h>

#include "reports.h"

struct runner {
    struct record *record;
    const char *name;
    int rounds;
};

enum { RUNNERS = 4 };

static inline int64_t run_rounds(void *arg)
{
    const struct runner *runner = arg;
    for (int i = 0; i < runner->rounds; i++) {
        record_add(runner->record, runner->name);
        assert_int_equal(hoop_sleep(0), 0);
    }
    return 0;
}

static inline void record_callback(void *arg)
{
    const struct runner *runner = arg;
    record_add(runner->record, runner->name);
}

/* Four tasks, a b c d, and between them the callbacks x y z. */
static inline int64_t run_all(void *record)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    static const char *const callbacks[] = {"x", "y", "z"};
    struct runner runners[RUNNERS], others[3];
    hoop_task *tasks[RUNNERS];
    for (int i = 0; i < RUNNERS; i++) {
        runners[i] = (struct runner){record, names[i], 2};
        tasks[i] = hoop_create_task(run_rounds, &runners[i]);
        if (i == 3)
            break;
        others[i] = (struct runner){record, callbacks[i], 0};
        assert_true(hoop_call_soon(hoop_running_loop(), record_callback, &others[i]) > 0);
    }
    return hoop_gather(tasks, RUNNERS, NULL, 0);
}

static inline hoop_loop *seeded_loop(uint64_t seed)
{
    hoop_loop *loop =
        hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL, .seed = seed});
    assert_non_null(loop);
    return loop;
}

static inline void run_in(hoop_loop *loop, hoop_coroutine_fn fn, void *arg)
{
    assert_int_equal(hoop_run_until_complete(loop, fn, arg), 0);
    assert_int_equal(hoop_close(loop), 0);
}

/* TEXT without the names of tasks, or without those of callbacks. */
static inline const char *only(const char *names, const char *text)
{
    static char found[64];
    size_t length = 0;
    for (; *text != '\0'; text++)
        if (strchr(names, *text) != NULL)
            found[length++] = *text;
    found[length] = '\0';
    return found;
}

/* The number of the order in which a b c d first ran, below 4! */
static inline int order_number(const char *text)
{
    const char *tasks = only("abcd", text);
    int number = 0;
    for (int i = 0; i < RUNNERS; i++) {
        int smaller = 0;
        for (int k = i + 1; k < RUNNERS; k++)
            smaller += tasks[k] < tasks[i];
        number = number * (RUNNERS - i) + smaller;
    }
    return number;
}

#endif
