/* SPDX-License-Identifier: MIT
 *
 * Making, closing and asking about a loop; everything but running it.
 */
#include <errno.h>
#include <stdlib.h>

#include <hoop/watchdog.h>

#include "base/alloc.h"
#include "base/backtrace.h"
#include "base/clock.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "loop/signal.h"

static hoop_loop *fail_new(hoop_loop *loop, int code)
{
    alloc_free(loop);
    return failed(code);
}

static bool are_valid(const hoop_loop_options *options)
{
    bool is_known_clock =
        options->clock == HOOP_CLOCK_MONOTONIC || options->clock == HOOP_CLOCK_VIRTUAL;
    bool is_known_poller =
        options->poller >= HOOP_POLLER_DEFAULT && options->poller <= HOOP_POLLER_URING;
    bool is_time = options->watchdog == 0 || watchdog_accepts(options->watchdog);
    return is_known_clock && is_known_poller && is_time &&
           (options->stack_size == 0 || (options->stack_size >= HOOP_STACK_SIZE_MIN &&
                                         options->stack_size <= HOOP_STACK_SIZE_MAX));
}

static int start_watchdog(hoop_loop *loop)
{
    return loop->options.watchdog > 0 ? hoop_watchdog_start(loop, loop->options.watchdog)
                                      : watchdog_start_from_environment(loop);
}

hoop_loop *hoop_new_event_loop_with(const hoop_loop_options *options)
{
    const char *debug = getenv("HOOP_DEBUG");
    if (options != NULL && !are_valid(options))
        return fail_new(NULL, -EINVAL);
    hoop_loop *loop = alloc_zeroed(sizeof *loop);
    if (loop == NULL)
        return fail_new(NULL, -ENOMEM);
    if (options != NULL)
        loop->options = *options;
    if (loop->options.stack_size == 0)
        loop->options.stack_size = HOOP_STACK_SIZE_DEFAULT;
    loop->options.stack_size = sys_round_to_pages(loop->options.stack_size);
    list_init(&loop->queues[0]);
    list_init(&loop->queues[1]);
    list_init(&loop->locals);
    loop->ready = &loop->queues[0];
    loop->batch = &loop->queues[1];
    loop->debug = loop->options.debug || (debug != NULL && debug[0] != '\0');
    loop->look_interval = 1;
    loop->slow_callback_duration = 0.1;
    simulation_init(loop);
    atomic_init(&loop->waiting, true);
    atomic_init(&loop->references, 1);
    int rc = poller_open(&loop->poller, loop->options.poller, loop->debug);
    if (rc < 0)
        return fail_new(loop, rc);
    rc = wake_init(loop);
    if (rc < 0) {
        loop->poller.ops->close(&loop->poller);
        return fail_new(loop, rc);
    }
    loop->now = hoop_time_ns(loop);
    if (loop->debug)
        backtrace_prepare(); /* not on a task's small stack */
    rc = start_watchdog(loop);
    if (rc < 0) {
        hoop_close(loop);
        return failed(rc);
    }
    return loop;
}

hoop_loop *hoop_new_event_loop(void)
{
    return hoop_new_event_loop_with(NULL);
}

/* What is queued is dropped: the nodes belong to others, who may still remove them. */
static void drop_queue(hoop_link *queue)
{
    while (list_pop(queue) != NULL)
        ;
}

static void disarm_timers(hoop_loop *loop)
{
    while (!heap_is_empty(&loop->timers))
        heap_remove(&loop->timers, heap_first(&loop->timers));
    heap_done(&loop->timers);
}

int hoop_close(hoop_loop *loop)
{
    if (loop == NULL)
        return 0;
    if (loop->running || loop->closed)
        return misuse(loop->debug, loop->closed ? HOOP_ECLOSED : HOOP_ERUNNING, __func__);
    hoop_watchdog_stop(loop);
    loop->closed = true; /* first: what is called from here on cannot use it any more */
    drop_queue(loop->ready);
    drop_queue(loop->batch);
    disarm_timers(loop);
    wake_close(loop);
    wake_return_posts(loop);
    while (!list_is_empty(&loop->locals)) {
        hoop_local *local = CONTAINER_OF(list_pop(&loop->locals), hoop_local, link);
        local->close(local);
    }
    /* After these: some of them lie on the stacks that go now. */
    if (loop->extension != NULL)
        loop->extension->close(loop->extension);
    loop->extension = NULL;
    signals_done(loop);
    descriptors_done(loop);
    handle_pool_done(loop);
    wake_drop(loop);
    loop->poller.ops->close(&loop->poller);
    hoop_loop_unref(loop);
    return 0;
}

hoop_loop *hoop_loop_ref(hoop_loop *loop)
{
    atomic_fetch_add(&loop->references, 1);
    return loop;
}

void hoop_loop_unref(hoop_loop *loop)
{
    if (loop == NULL || atomic_fetch_sub(&loop->references, 1) > 1)
        return;
    assert(loop->closed);
    wake_done(loop); /* not before: a thread that holds a reference may be about to signal */
    alloc_free(loop);
}

void loop_extend(hoop_loop *loop, struct loop_extension *extension)
{
    assert(loop->extension == NULL && !loop->closed);
    loop->extension = extension;
    if (loop->running)
        extension->run_begins(extension);
}

/* ---- asking ---- */

int loop_check_closely(const hoop_loop *loop, const char *function)
{
    if (loop == NULL)
        return misuse(false, HOOP_ENOLOOP, function);
    if (loop->closed)
        return misuse(loop->debug, HOOP_ECLOSED, function);
    return loop_check_thread(loop, function);
}

int loop_check_thread_closely(const hoop_loop *loop, const char *function)
{
    if (loop->debug && loop->running && !pthread_equal(loop->thread, pthread_self()))
        return misuse(true, HOOP_ETHREAD, function);
    return 0;
}

bool hoop_is_running(const hoop_loop *loop)
{
    return loop->running;
}

bool hoop_is_closed(const hoop_loop *loop)
{
    return loop->closed;
}

hoop_loop *hoop_running_loop(void)
{
    return running_loop;
}

void hoop_set_debug(hoop_loop *loop, bool debug)
{
    loop->debug = debug;
    if (debug)
        backtrace_prepare();
}

bool hoop_get_debug(const hoop_loop *loop)
{
    return loop->debug;
}

void hoop_set_wait_hooks(hoop_loop *loop, void (*before)(void *arg), void (*after)(void *arg),
                         void *arg)
{
    loop->before_wait = before;
    loop->after_wait = after;
    loop->wait_arg = arg;
}

/* ---- what libraries keep ---- */

hoop_local *hoop_local_find(const hoop_loop *loop, const void *key)
{
    for (hoop_link *link = loop->locals.next; link != &loop->locals; link = link->next) {
        hoop_local *local = CONTAINER_OF(link, hoop_local, link);
        if (local->key == key)
            return local;
    }
    return NULL;
}

void hoop_local_add(hoop_loop *loop, hoop_local *local)
{
    assert(!loop->closed);
    list_append(loop->locals.next, &local->link); /* in front */
}
