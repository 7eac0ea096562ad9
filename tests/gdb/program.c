/* SPDX-License-Identifier: MIT
 *
 * What test_gdb.py looks at: tasks in each state that a task can have, and three places to
 * stop in: stop_in_task, stop_in_callback, stop_without_loop. Each task sits below named
 * functions, so that a backtrace can be compared. Public headers only.
 */
#include <errno.h>
#include <hoop.h>
#include <stdlib.h>

#ifdef __clang__
#define NAMED __attribute__((noinline))
#else
#define NAMED __attribute__((noinline, noclone))
#endif

/* The call before is not the last thing its function does: it keeps its frame. */
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

static hoop_future *answer;
static hoop_task *patient;

NAMED void stop_in_task(void);
NAMED void stop_in_callback(void);
NAMED void stop_without_loop(hoop_loop *loop);

void stop_in_task(void)
{
    KEEP_FRAME();
}

void stop_in_callback(void)
{
    KEEP_FRAME();
}

void stop_without_loop(hoop_loop *loop)
{
    __asm__ volatile("" ::"r"(loop) : "memory");
}

/* ---- the tasks ---- */

static NAMED int64_t nap(double seconds)
{
    int64_t rc = hoop_sleep(seconds);
    KEEP_FRAME();
    return rc;
}

static NAMED int64_t snore(int depth)
{
    int64_t rc = depth > 0 ? snore(depth - 1) : nap(1000);
    KEEP_FRAME();
    return rc;
}

static NAMED int64_t sleeper(void *arg)
{
    (void)arg;
    int64_t rc = snore(2);
    KEEP_FRAME();
    return rc;
}

static NAMED int64_t ask(hoop_future *future)
{
    int64_t rc = hoop_future_await(future);
    KEEP_FRAME();
    return rc;
}

static NAMED int64_t asker(void *arg)
{
    (void)arg;
    int64_t rc = ask(answer);
    KEEP_FRAME();
    return rc;
}

static NAMED int64_t parent(void *arg)
{
    (void)arg;
    int64_t rc = hoop_await(hoop_create_task(sleeper, NULL));
    KEEP_FRAME();
    return rc;
}

static NAMED int64_t yielder(void *arg)
{
    (void)arg;
    for (;;)
        if (nap(0) < 0)
            return -ECANCELED;
}

static NAMED int64_t newcomer(void *arg)
{
    (void)arg;
    return 0;
}

static NAMED int64_t eager_child(void *arg)
{
    (void)arg;
    stop_in_task();
    KEEP_FRAME();
    return nap(1000);
}

static void on_call(void *arg)
{
    (void)arg;
    stop_in_callback();
    KEEP_FRAME();
}

static void on_end(void *loop)
{
    hoop_stop(loop);
}

static void start(hoop_coroutine_fn fn, const char *name)
{
    hoop_task_options options = {.name = name};
    hoop_task_detach(hoop_create_task_with(fn, NULL, &options));
}

static NAMED int64_t all_tasks(void *arg)
{
    answer = hoop_future_new(NULL);
    start(sleeper, "a long sleep");           /* #2 */
    start(asker, "asker");                    /* #3 */
    start(parent, "parent");                  /* #4, with #7 */
    start(yielder, "yielder");                /* #5 */
    patient = hoop_create_task(parent, NULL); /* #6, with #8 */
    nap(0.01);
    hoop_task_cancel(patient);
    hoop_task_detach(patient);
    start(newcomer, "newcomer"); /* #9 */
    hoop_task_options eager = {.name = "eager_child", .eager = true};
    hoop_task_detach(hoop_create_task_with(eager_child, NULL, &eager)); /* #10 */
    hoop_call_later(arg, 0.01, on_call, NULL);
    hoop_call_later(arg, 0.02, on_end, arg);
    return nap(1000);
}

static void report_nothing(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

int main(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    hoop_set_exception_handler(loop, report_nothing, NULL);
    (void)!hoop_run_until_complete(loop, all_tasks, loop);
    stop_without_loop(loop);
    hoop_close(loop);
    hoop_future_unref(answer);
    return 0;
}
