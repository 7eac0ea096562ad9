/* SPDX-License-Identifier: MIT
 *
 * A whole program on a loop, from its start to its orderly end; and what SIGINT means to it.
 *
 * To SIGINT it listens as the default that gives way to whoever else listens (loop/signal.h), and
 * cancels the main task.
 */
#include <hoop/runner.h>

#include <errno.h>
#include <hoop/error.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_signal.h"
#include "loop/signal.h"
#include "task/scheduler.h"

struct hoop_runner {
    hoop_loop *loop;
    hoop_task *main; /* borrowed, while it runs */
    struct signal_listener listener;
    bool is_listening;
    bool was_told;        /* of a SIGINT, in this run */
    bool was_interrupted; /* and has cancelled the main task */
};

/* ---- SIGINT ---- */

static void cancel_main(struct signal_listener *listener, signal_set which)
{
    hoop_runner *runner = CONTAINER_OF(listener, hoop_runner, listener);
    (void)which;
    runner->was_told = true;
    runner->was_interrupted = runner->main != NULL && hoop_task_cancel(runner->main);
}

/* Only in the main thread, and if the program has left SIGINT at its default. Best effort: without
 * it SIGINT does what it does elsewhere. */
static void start_listening(hoop_runner *runner)
{
    runner->was_told = false;
    runner->was_interrupted = false;
    runner->listener = (struct signal_listener){
        .signals = signal_set_of(SIGINT), .is_default = true, .notify = cancel_main};
    runner->is_listening =
        sys_is_main_thread() && signal_listen(runner->loop, &runner->listener) == 0;
}

static void stop_listening(hoop_runner *runner)
{
    if (!runner->is_listening)
        return;
    signal_unlisten(runner->loop, &runner->listener);
    runner->is_listening = false;
    if (runner->was_told && !runner->was_interrupted)
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
    start_listening(runner);
    int64_t result = hoop_run_until_done(runner->loop, &task->future);
    runner->main = NULL;
    stop_listening(runner);
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
