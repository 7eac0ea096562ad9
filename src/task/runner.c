/* SPDX-License-Identifier: MIT
 *
 * A whole program on a loop, from its start to its orderly end; and what SIGINT means to it.
 *
 * The signal handler may do next to nothing: it counts, and writes to an eventfd that the loop
 * watches. The watch cancels the main task. There is one main thread, so there is at most one
 * runner at a time that listens.
 */
#include <hoop/runner.h>

#include <errno.h>
#include <hoop/error.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_signal.h"
#include "task/scheduler.h"

struct hoop_runner {
    hoop_loop *loop;
    hoop_task *main;  /* borrowed, while it runs */
    hoop_watch watch; /* of the eventfd, while it listens for SIGINT */
    bool was_interrupted;
};

/* ---- SIGINT ---- */

static atomic_int interrupt_fd = -1; /* of the runner that listens */
static atomic_bool interrupted;      /* since it began to */
static atomic_uint handlers;         /* that run just now, perhaps in other threads */

/* The second signal finds the default action, and ends the process. */
static void on_interrupt(int signal)
{
    int saved_errno = errno;
    atomic_fetch_add(&handlers, 1);
    if (!atomic_exchange(&interrupted, true))
        sys_eventfd_signal(atomic_load(&interrupt_fd));
    else
        sys_signal_die(signal);
    atomic_fetch_sub(&handlers, 1);
    errno = saved_errno;
}

static void cancel_main(hoop_watch *watch, unsigned events)
{
    hoop_runner *runner = CONTAINER_OF(watch, hoop_runner, watch);
    (void)events;
    if (!atomic_load(&interrupted) || runner->was_interrupted)
        return; /* writable: an eventfd is that from the start */
    runner->was_interrupted = hoop_task_cancel(runner->main); /* false: it is through */
}

/* Best effort: without it SIGINT does what it does elsewhere. */
static void start_listening(hoop_runner *runner)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_ONSTACK}, current;
    hoop_watch_init(&runner->watch, cancel_main);
    if (!sys_is_main_thread() || sys_signal_action(SIGINT, NULL, &current) < 0 ||
        (current.sa_flags & SA_SIGINFO) != 0 || current.sa_handler != SIG_DFL)
        return;
    int fd = sys_eventfd();
    if (fd < 0)
        return;
    atomic_store(&interrupted, false);
    atomic_store(&interrupt_fd, fd);
    if (hoop_watch_start(runner->loop, &runner->watch, fd) == 0 &&
        sys_signal_action(SIGINT, &action, NULL) == 0)
        return;
    hoop_watch_stop(runner->loop, &runner->watch);
    sys_close(fd);
    atomic_store(&interrupt_fd, -1);
}

static void stop_listening(hoop_runner *runner)
{
    int fd = runner->watch.fd;
    if (fd < 0)
        return;
    hoop_watch_stop(runner->loop, &runner->watch);
    sys_signal_reset(SIGINT); /* before the descriptor goes, to which the handler writes */
    while (atomic_load(&handlers) > 0)
        sys_yield();
    atomic_store(&interrupt_fd, -1);
    sys_close(fd);
    if (atomic_load(&interrupted) && !runner->was_interrupted)
        sys_signal_die(SIGINT); /* it came too late for us: it is as if nobody had listened */
}

/* ---- running ---- */

static hoop_runner *runner_new(const hoop_loop_options *options, const char *function)
{
    if (running_loop != NULL)
        return failed(misuse(running_loop->debug, HOOP_ERUNNING, function));
    hoop_runner *runner = alloc_zeroed(sizeof *runner);
    if (runner == NULL)
        return failed(-ENOMEM);
    runner->loop = hoop_new_event_loop_with(options);
    if (runner->loop == NULL) {
        alloc_free(runner);
        return NULL;
    }
    return runner;
}

hoop_runner *hoop_runner_new(const hoop_loop_options *options)
{
    return runner_new(options, __func__);
}

hoop_loop *hoop_runner_loop(hoop_runner *runner)
{
    return runner->loop;
}

int64_t hoop_runner_run(hoop_runner *runner, hoop_coroutine_fn fn, void *arg)
{
    int rc = loop_check_run(runner->loop, __func__);
    if (rc < 0)
        return rc;
    hoop_task *task = task_create(runner->loop, fn, arg, 0, "main", __func__);
    if (task == NULL)
        return hoop_last_error();
    runner->main = task;
    runner->was_interrupted = false;
    start_listening(runner);
    int64_t result = hoop_run_until_done(runner->loop, &task->future);
    stop_listening(runner);
    runner->main = NULL;
    hoop_task_detach(task);
    return runner->was_interrupted && result == -ECANCELED ? -EINTR : result;
}

/* ---- the end ---- */

/* The oldest unfinished task that is not newer than LAST_ID and is not the running one. */
static hoop_task *first_other(struct scheduler *scheduler, uint64_t last_id)
{
    hoop_task *task = task_after(scheduler, &scheduler->tasks);
    if (task == scheduler->current)
        task = task_after(scheduler, &task->future.link);
    return task != NULL && task->id <= last_id ? task : NULL;
}

/* Cancels all tasks but this one, and waits until they have ended. */
static void cancel_others(struct scheduler *scheduler)
{
    uint64_t last_id = scheduler->current->id;
    hoop_task *task;
    tasks_cancel_all(scheduler, scheduler->current);
    while ((task = first_other(scheduler, last_id)) != NULL) {
        hoop_task_ref(task);
        int rc = future_park(&task->future, &future_wait_shielding);
        hoop_task_unref(task); /* its outcome was not looked at: an error is reported */
        if (rc < 0)
            return;
    }
}

static int64_t finish(void *arg)
{
    hoop_loop *loop = arg;
    cancel_others(scheduler_running());
    for (hoop_link *link = loop->locals.next; link != &loop->locals; link = link->next) {
        hoop_local *local = CONTAINER_OF(link, hoop_local, link);
        if (local->shutdown != NULL)
            local->shutdown(local);
    }
    return 0;
}

/* A task may stop the loop in its clean-up; the others are to have theirs all the same. */
static void run_finish(hoop_loop *loop)
{
    hoop_task *task = task_create(loop, finish, loop, 0, "runner's end", __func__);
    if (task == NULL)
        return;
    int64_t rc;
    do
        rc = hoop_run_until_done(loop, &task->future);
    while (rc == HOOP_ESTOPPED);
    hoop_task_detach(task);
}

void hoop_runner_close(hoop_runner *runner)
{
    if (runner == NULL)
        return;
    hoop_loop *loop = runner->loop;
    if (loop->running) {
        (void)misuse(loop->debug, HOOP_ERUNNING, __func__);
        return;
    }
    const struct scheduler *scheduler = scheduler_if_any(loop);
    if ((scheduler != NULL && scheduler->task_count > 0) || !list_is_empty(&loop->locals))
        run_finish(loop);
    hoop_close(loop);
    alloc_free(runner);
}

int64_t hoop_run(hoop_coroutine_fn fn, void *arg)
{
    hoop_runner *runner = runner_new(NULL, __func__);
    if (runner == NULL)
        return hoop_last_error();
    int64_t result = hoop_runner_run(runner, fn, arg);
    hoop_runner_close(runner);
    return result;
}
