/* SPDX-License-Identifier: MIT
 *
 * A closed loop whose memory is held by a reference: every function still answers, and
 * the ones that would do something say HOOP_ECLOSED.
 */
#include "harness.h"

#include <errno.h>
#include <hoop/embed.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static int ran;

static void never(void *arg)
{
    (void)arg;
    ran++;
}

static void never_ready(hoop_ready *ready)
{
    (void)ready;
    ran++;
}

static void never_timer(hoop_timer *timer)
{
    (void)timer;
    ran++;
}

static int64_t never_a_coroutine(void *arg)
{
    (void)arg;
    ran++;
    return 0;
}

static hoop_loop *closed_loop(void)
{
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    assert_int_equal(hoop_close(loop), 0);
    ran = 0;
    return loop;
}

static void nothing_can_be_scheduled_on_a_closed_loop(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    hoop_loop *loop = closed_loop();
    assert_int_equal(hoop_call_soon(loop, never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_call_later(loop, 1, never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_call_at(loop, 1, never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_call_soon_threadsafe(loop, never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_stop_threadsafe(loop), HOOP_ECLOSED);
    assert_int_equal(hoop_add_reader(loop, ends[0], never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_add_writer(loop, ends[0], never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_remove_reader(loop, ends[0]), HOOP_ECLOSED);
    assert_int_equal(hoop_remove_writer(loop, ends[0]), HOOP_ECLOSED);
    hoop_loop_unref(loop);
    assert_int_equal(ran, 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_closed_loop_cannot_run(void **state)
{
    (void)state;
    hoop_loop *loop = closed_loop();
    assert_int_equal(hoop_run_forever(loop), HOOP_ECLOSED);
    assert_int_equal(hoop_run_once(loop, 0), HOOP_ECLOSED);
    assert_int_equal(hoop_run_until_complete(loop, never_a_coroutine, NULL), HOOP_ECLOSED);
    assert_null(hoop_future_new(loop));
    assert_int_equal(hoop_last_error(), HOOP_ECLOSED);
    hoop_stop(loop);
    assert_false(hoop_is_running(loop));
    assert_true(hoop_is_closed(loop));
    hoop_loop_unref(loop);
    assert_int_equal(ran, 0);
}

static void a_closed_loop_can_be_asked(void **state)
{
    (void)state;
    hoop_info before, info;
    hoop_task *task;
    double when;
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    hoop_loop_info(loop, &before);
    hoop_handle handle = hoop_call_later(loop, 5, never, NULL);
    assert_int_equal(hoop_close(loop), 0);
    assert_false(hoop_handle_is_pending(loop, handle));
    assert_int_equal(hoop_handle_cancel(loop, handle), 0);
    assert_int_equal(hoop_handle_when(loop, handle, &when), -ENOENT);
    hoop_loop_info(loop, &info);
    assert_string_equal(info.poller, before.poller);
    assert_int_equal(info.timers, 0);
    assert_int_equal(info.tasks, 0);
    assert_int_equal(hoop_all_tasks(loop, &task, 1), 0);
    assert_true(hoop_time(loop) == 0);
    assert_false(hoop_get_debug(loop));
    hoop_set_exception_handler(loop, NULL, NULL);
    hoop_set_wait_hooks(loop, NULL, NULL, NULL);
    hoop_loop_unref(loop);
}

/* Its number is free for anybody by now. */
static void a_closed_loop_has_no_descriptor(void **state)
{
    (void)state;
    hoop_loop *loop = closed_loop();
    assert_int_equal(hoop_loop_fd(loop), HOOP_ECLOSED);
    hoop_loop_unref(loop);
}

static void a_second_close_leaves_the_holders_reference_alone(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_loop_ref(hoop_loop_ref(virtual_loop()));
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(hoop_close(loop), HOOP_ECLOSED);
    assert_int_equal(hoop_close(loop), HOOP_ECLOSED);
    hoop_loop_unref(loop);
    assert_true(hoop_is_closed(loop)); /* the second reference holds it */
    hoop_loop_unref(loop);
}

static void embedders_are_refused_too(void **state)
{
    (void)state;
    hoop_timer timer;
    hoop_ready ready;
    hoop_loop *loop = closed_loop();
    hoop_timer_init(&timer, never_timer);
    assert_int_equal(hoop_timer_start(loop, &timer, 5), HOOP_ECLOSED);
    assert_int_equal(timer.position, 0);
    hoop_timer_stop(loop, &timer);
    hoop_ready_init(&ready, never_ready);
    hoop_ready_push(loop, &ready);
    hoop_ready_remove(&ready);
    hoop_loop_unref(loop);
    assert_int_equal(ran, 0);
}

/* ---- coming back to the loop while it closes ---- */

struct closing {
    hoop_loop *loop;
    hoop_handle handle;
    int fd;
    int released;
};

static void come_back(void *value)
{
    struct closing *closing = value;
    closing->released++;
    assert_true(hoop_is_closed(closing->loop));
    assert_int_equal(hoop_close(closing->loop), HOOP_ECLOSED);
    assert_int_equal(hoop_call_soon(closing->loop, never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_call_soon_threadsafe(closing->loop, never, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_handle_cancel(closing->loop, closing->handle), 0);
    assert_int_equal(hoop_remove_reader(closing->loop, closing->fd), HOOP_ECLOSED);
}

static const hoop_context_var tags[3] = {
    {.name = "callback", .release = come_back},
    {.name = "reader", .release = come_back},
    {.name = "post", .release = come_back},
};

static void schedule_callback(void *arg)
{
    struct closing *closing = arg;
    assert_int_equal(hoop_context_set(&tags[0], closing), 0);
    closing->handle = hoop_call_later(closing->loop, 1, never, NULL);
}

static void schedule_reader(void *arg)
{
    struct closing *closing = arg;
    assert_int_equal(hoop_context_set(&tags[1], closing), 0);
    assert_int_equal(hoop_add_reader(closing->loop, closing->fd, never, NULL), 0);
}

static void schedule_post(void *arg)
{
    struct closing *closing = arg;
    assert_int_equal(hoop_context_set(&tags[2], closing), 0);
    assert_int_equal(hoop_call_soon_threadsafe(closing->loop, never, NULL), 0);
}

static void what_a_close_releases_may_come_back_to_the_loop(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct closing closing = {.loop = virtual_loop(), .fd = ends[0]};
    hoop_context *outer = hoop_context_copy();
    hoop_context_run(outer, schedule_callback, &closing);
    hoop_context_run(outer, schedule_reader, &closing);
    hoop_context_run(outer, schedule_post, &closing);
    hoop_context_unref(outer);
    assert_int_equal(hoop_close(closing.loop), 0);
    assert_int_equal(closing.released, 3);
    close(ends[0]);
    close(ends[1]);
}

/* ---- references from other threads ---- */

static void *ref_and_unref(void *loop)
{
    for (int i = 0; i < 10000; i++)
        hoop_loop_unref(hoop_loop_ref(loop));
    hoop_loop_unref(loop);
    return NULL;
}

static void any_thread_may_drop_the_last_reference(void **state)
{
    (void)state;
    pthread_t threads[3];
    hoop_loop *loop = virtual_loop();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, hoop_loop_ref(loop)), 0);
    assert_int_equal(hoop_close(loop), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(nothing_can_be_scheduled_on_a_closed_loop),
        BEHAVIOUR(a_closed_loop_cannot_run),
        BEHAVIOUR(a_closed_loop_can_be_asked),
        BEHAVIOUR(a_closed_loop_has_no_descriptor),
        BEHAVIOUR(a_second_close_leaves_the_holders_reference_alone),
        BEHAVIOUR(embedders_are_refused_too),
        BEHAVIOUR(what_a_close_releases_may_come_back_to_the_loop),
        BEHAVIOUR(any_thread_may_drop_the_last_reference),
    };
    return cmocka_run_group_tests_name("loop_closed", tests, NULL, NULL);
}
