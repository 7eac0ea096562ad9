/* SPDX-License-Identifier: MIT
 *
 * The watchdog: who is stuck is told while it is stuck, with the place, and who is not is not.
 * Time is real here. Whoever is stuck stays so until the report is there, and whoever must not
 * be reported is far below a limit that is long, so a busy machine makes these tests slower,
 * not wrong.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "reports.h"
#include "stderr_capture.h"

#define LIMIT 0.05     /* for who gets stuck */
#define LONG_LIMIT 0.3 /* for who does not */
#define PATIENCE 25    /* before a test gives up */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void rest(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0)
        ;
}

static hoop_loop *watched_loop(double seconds)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = seconds});
    assert_non_null(loop);
    return loop;
}

static struct stderr_capture capture;

static size_t count_in(const char *text, const char *phrase)
{
    size_t count = 0;
    for (const char *found = text; (found = strstr(found, phrase)) != NULL; found++)
        count++;
    return count;
}

static void assert_said(const char *phrase)
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

static bool is_over(const struct stuck *stuck)
{
    return hoop_watchdog_reports(stuck->loop) >= stuck->count;
}

/* Without a single call of the system, nearly all the time. */
static __attribute__((noinline)) void spin_in_here(struct stuck *stuck)
{
    volatile unsigned turns = 0;
    do {
        while (++turns % 4000000 != 0)
            ;
    } while (!is_over(stuck) && now() < stuck->until);
}

static __attribute__((noinline)) void sleep_in_here(struct stuck *stuck)
{
    while (!is_over(stuck) && now() < stuck->until)
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); /* the signal ends it */
}

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

static void be_stuck(void *arg)
{
    struct stuck *stuck = arg;
    stuck->until = now() + PATIENCE;
    stuck->block(stuck);
    assert_true(is_over(stuck));
}

static int64_t be_stuck_in_a_task(void *arg)
{
    be_stuck(arg);
    return 0;
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

static int64_t do_nothing(void *arg)
{
    (void)arg;
    return 0;
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

static int64_t one_step(void *arg)
{
    (void)arg;
    rest(0.05);
    return hoop_sleep(0);
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

/* ---- start and stop ---- */

static int64_t start_here_and_get_stuck(void *arg)
{
    struct stuck *stuck = arg;
    stuck->loop = hoop_running_loop();
    assert_int_equal(hoop_watchdog_start(stuck->loop, LIMIT), 0);
    be_stuck(stuck);
    return 0;
}

static void it_can_be_started_by_what_runs(void **state)
{
    (void)state;
    struct stuck stuck = {.count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    int64_t rc = hoop_run(start_here_and_get_stuck, &stuck);
    stderr_capture_end(&capture);
    assert_int_equal(rc, 0);
    assert_said("in task 'main' #1, at:\n");
}

static void started_again_another_time_counts_from_now_on(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(3600);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    rest(0.05); /* it has begun to wait for that long */
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, start_here_and_get_stuck, &stuck), 0);
    assert_int_equal(hoop_watchdog_reports(loop), 1); /* as ever: it was not stopped */
    assert_int_equal(hoop_watchdog_start(loop, 3600), 0);
    assert_int_equal(hoop_run_until_complete(loop, one_step, NULL), 0);
    assert_int_equal(hoop_watchdog_reports(loop), 1);
    hoop_close(loop);
    stderr_capture_end(&capture);
}

static void once_stopped_it_reports_nothing(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    hoop_watchdog_stop(loop);
    hoop_watchdog_stop(loop); /* nothing to stop */
    stderr_capture_end(&capture);
    assert_int_equal(hoop_watchdog_reports(loop), 0);
    stderr_capture_begin(&capture);
    rest(0.01);
    assert_int_equal(hoop_run_until_complete(loop, one_step, NULL), 0);
    assert_string_equal(stderr_capture_end(&capture), "");
    hoop_close(loop);
}

static int64_t stop_and_start(void *arg)
{
    struct stuck *stuck = arg;
    be_stuck(stuck);
    hoop_watchdog_stop(stuck->loop);
    assert_int_equal(hoop_watchdog_reports(stuck->loop), 0);
    return start_here_and_get_stuck(stuck);
}

static void it_can_be_stopped_and_started_by_what_runs(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = spin_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, stop_and_start, &stuck), 0);
    assert_int_equal(hoop_watchdog_reports(loop), 1);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_int_equal(count_in(capture.text, "hoop: the loop is stuck for "), 2);
}

static void stopping_does_not_wait_for_long(void **state)
{
    (void)state;
    stderr_capture_begin(&capture);
    for (int i = 0; i < 20; i++) {
        hoop_loop *loop = watched_loop(0.01);
        assert_int_equal(hoop_run_until_complete(loop, do_nothing, NULL), 0);
        rest(0.002 * (i % 10));
        double start = now();
        hoop_close(loop);
        assert_true(now() - start < 5);
    }
    stderr_capture_end(&capture);
    assert_string_equal(capture.text, "");
}

/* ---- the environment ---- */

static const char *text_with_environment(const char *value, uint64_t *ret_reports)
{
    setenv("HOOP_WATCHDOG", value, 1);
    stderr_capture_begin(&capture);
    hoop_loop *loop = hoop_new_event_loop();
    unsetenv("HOOP_WATCHDOG");
    assert_non_null(loop);
    struct stuck stuck = {.loop = loop, .count = ret_reports != NULL, .block = sleep_in_here};
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    if (ret_reports != NULL)
        *ret_reports = hoop_watchdog_reports(loop);
    hoop_close(loop);
    return stderr_capture_end(&capture);
}

static void the_environment_starts_it_for_every_loop(void **state)
{
    (void)state;
    uint64_t reports = 0;
    (void)text_with_environment("0.05", &reports);
    assert_int_equal(reports, 1);
    assert_said("in task 'main' #1, at:\n");
    assert_string_equal(text_with_environment("", NULL), "");
}

static void garbage_in_the_environment_is_told_and_harmless(void **state)
{
    (void)state;
    static const char *const garbage[] = {"soon", "1s", "0", "-1", "nan", "inf", "0.0001", " "};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        char expected[96];
        snprintf(expected, sizeof expected,
                 "hoop: HOOP_WATCHDOG=%s is not a number of seconds >= 0.001\n", garbage[i]);
        assert_string_equal(text_with_environment(garbage[i], NULL), expected);
    }
}

static void the_options_come_before_the_environment(void **state)
{
    (void)state;
    setenv("HOOP_WATCHDOG", "garbage", 1);
    stderr_capture_begin(&capture);
    hoop_loop *loop = watched_loop(LIMIT);
    unsetenv("HOOP_WATCHDOG");
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_null(strstr(capture.text, "HOOP_WATCHDOG"));
}

/* ---- the program's own SIGURG: in a child, as handlers are the process's ---- */

static volatile sig_atomic_t own_calls;

static void own_handler(int number)
{
    own_calls += number == SIGURG;
}

static void own_long_handler(int number, siginfo_t *info, void *context)
{
    own_calls += number == SIGURG && info->si_pid == getpid() && context != NULL;
}

static void block_and_raise(struct stuck *stuck)
{
    raise(SIGURG);
    sleep_in_here(stuck);
    raise(SIGURG);
}

/* The handler is called for its own two signals, and not for the watchdog's. */
static void run_with_own_handler(void *arg)
{
    sigaction(SIGURG, arg, NULL);
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = LIMIT});
    struct stuck stuck = {.loop = loop, .count = 1, .block = block_and_raise};
    (void)!hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck);
    hoop_close(loop);
    raise(SIGURG);
    fprintf(stderr, "%d calls\n", (int)own_calls);
}

static void assert_report_and_calls(struct child child, const char *calls)
{
    assert_true(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0);
    assert_non_null(strstr(child.text, " s in task 'main' #1, at:\n"));
    if (strstr(child.text, calls) == NULL)
        fail_msg("not %s in %s", calls, child.text);
}

static void the_programs_own_handler_hears_of_other_signals_only(void **state)
{
    (void)state;
    struct sigaction shorter = {.sa_handler = own_handler};
    struct sigaction longer = {.sa_sigaction = own_long_handler, .sa_flags = SA_SIGINFO};
    assert_report_and_calls(child_run(run_with_own_handler, &shorter), "\n3 calls\n");
    assert_report_and_calls(child_run(run_with_own_handler, &longer), "\n3 calls\n");
}

static void ignored_or_default_it_stays_harmless(void **state)
{
    (void)state;
    struct sigaction ignored = {.sa_handler = SIG_IGN}, unset = {.sa_handler = SIG_DFL};
    assert_report_and_calls(child_run(run_with_own_handler, &ignored), "\n0 calls\n");
    assert_report_and_calls(child_run(run_with_own_handler, &unset), "\n0 calls\n");
}

static int64_t block_the_signal_and_get_stuck(void *arg)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    be_stuck(arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}

static void a_thread_that_blocks_the_signal_is_reported_without_a_place(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, block_the_signal_and_get_stuck, &stuck), 0);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_said("its thread does not answer\n");
}

static int fork_and_run(void)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = LIMIT});
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    int64_t rc = hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck);
    hoop_close(loop);
    return (int)rc;
}

static void run_in_a_fork(void *arg)
{
    (void)arg;
    (void)!hoop_run(do_nothing, NULL); /* the parent's threads are known */
    pid_t pid = fork();
    if (pid == 0)
        _exit(fork_and_run());
    waitpid(pid, NULL, 0);
}

static void a_forked_child_can_watch_a_loop_of_its_own(void **state)
{
    (void)state;
    struct child child = child_run(run_in_a_fork, NULL);
    if (strstr(child.text, " s in task 'main' #1, at:\n") == NULL)
        fail_msg("\"%s\"", child.text);
}

/* ---- refusals and failure ---- */

static void bad_times_are_refused(void **state)
{
    (void)state;
    static const double bad[] = {-1, 0.0009, (double)NAN, (double)INFINITY};
    hoop_loop *loop = hoop_new_event_loop();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hoop_watchdog_start(loop, bad[i]), -EINVAL);
        assert_null(hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = bad[i]}));
        assert_int_equal(hoop_last_error(), -EINVAL);
    }
    assert_int_equal(hoop_watchdog_start(loop, 0), -EINVAL); /* as an option: none */
    assert_int_equal(hoop_watchdog_start(loop, 1e9), 0);
    assert_int_equal(hoop_watchdog_start(loop, -1), -EINVAL);
    hoop_close(loop);
}

static void a_closed_loop_is_refused_and_has_no_reports(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_loop_ref(watched_loop(1));
    hoop_close(loop);
    assert_int_equal(hoop_watchdog_start(loop, 1), HOOP_ECLOSED);
    hoop_watchdog_stop(loop);
    assert_int_equal(hoop_watchdog_reports(loop), 0);
    hoop_loop_unref(loop);
}

static int watch_a_run(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(arg);
    if (loop == NULL)
        return hoop_last_error();
    int rc = hoop_watchdog_start(loop, 2);
    int64_t result = hoop_run_until_complete(loop, do_nothing, NULL);
    hoop_close(loop);
    return rc < 0 ? rc : (int)result;
}

static void starting_copes_with_each_failure(void **state)
{
    (void)state;
    hoop_loop_options options[] = {{.watchdog = 0}, {.watchdog = 1}};
    for (int i = 0; i < 2; i++) {
        fail_each(HOOP_FAIL_ALLOCATION, watch_a_run, &options[i]);
        fail_each(HOOP_FAIL_SYSCALL, watch_a_run, &options[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while no watchdog was there: their children begin with no handler, and know. */
        BEHAVIOUR(the_programs_own_handler_hears_of_other_signals_only),
        BEHAVIOUR(ignored_or_default_it_stays_harmless),
        BEHAVIOUR(a_forked_child_can_watch_a_loop_of_its_own),
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
        BEHAVIOUR(it_can_be_started_by_what_runs),
        BEHAVIOUR(started_again_another_time_counts_from_now_on),
        BEHAVIOUR(once_stopped_it_reports_nothing),
        BEHAVIOUR(it_can_be_stopped_and_started_by_what_runs),
        BEHAVIOUR(stopping_does_not_wait_for_long),
        BEHAVIOUR(the_environment_starts_it_for_every_loop),
        BEHAVIOUR(garbage_in_the_environment_is_told_and_harmless),
        BEHAVIOUR(the_options_come_before_the_environment),
        BEHAVIOUR(a_thread_that_blocks_the_signal_is_reported_without_a_place),
        BEHAVIOUR(bad_times_are_refused),
        BEHAVIOUR(a_closed_loop_is_refused_and_has_no_reports),
        BEHAVIOUR(starting_copes_with_each_failure),
    };
    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
