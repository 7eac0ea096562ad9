/* SPDX-License-Identifier: MIT
 *
 * Calls on the thread's own stack: from tasks, eagerly started ones, callbacks, and outside of
 * loops; what is current there, and after it.
 */
#include "in_a_task.h"

#include <errno.h>
#include <hoop/context.h>
#include <hoop/embed.h>
#include <pthread.h>
#include <string.h>

/* Far more than a task has. */
enum { DEEP = 2 << 20 };

static const hoop_context_var colour = {.name = "colour", .default_value = "none"};

struct call {
    hoop_task *task; /* that was current inside */
    const char *colour;
    char *address; /* of a local there */
    unsigned sum;
    unsigned calls;
};

static __attribute__((noinline)) unsigned use_stack(size_t size)
{
    volatile unsigned char bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i += 64)
        bytes[i] = (unsigned char)(size + i);
    unsigned below = size > sizeof bytes ? use_stack(size - sizeof bytes) : 0;
    return below + bytes[0] + bytes[64];
}

static void look_around(void *arg)
{
    struct call *call = arg;
    char local;
    call->task = hoop_current_task();
    call->colour = hoop_context_get(&colour);
    call->address = &local;
    call->sum = use_stack(DEEP);
    call->calls++;
}

static void assert_was_called(const struct call *call)
{
    assert_int_equal(call->calls, 1);
    assert_int_equal(call->sum, use_stack(DEEP));
}

static size_t distance(const char *one, const char *other)
{
    return one > other ? (size_t)(one - other) : (size_t)(other - one);
}

/* ---- from where ---- */

static void outside_of_loops_it_is_a_plain_call(void **state)
{
    (void)state;
    struct call call = {0};
    hoop_call_on_thread_stack(look_around, &call);
    assert_was_called(&call);
    assert_null(call.task);
}

static void *call_in_thread(void *arg)
{
    hoop_call_on_thread_stack(look_around, arg);
    return NULL;
}

static void another_thread_has_a_stack_of_its_own(void **state)
{
    (void)state;
    struct call call = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_in_thread, &call), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(call.calls, 1);
}

IN_A_TASK(a_task_has_the_threads_deep_stack_for_a_call)
{
    struct call call = {0};
    char local;
    hoop_call_on_thread_stack(look_around, &call);
    assert_int_equal(call.calls, 1);
    assert_true(call.sum > 0);
    assert_true(distance(&local, call.address) > HOOP_STACK_SIZE_DEFAULT);
}

static void call_and_stop(void *arg)
{
    hoop_call_on_thread_stack(look_around, arg);
    hoop_stop(hoop_running_loop());
}

static void a_callback_is_there_already(void **state)
{
    (void)state;
    struct call call = {0};
    hoop_loop *loop = virtual_loop();
    hoop_call_soon(loop, call_and_stop, &call);
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_was_called(&call);
    assert_null(call.task);
    assert_int_equal(hoop_close(loop), 0);
}

static int64_t call_twice_around_a_sleep(void *arg)
{
    struct call *calls = arg;
    hoop_task *self = hoop_current_task();
    hoop_call_on_thread_stack(look_around, &calls[0]);
    assert_ptr_equal(hoop_current_task(), self);
    assert_int_equal(hoop_sleep(1), 0);
    hoop_call_on_thread_stack(look_around, &calls[1]);
    assert_ptr_equal(hoop_current_task(), self);
    return 7;
}

static hoop_task *start_eagerly(hoop_coroutine_fn fn, void *arg)
{
    hoop_task *task = hoop_create_task_with(fn, arg, &(hoop_task_options){.eager = true});
    assert_non_null(task);
    return task;
}

IN_A_TASK(an_eagerly_started_task_may_call_before_its_first_wait_and_after)
{
    struct call calls[2] = {0};
    hoop_task *self = hoop_current_task();
    hoop_task *task = start_eagerly(call_twice_around_a_sleep, calls);
    assert_ptr_equal(hoop_current_task(), self);
    assert_int_equal(calls[0].calls, 1);
    assert_int_equal(calls[1].calls, 0);
    assert_int_equal(hoop_await(task), 7);
    assert_int_equal(calls[1].calls, 1);
}

/* One starts another eagerly, and so on; each calls from its depth. */
struct nest {
    struct call calls[2];
    struct nest *inner; /* NULL: the innermost */
};

static int64_t call_and_start_inner(void *arg)
{
    struct nest *nest = arg;
    hoop_task *self = hoop_current_task();
    hoop_call_on_thread_stack(look_around, &nest->calls[0]);
    assert_ptr_equal(hoop_current_task(), self);
    int64_t rc = 0;
    if (nest->inner != NULL) {
        hoop_task *inner = start_eagerly(call_and_start_inner, nest->inner);
        assert_ptr_equal(hoop_current_task(), self);
        hoop_call_on_thread_stack(look_around, &nest->calls[1]);
        rc = hoop_await(inner);
    } else {
        assert_int_equal(hoop_sleep(0), 0);
        hoop_call_on_thread_stack(look_around, &nest->calls[1]);
    }
    assert_ptr_equal(hoop_current_task(), self);
    return rc + 1;
}

enum { NESTED = 5 };

static void assert_all_called(const struct nest *nests)
{
    for (int i = 0; i < NESTED; i++)
        for (int j = 0; j < 2; j++)
            assert_int_equal(nests[i].calls[j].calls, 1);
}

IN_A_TASK(eagerly_started_ones_in_each_other_may_all_call)
{
    struct nest nests[NESTED] = {0};
    for (int i = 0; i + 1 < NESTED; i++)
        nests[i].inner = &nests[i + 1];
    assert_int_equal(call_and_start_inner(nests), NESTED);
    assert_all_called(nests);
}

static void start_eagerly_from_callback(void *arg)
{
    hoop_task_detach(start_eagerly(call_and_start_inner, arg));
    assert_null(hoop_current_task());
}

IN_A_TASK(one_that_a_callback_starts_eagerly_may_call)
{
    struct nest nests[NESTED] = {0};
    for (int i = 0; i + 1 < NESTED; i++)
        nests[i].inner = &nests[i + 1];
    hoop_call_soon(hoop_running_loop(), start_eagerly_from_callback, nests);
    let_others_wait();
    assert_all_called(nests);
}

/* ---- inside ---- */

static void await_inside(void *arg)
{
    int64_t *results = arg;
    assert_null(hoop_current_task());
    assert_non_null(hoop_running_loop());
    results[0] = hoop_sleep(0);
    results[1] = hoop_sleep(1);
    hoop_timeout timeout;
    results[2] = hoop_timeout_enter(&timeout, 1);
}

IN_A_TASK(it_cannot_await)
{
    int64_t results[3] = {0};
    hoop_call_on_thread_stack(await_inside, results);
    for (int i = 0; i < 3; i++)
        assert_int_equal(results[i], HOOP_ENOTASK);
    assert_int_equal(hoop_sleep(1), 0);
}

static void call_again(void *arg)
{
    hoop_call_on_thread_stack(look_around, arg);
}

IN_A_TASK(a_call_in_a_call_is_a_plain_one)
{
    struct call call = {0};
    hoop_call_on_thread_stack(call_again, &call);
    assert_int_equal(call.calls, 1);
}

struct work {
    hoop_task *task;
    hoop_task *caller;
    struct nest nests[NESTED];
    unsigned callbacks;
};

static void count_callback(void *arg)
{
    ((struct work *)arg)->callbacks++;
}

/* What a callback may do it may as well: tasks, eager ones that call again, callbacks. */
static void start_work(void *arg)
{
    struct work *work = arg;
    for (int i = 0; i + 1 < NESTED; i++)
        work->nests[i].inner = &work->nests[i + 1];
    work->task = start_eagerly(call_and_start_inner, work->nests);
    assert_null(hoop_current_task());
    hoop_call_soon(hoop_running_loop(), count_callback, work);
}

IN_A_TASK(it_may_start_tasks_and_callbacks)
{
    struct work work = {0};
    hoop_task *self = hoop_current_task();
    hoop_call_on_thread_stack(start_work, &work);
    assert_ptr_equal(hoop_current_task(), self);
    assert_int_equal(work.callbacks, 0);
    assert_int_equal(hoop_await(work.task), NESTED);
    assert_all_called(work.nests);
    assert_int_equal(work.callbacks, 1);
}

static void cancel_caller(void *arg)
{
    hoop_task_cancel(((struct work *)arg)->caller);
}

IN_A_TASK(it_may_cancel_its_caller)
{
    struct work work = {.caller = hoop_current_task()};
    hoop_call_on_thread_stack(cancel_caller, &work);
    assert_int_equal(hoop_sleep(1), -ECANCELED);
    hoop_task_uncancel(work.caller);
    assert_int_equal(hoop_sleep(1), 0);
}

/* ---- context variables ---- */

IN_A_TASK(the_callers_context_variables_are_its_own_again_afterwards)
{
    struct call call = {0};
    assert_int_equal(hoop_context_set(&colour, "red"), 0);
    hoop_call_on_thread_stack(look_around, &call);
    assert_int_equal(call.calls, 1);
    assert_string_equal(hoop_context_get(&colour), "red");
    let_one_iteration_pass();
    assert_string_equal(hoop_context_get(&colour), "red");
}

/* A library that is called so finds the variables that its caller has set. */
IN_A_TASK(the_callers_context_variables_are_seen)
{
    struct call call = {0};
    assert_int_equal(hoop_context_set(&colour, "red"), 0);
    hoop_call_on_thread_stack(look_around, &call);
    assert_string_equal(call.colour, "red");
}

/* ---- how often ---- */

static int64_t call_often(void *arg)
{
    for (int i = 0; i < 100; i++) {
        struct call call = {0};
        hoop_call_on_thread_stack(look_around, &call);
        assert_int_equal(call.calls, 1);
        int rc = hoop_sleep(0);
        if (rc < 0)
            return rc;
        ++*(int *)arg;
    }
    return 0;
}

static void tasks_in_any_order_may_call(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        int count = 0;
        hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){
            .clock = HOOP_CLOCK_VIRTUAL, .seed = seed, .debug = seed % 2 == 1});
        assert_non_null(loop);
        for (int i = 0; i < 5; i++) {
            hoop_task_options options = {.loop = loop};
            hoop_task_detach(hoop_create_task_with(call_often, &count, &options));
        }
        assert_int_equal(hoop_run_until_complete(loop, call_often, &count), 0);
        while (count < 600)
            assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_int_equal(hoop_close(loop), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(outside_of_loops_it_is_a_plain_call),
        BEHAVIOUR(another_thread_has_a_stack_of_its_own),
        BEHAVIOUR(a_task_has_the_threads_deep_stack_for_a_call),
        BEHAVIOUR(a_callback_is_there_already),
        BEHAVIOUR(an_eagerly_started_task_may_call_before_its_first_wait_and_after),
        BEHAVIOUR(eagerly_started_ones_in_each_other_may_all_call),
        BEHAVIOUR(one_that_a_callback_starts_eagerly_may_call),
        BEHAVIOUR(it_cannot_await),
        BEHAVIOUR(a_call_in_a_call_is_a_plain_one),
        BEHAVIOUR(it_may_start_tasks_and_callbacks),
        BEHAVIOUR(it_may_cancel_its_caller),
        BEHAVIOUR(the_callers_context_variables_are_its_own_again_afterwards),
        BEHAVIOUR(tasks_in_any_order_may_call),
        BEHAVIOUR(the_callers_context_variables_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
