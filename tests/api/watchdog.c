/* SPDX-License-Identifier: MIT
 *
 * The watchdog: who is stuck is told while it is stuck, with the place, and who is not is not.
 * Whoever must not be reported is far below a limit that is long. Starting and stopping is in
 * watchdog_life.c, the signal in watchdog_signal.c.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "child.h"
#include "stuck.h"

#define LONG_LIMIT 0.3 /* for who does not get stuck */

/* ---- a third way to be stuck ---- */

static void *write_when_over(void *arg)
{
    struct stuck *stuck = arg;
    while (!is_over(stuck) && now() < stuck->until)
        rest(0.01);
    return write(stuck->pipe[1], "x", 1) == 1 ? stuck : NULL;
}

static __attribute__((noinline)) void read_in_here(struct stuck *stuck)
{
    char byte;
    pthread_t thread;
    assert_int_equal(pipe(stuck->pipe), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_when_over, stuck), 0);
    ssize_t length = read(stuck->pipe[0], &byte, 1); /* goes on after the signal */
    pthread_join(thread, NULL);
    close(stuck->pipe[0]);
    close(stuck->pipe[1]);
    assert_int_equal(length, 1);
}

static const struct {
    void (*block)(struct stuck *stuck);
    const char *place;
} ways[] = {
    {sleep_in_here, "  sleep_in_here+0x"},
    {spin_in_here, "  spin_in_here+0x"},
    {read_in_here, "  read_in_here+0x"},
};

/* ThreadSanitizer delivers the signal when the thread sleeps, and else when it is too late. */
enum { WAYS = UNDER_THREAD_SANITIZER ? 1 : sizeof ways / sizeof ways[0] };

/* A sanitizer puts frames of its own in between, and may not see beyond them. */
static bool knows_the_place(void)
{
    return !UNDER_SANITIZER;
}

/* ---- who is stuck ---- */

static void a_stuck_callback_is_reported_with_the_place_while_it_is_stuck(void **state)
{
    (void)state;
    for (int i = 0; i < WAYS; i++) {
        hoop_loop *loop = watched_loop(LIMIT);
        struct stuck stuck = {.loop = loop, .count = 1, .block = ways[i].block};
        assert_true(hoop_call_soon(loop, be_stuck, &stuck) > 0);
        stderr_capture_begin(&capture);
        assert_int_equal(hoop_run_once(loop, 0), 0);
        hoop_close(loop);
        stderr_capture_end(&capture);
        assert_said("hoop: the loop is stuck for ");
        assert_said(" s in a callback, at:\n");
        assert_said("  be_stuck+0x");
        if (knows_the_place())
            assert_said(ways[i].place);
    }
}

static void a_stuck_task_is_reported_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < WAYS; i++) {
        hoop_loop *loop = watched_loop(LIMIT);
        struct stuck stuck = {.loop = loop, .count = 1, .block = ways[i].block};
        hoop_task_options options = {.name = "report", .loop = loop};
        hoop_task_detach(hoop_create_task_with(be_stuck_in_a_task, &stuck, &options));
        stderr_capture_begin(&capture);
        assert_int_equal(hoop_run_once(loop, 0), 0);
        hoop_close(loop);
        stderr_capture_end(&capture);
        assert_said(" s in task 'report' #1, at:\n");
        assert_said("  be_stuck+0x");
        if (knows_the_place())
            assert_said(ways[i].place);
    }
}

static void the_report_begins_with_the_function_that_is_stuck(void **state)
{
    (void)state;
    if (!knows_the_place()) {
        print_message("a sanitizer's frames come first\n");
        skip();
    }
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = spin_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_said(", at:\n  spin_in_here+0x");
}

static void the_time_it_was_stuck_is_told(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(0.2);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    double start = now();
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    double took = now() - start, told = 0;
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_int_equal(sscanf(capture.text, "hoop: the loop is stuck for %lf s", &told), 1);
    assert_true(told >= 0.2 && told < took + 0.01);
}

/* Stays stuck for LIMIT a few times more. */
static void stay_stuck(struct stuck *stuck)
{
    sleep_in_here(stuck);
    rest(4 * LIMIT);
}

static int64_t get_stuck_three_times(void *arg)
{
    struct stuck *stuck = arg;
    for (stuck->count = 1; stuck->count <= 3; stuck->count++) {
        be_stuck(stuck);
        assert_int_equal(hoop_watchdog_reports(stuck->loop), stuck->count);
        if (hoop_sleep(3 * LIMIT) < 0) /* to be seen going on */
            return -ECANCELED;
    }
    return 0;
}

static void each_time_is_reported_once_and_so_is_its_end(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .block = stay_stuck};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, get_stuck_three_times, &stuck), 0);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_int_equal(count_in(capture.text, "hoop: the loop is stuck for "), 3);
    assert_int_equal(count_in(capture.text, "hoop: task 'main' #1 went on after "), 3);
}

static int64_t look_for_the_end(void *arg)
{
    struct stuck *stuck = arg;
    double start = now(), told = 0;
    be_stuck(stuck);
    double took = now() - start;
    while (strstr(stderr_capture_so_far(&capture), " went on after ") == NULL)
        if (now() > stuck->until || hoop_sleep(0.01) < 0)
            return -EIO;
    const char *end = strstr(capture.text, "hoop: task 'main' #1 went on after ");
    if (end == NULL || sscanf(end, "hoop: task 'main' #1 went on after %lf s\n", &told) != 1)
        return -EBADMSG;
    return told >= LIMIT && told < took + PATIENCE ? 0 : -ERANGE;
}

static void that_it_went_on_is_told_soon_afterwards(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = stay_stuck};
    stderr_capture_begin(&capture);
    int64_t rc = hoop_run_until_complete(loop, look_for_the_end, &stuck);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_int_equal(rc, 0);
}

/* ---- who is not ---- */

/* Runs FN on a loop that is watched, and expects no report. */
static void assert_not_reported(hoop_loop *loop, hoop_coroutine_fn fn)
{
    stderr_capture_begin(&capture);
    int64_t rc = hoop_run_until_complete(loop, fn, loop);
    uint64_t reports = hoop_watchdog_reports(loop);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_string_equal(capture.text, "");
    assert_int_equal(rc, 0);
    assert_int_equal(reports, 0);
}

static int64_t be_busy(void *arg)
{
    double until = now() + 3 * LONG_LIMIT;
    (void)arg;
    while (now() < until)
        if (hoop_sleep(0) < 0)
            return -ECANCELED;
    return 0;
}

static void call_again(void *loop)
{
    hoop_call_soon(loop, call_again, loop);
}

static int64_t be_busy_with_callbacks(void *loop)
{
    call_again(loop);
    return hoop_sleep(3 * LONG_LIMIT);
}

static void a_busy_loop_that_makes_progress_is_not_reported(void **state)
{
    (void)state;
    assert_not_reported(watched_loop(LONG_LIMIT), be_busy);
    assert_not_reported(watched_loop(LONG_LIMIT), be_busy_with_callbacks);
}

static int64_t wait_long(void *arg)
{
    (void)arg;
    return hoop_sleep(3 * LONG_LIMIT);
}

static int64_t work_long(void *arg)
{
    (void)arg;
    rest(3 * LONG_LIMIT);
    return 0;
}

static int64_t work_in_a_thread(void *arg)
{
    return hoop_to_thread(work_long, arg);
}

static void a_loop_that_waits_is_not_reported(void **state)
{
    (void)state;
    assert_not_reported(watched_loop(LONG_LIMIT), wait_long);
    assert_not_reported(watched_loop(LONG_LIMIT), work_in_a_thread);
}

static void a_loop_that_does_not_run_is_not_reported(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LONG_LIMIT);
    rest(3 * LONG_LIMIT);
    assert_int_equal(hoop_watchdog_reports(loop), 0);
    assert_int_equal(hoop_run_until_complete(loop, do_nothing, NULL), 0);
    rest(3 * LONG_LIMIT);
    assert_not_reported(loop, do_nothing);
}

static void time_does_not_add_up_over_runs(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LONG_LIMIT);
    for (int i = 0; i < 20; i++)
        assert_int_equal(hoop_run_until_complete(loop, one_step, NULL), 0);
    assert_not_reported(loop, one_step);
}

/* ---- several loops ---- */

enum { LOOPS = 3 };

struct watched_thread {
    pthread_t thread;
    struct stuck stuck;
    char name[16];
    int64_t result;
    uint64_t reports;
};

static void *run_in_thread(void *arg)
{
    struct watched_thread *self = arg;
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = LIMIT});
    hoop_task_options options = {.name = self->name, .loop = loop};
    self->stuck.loop = loop;
    hoop_task *task = hoop_create_task_with(be_stuck_in_a_task, &self->stuck, &options);
    self->result = hoop_run_until_done(loop, hoop_task_future(task));
    self->reports = hoop_watchdog_reports(loop);
    hoop_task_unref(task);
    hoop_close(loop);
    return NULL;
}

static void each_of_several_loops_has_its_own(void **state)
{
    (void)state;
    struct watched_thread threads[LOOPS] = {0};
    stderr_capture_begin(&capture);
    for (int i = 0; i < LOOPS; i++) {
        snprintf(threads[i].name, sizeof threads[i].name, "thread %d", i);
        threads[i].stuck.count = 1;
        threads[i].stuck.block = ways[i % WAYS].block;
        assert_int_equal(pthread_create(&threads[i].thread, NULL, run_in_thread, &threads[i]), 0);
    }
    for (int i = 0; i < LOOPS; i++)
        pthread_join(threads[i].thread, NULL);
    stderr_capture_end(&capture);
    for (int i = 0; i < LOOPS; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, " in task '%s' #1, at:\n", threads[i].name);
        assert_int_equal(count_in(capture.text, expected), 1);
        assert_int_equal(threads[i].result, 0);
        assert_int_equal(threads[i].reports, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_stuck_callback_is_reported_with_the_place_while_it_is_stuck),
        BEHAVIOUR(a_stuck_task_is_reported_by_name),
        BEHAVIOUR(the_report_begins_with_the_function_that_is_stuck),
        BEHAVIOUR(the_time_it_was_stuck_is_told),
        BEHAVIOUR(each_time_is_reported_once_and_so_is_its_end),
        BEHAVIOUR(that_it_went_on_is_told_soon_afterwards),
        BEHAVIOUR(a_busy_loop_that_makes_progress_is_not_reported),
        BEHAVIOUR(a_loop_that_waits_is_not_reported),
        BEHAVIOUR(a_loop_that_does_not_run_is_not_reported),
        BEHAVIOUR(time_does_not_add_up_over_runs),
        BEHAVIOUR(each_of_several_loops_has_its_own),
    };
    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
