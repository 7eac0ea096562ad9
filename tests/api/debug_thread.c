/* SPDX-License-Identifier: MIT
 *
 * Debug mode notices calls from a wrong thread, and tells the place.
 */
#include <errno.h>
#include <hoop/embed.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "reports.h"
#include "socket_pair.h"
#include "stderr_capture.h"

static hoop_loop *debug_loop(bool debug)
{
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL, .debug = debug};
    hoop_loop *loop = hoop_new_event_loop_with(&options);
    assert_non_null(loop);
    return loop;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void nothing_done(hoop_future *future, void *arg)
{
    (void)future;
    (void)arg;
}

static void nothing_ready(hoop_ready *ready)
{
    (void)ready;
}

static void nothing_expires(hoop_timer *timer)
{
    (void)timer;
}

static void nothing_happens(hoop_watch *watch, unsigned events)
{
    (void)watch;
    (void)events;
}

static int64_t do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t sleep_for_ever(void *arg)
{
    (void)arg;
    return hoop_sleep((double)INFINITY);
}

/* ---- the wrong thread ---- */

/* What belongs to a running loop's thread, and another one lays its hands on. */
struct loot {
    hoop_loop *loop;
    hoop_task *task;
    hoop_future *future;
    hoop_handle handle;
    hoop_ready ready;
    hoop_timer timer, armed_timer;
    hoop_watch watch;
    int pair[2];
};

static int64_t last_error_if(bool failed)
{
    return failed ? hoop_last_error() : 0;
}

static int64_t steal_call_soon(struct loot *loot)
{
    return hoop_call_soon(loot->loop, nothing, NULL);
}

static int64_t steal_call_later(struct loot *loot)
{
    return hoop_call_later(loot->loop, 1, nothing, NULL);
}

static int64_t steal_call_at(struct loot *loot)
{
    return hoop_call_at(loot->loop, 1, nothing, NULL);
}

static int64_t steal_handle_cancel(struct loot *loot)
{
    return hoop_handle_cancel(loot->loop, loot->handle);
}

static int64_t steal_add_reader(struct loot *loot)
{
    return hoop_add_reader(loot->loop, loot->pair[0], nothing, NULL);
}

static int64_t steal_add_writer(struct loot *loot)
{
    return hoop_add_writer(loot->loop, loot->pair[0], nothing, NULL);
}

static int64_t steal_remove_reader(struct loot *loot)
{
    return hoop_remove_reader(loot->loop, loot->pair[0]);
}

static int64_t steal_remove_writer(struct loot *loot)
{
    return hoop_remove_writer(loot->loop, loot->pair[0]);
}

static int64_t steal_create_task(struct loot *loot)
{
    hoop_task_options options = {.loop = loot->loop};
    return last_error_if(hoop_create_task_with(do_nothing, NULL, &options) == NULL);
}

static int64_t steal_coroutine_new(struct loot *loot)
{
    return last_error_if(hoop_coroutine_new(loot->loop, do_nothing, NULL) == NULL);
}

static int64_t steal_future_new(struct loot *loot)
{
    return last_error_if(hoop_future_new(loot->loop) == NULL);
}

static int64_t steal_set_result(struct loot *loot)
{
    return hoop_future_set_result(loot->future, 1);
}

static int64_t steal_set_error(struct loot *loot)
{
    return hoop_future_set_error(loot->future, -EIO, NULL);
}

static int64_t steal_add_done_callback(struct loot *loot)
{
    return hoop_future_add_done_callback(loot->future, nothing_done, NULL);
}

static int64_t steal_timer_start(struct loot *loot)
{
    return hoop_timer_start(loot->loop, &loot->timer, 1);
}

static int64_t steal_watch_start(struct loot *loot)
{
    return hoop_watch_start(loot->loop, &loot->watch, loot->pair[0]);
}

static int64_t steal_watchdog_start(struct loot *loot)
{
    return hoop_watchdog_start(loot->loop, 1);
}

/* These have no way to say it but on stderr; HOOP_ETHREAD stands for that nothing happened. */

static int64_t steal_future_cancel(struct loot *loot)
{
    return hoop_future_cancel(loot->future) ? 0 : HOOP_ETHREAD;
}

static int64_t steal_task_cancel(struct loot *loot)
{
    return hoop_task_cancel(loot->task) ? 0 : HOOP_ETHREAD;
}

static int64_t steal_stop(struct loot *loot)
{
    hoop_stop(loot->loop);
    return HOOP_ETHREAD;
}

static int64_t steal_ready_push(struct loot *loot)
{
    hoop_ready_push(loot->loop, &loot->ready);
    return HOOP_ETHREAD;
}

static int64_t steal_timer_stop(struct loot *loot)
{
    hoop_timer_stop(loot->loop, &loot->armed_timer);
    return HOOP_ETHREAD;
}

static int64_t steal_watch_stop(struct loot *loot)
{
    hoop_watch_stop(loot->loop, &loot->watch);
    return HOOP_ETHREAD;
}

static const struct theft {
    const char *function;
    int64_t (*commit)(struct loot *loot);
} thefts[] = {
#define THEFT(function, commit) \
    { \
#function, commit \
    }
    THEFT(hoop_call_soon, steal_call_soon),
    THEFT(hoop_call_later, steal_call_later),
    THEFT(hoop_call_at, steal_call_at),
    THEFT(hoop_handle_cancel, steal_handle_cancel),
    THEFT(hoop_add_reader, steal_add_reader),
    THEFT(hoop_add_writer, steal_add_writer),
    THEFT(hoop_remove_reader, steal_remove_reader),
    THEFT(hoop_remove_writer, steal_remove_writer),
    THEFT(hoop_create_task_with, steal_create_task),
    THEFT(hoop_coroutine_new_named, steal_coroutine_new),
    THEFT(hoop_future_new, steal_future_new),
    THEFT(hoop_future_set_result, steal_set_result),
    THEFT(hoop_future_set_error, steal_set_error),
    THEFT(hoop_future_cancel, steal_future_cancel),
    THEFT(hoop_future_add_done_callback, steal_add_done_callback),
    THEFT(hoop_task_cancel, steal_task_cancel),
    THEFT(hoop_stop, steal_stop),
    THEFT(hoop_ready_push, steal_ready_push),
    THEFT(hoop_timer_start, steal_timer_start),
    THEFT(hoop_timer_stop, steal_timer_stop),
    THEFT(hoop_watch_start, steal_watch_start),
    THEFT(hoop_watch_stop, steal_watch_stop),
    THEFT(hoop_watchdog_start, steal_watchdog_start),
};

enum { THEFT_COUNT = sizeof thefts / sizeof thefts[0] };

/* What came of each. */
struct outcome {
    int64_t result;
    struct stderr_capture capture;
};
static struct outcome outcomes[THEFT_COUNT];

static void *steal_all(void *arg)
{
    for (int i = 0; i < THEFT_COUNT; i++) {
        stderr_capture_begin(&outcomes[i].capture);
        outcomes[i].result = thefts[i].commit(arg);
        stderr_capture_end(&outcomes[i].capture);
    }
    return NULL;
}

static struct loot *loot_new(hoop_loop *loop)
{
    static struct loot loot;
    loot = (struct loot){.loop = loop, .future = hoop_future_new(loop)};
    loot.task = hoop_create_task(sleep_for_ever, NULL);
    loot.handle = hoop_call_later(loop, 1000, nothing, NULL);
    hoop_ready_init(&loot.ready, nothing_ready);
    hoop_timer_init(&loot.timer, nothing_expires);
    hoop_timer_init(&loot.armed_timer, nothing_expires);
    assert_int_equal(hoop_timer_start(loop, &loot.armed_timer, INT64_MAX), 0);
    hoop_watch_init(&loot.watch, nothing_happens);
    open_pair(loot.pair);
    return &loot;
}

/* The loop runs, and waits here meanwhile. */
static int64_t be_robbed(void *loop)
{
    pthread_t thief;
    struct loot *loot = loot_new(loop);
    assert_int_equal(pthread_create(&thief, NULL, steal_all, loot), 0);
    pthread_join(thief, NULL);
    assert_false(hoop_future_is_done(loot->future));
    assert_int_equal(hoop_task_cancelling(loot->task), 0);
    assert_int_equal(hoop_handle_cancel(loop, loot->handle), 1);
    hoop_future_unref(loot->future);
    hoop_task_cancel(loot->task);
    hoop_task_detach(loot->task);
    close_pair(loot->pair);
    return 0;
}

static void assert_noticed(const struct theft *theft, const struct outcome *outcome)
{
    char expected[160];
    const char *text = outcome->capture.text;
    snprintf(expected, sizeof expected, "hoop: %s: %s (HOOP_ETHREAD), called from:\n",
             theft->function, hoop_strerror(HOOP_ETHREAD));
    if (strncmp(text, expected, strlen(expected)) != 0 || strstr(text, "steal_all+0x") == NULL)
        fail_msg("%s says \"%s\"", theft->function, text);
    assert_null(strstr(text + 1, "hoop: ")); /* once */
    assert_int_equal(outcome->result, HOOP_ETHREAD);
}

static void a_call_from_a_wrong_thread_is_refused_and_told_with_the_place(void **state)
{
    (void)state;
    hoop_loop *loop = debug_loop(true);
    hoop_set_exception_handler(loop, reports_add, &(struct reports){0});
    assert_int_equal(hoop_run_until_complete(loop, be_robbed, loop), 0);
    hoop_close(loop);
    for (int i = 0; i < THEFT_COUNT; i++)
        assert_noticed(&thefts[i], &outcomes[i]);
}

/* In a thread that does not run it. */
static void *prepare(void *loop)
{
    hoop_future *future = hoop_future_new(loop);
    hoop_call_soon(loop, nothing, NULL);
    hoop_future_unref(future);
    return future;
}

static void a_loop_that_does_not_run_belongs_to_no_thread(void **state)
{
    (void)state;
    static struct stderr_capture capture;
    hoop_loop *loop = debug_loop(true);
    pthread_t thread;
    void *future = NULL;
    assert_int_equal(hoop_run_until_complete(loop, do_nothing, NULL), 0);
    stderr_capture_begin(&capture);
    assert_int_equal(pthread_create(&thread, NULL, prepare, loop), 0);
    pthread_join(thread, &future);
    assert_non_null(future);
    assert_string_equal(stderr_capture_end(&capture), "");
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_call_from_a_wrong_thread_is_refused_and_told_with_the_place),
        BEHAVIOUR(a_loop_that_does_not_run_belongs_to_no_thread),
    };
    return cmocka_run_group_tests_name("debug_thread", tests, NULL, NULL);
}
