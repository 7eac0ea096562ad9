/* SPDX-License-Identifier: MIT
 *
 * For tests whose body is a task: a program on the virtual clock that must end with nothing
 * to report.
 *
 *     IN_A_TASK(a_new_lock_is_free)
 *     {
 *         ...                              awaits
 *     }
 */
#ifndef TESTS_API_IN_A_TASK_H
#define TESTS_API_IN_A_TASK_H

#include "reports.h"

#define IN_A_TASK(behaviour) IN_A_TASK_RUN_BY(run_virtually, behaviour)

/* The same, run by another function than run_virtually. */
#define IN_A_TASK_RUN_BY(run, behaviour) \
    static void behaviour##_body(void); \
    static int64_t behaviour##_task(void *arg) \
    { \
        (void)arg; \
        behaviour##_body(); \
        return 0; \
    } \
    static void behaviour(void **state) \
    { \
        (void)state; \
        assert_int_equal(run(behaviour##_task, NULL), 0); \
    } \
    static void behaviour##_body(void)

/* Lets all others go on until each of them waits, for no longer than a second. */
static inline void let_others_wait(void)
{
    assert_int_equal(hoop_sleep(1), 0);
}

static inline void let_one_iteration_pass(void)
{
    assert_int_equal(hoop_sleep(0), 0);
}

/* What hoop_print_tasks says, to be searched for a phrase; until the next call. */
static inline const char *printed_tasks(void)
{
    static char printed[1024];
    FILE *file = fmemopen(printed, sizeof printed, "w");
    assert_non_null(file);
    hoop_print_tasks(hoop_running_loop(), file);
    fclose(file);
    return printed;
}

/* Starts FN(ARG) in a loop that is not running, lets it wait, and closes the loop: the task
 * is reported and does not go on. BEFORE (may be NULL) is called in between, with ARG. */
static inline void close_while_it_waits(hoop_coroutine_fn fn, void *arg, void (*before)(void *arg))
{
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task_detach(hoop_create_task_with(fn, arg, &(hoop_task_options){.loop = loop}));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    if (before != NULL)
        before(arg);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.message, "task was destroyed but it is pending");
}

#endif
