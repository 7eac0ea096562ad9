/* SPDX-License-Identifier: MIT
 *
 * What a loop's exception handler heard, kept for assertions; and the shortest way to run
 * a coroutine as a program on the virtual clock that must have nothing to report.
 */
#ifndef TESTS_REPORTS_H
#define TESTS_REPORTS_H

#include <stdio.h>

#include "harness.h"

/* How many tasks "very many" are: what ThreadSanitizer has room for, or more. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VERY_MANY 5000
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define VERY_MANY 5000
#endif
#ifndef VERY_MANY
#define VERY_MANY 10000
#endif

struct reports {
    unsigned count;
    int64_t error; /* of the last one, as all that follows */
    char message[96];
    char error_message[96]; /* "" if there was none */
    char task[96];          /* its name, "" if it was about none */
};

static inline void reports_add(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    struct reports *reports = arg;
    reports->count++;
    reports->error = exception->error;
    const char *detail = exception->error_message != NULL ? exception->error_message : "";
    const char *task = exception->task != NULL ? hoop_task_name(exception->task) : "";
    snprintf(reports->message, sizeof reports->message, "%s", exception->message);
    snprintf(reports->error_message, sizeof reports->error_message, "%s", detail);
    snprintf(reports->task, sizeof reports->task, "%s", task);
}

/* A loop on the virtual clock that reports to REPORTS. */
static inline hoop_loop *reporting_loop(struct reports *reports)
{
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, reports_add, reports);
    return loop;
}

static inline int64_t run_virtually(hoop_coroutine_fn fn, void *arg)
{
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    int64_t result = hoop_run_until_complete(loop, fn, arg);
    hoop_info info;
    hoop_loop_info(loop, &info);
    assert_int_equal(hoop_close(loop), 0);
    assert_string_equal(reports.message, "");
    assert_int_equal(info.tasks, 0);
    assert_int_equal(info.stacks_in_use, 0);
    assert_int_equal(info.timers, 0);
    return result;
}

#endif
