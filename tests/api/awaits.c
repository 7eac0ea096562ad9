/* SPDX-License-Identifier: MIT
 *
 * hoop_task_awaits and hoop_future_task: what a task waits for, the walk from a task along
 * what that awaits, and back to those who await it.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "in_a_task.h"

static int64_t await(void *future)
{
    return hoop_future_await(future);
}

static int64_t shield(void *future)
{
    return hoop_future_shield(future);
}

static int64_t await_task(void *task)
{
    return hoop_await(task);
}

static int64_t sleep_ten(void *arg)
{
    (void)arg;
    return hoop_sleep(10);
}

/* ---- tasks and futures ---- */

IN_A_TASK(a_future_tells_whether_it_is_a_task)
{
    hoop_future *plain = hoop_future_new(NULL);
    hoop_task *self = hoop_current_task();
    assert_null(hoop_future_task(plain));
    assert_ptr_equal(hoop_future_task(hoop_task_future(self)), self);
    hoop_future_unref(plain);
    hoop_task *task = hoop_create_task(sleep_ten, NULL);
    assert_int_equal(hoop_future_await(hoop_task_future(task)), 0);
    assert_ptr_equal(hoop_future_task(hoop_task_future(task)), task); /* once it is done too */
    hoop_task_unref(task);
}

/* ---- what a task waits for ---- */

IN_A_TASK(who_awaits_or_shields_a_future_or_a_task_waits_for_that)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *inner = hoop_create_task(sleep_ten, NULL);
    hoop_future *targets[] = {future, hoop_task_future(inner)};
    hoop_task *tasks[4];
    for (int i = 0; i < 4; i++) {
        tasks[i] = hoop_create_task(i < 2 ? await : shield, targets[i % 2]);
        assert_null(hoop_task_awaits(tasks[i])); /* it has not begun */
    }
    let_others_wait();
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(hoop_task_awaits(tasks[i]), targets[i % 2]);
    assert_int_equal(hoop_future_set_result(future, 0), 0);
    assert_null(hoop_task_awaits(tasks[0])); /* ready: it waits for nothing any more */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hoop_future_await(hoop_task_future(tasks[i])), 0);
        assert_null(hoop_task_awaits(tasks[i])); /* done */
        hoop_task_unref(tasks[i]);
    }
    hoop_future_unref(future);
    assert_int_equal(hoop_await(inner), 0);
}

static int64_t await_with_a_limit(void *task)
{
    return hoop_wait_for_task(task, 100);
}

IN_A_TASK(a_limit_does_not_hide_what_is_awaited)
{
    hoop_task *inner = hoop_create_task(sleep_ten, NULL);
    hoop_task *outer = hoop_create_task(await_with_a_limit, inner);
    let_others_wait();
    assert_ptr_equal(hoop_task_awaits(outer), hoop_task_future(inner));
    assert_int_equal(hoop_await(outer), 0);
}

static int64_t gather_one(void *arg)
{
    hoop_task *task = arg;
    return hoop_gather(&task, 1, NULL, 0);
}

static int64_t wait_for_one(void *arg)
{
    hoop_task *task = arg;
    int64_t done = hoop_wait(&task, 1, HOOP_ALL_COMPLETED, INFINITY);
    return done < 0 ? done : 0;
}

static int64_t exit_a_group(void *arg)
{
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, sleep_ten, NULL));
    return hoop_task_group_exit(&group, 0);
}

static int64_t take_the_next(void *arg)
{
    hoop_task *task = arg, *next;
    hoop_as_completed *iterator = hoop_as_completed_new(&task, 1);
    int rc = hoop_as_completed_next(iterator, &next);
    hoop_as_completed_free(iterator);
    return rc == 1 ? 0 : -EINVAL;
}

IN_A_TASK(who_waits_for_several_or_for_time_awaits_no_future)
{
    hoop_task *inner = hoop_create_task(sleep_ten, NULL);
    hoop_task *tasks[] = {
        hoop_create_task(gather_one, hoop_task_ref(inner)), /* it consumes it */
        hoop_create_task(wait_for_one, inner),
        hoop_create_task(exit_a_group, NULL),
        hoop_create_task(take_the_next, inner),
    };
    let_others_wait();
    assert_null(hoop_task_awaits(inner));
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_null(hoop_task_awaits(tasks[i]));
    assert_non_null(strstr(printed_tasks(), "'gather_one' gathers")); /* print_tasks tells */
    assert_non_null(strstr(printed_tasks(), "'exit_a_group' waits for its task group"));
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(hoop_await(inner), 0);
}

static void ask_from_a_callback(void *task)
{
    assert_non_null(hoop_task_awaits(task));
}

static int64_t ask_from_the_first_step(void *starter)
{
    assert_null(hoop_task_awaits(starter)); /* it starts this one, and does not wait */
    assert_null(hoop_task_awaits(hoop_current_task()));
    return 0;
}

IN_A_TASK(who_runs_or_starts_another_one_waits_for_nothing)
{
    hoop_task *self = hoop_current_task();
    assert_null(hoop_task_awaits(self));
    hoop_task *eager =
        hoop_create_task_with(ask_from_the_first_step, self, &(hoop_task_options){.eager = true});
    assert_int_equal(hoop_await(eager), 0);
    hoop_task *inner = hoop_create_task(sleep_ten, NULL);
    assert_true(hoop_call_later(hoop_running_loop(), 1, ask_from_a_callback, self) >= 0);
    assert_int_equal(hoop_await(inner), 0);
}

IN_A_TASK(who_is_cancelled_waits_on_for_a_task_and_not_for_a_future)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *inner = hoop_create_task(sleep_ten, NULL);
    hoop_task *of_future = hoop_create_task(await, future);
    hoop_task *of_task = hoop_create_task(await_task, inner);
    let_others_wait();
    assert_true(hoop_task_cancel(of_future));
    assert_true(hoop_task_cancel(of_task));
    assert_null(hoop_task_awaits(of_future));
    assert_ptr_equal(hoop_task_awaits(of_task), hoop_task_future(inner));
    assert_int_equal(hoop_await(of_future), -ECANCELED);
    assert_int_equal(hoop_await(of_task), -ECANCELED);
    hoop_future_unref(future);
}

/* ---- walks ---- */

enum { LINKS = 4 };

/* LINKS tasks of which each awaits the one before; the first one FUTURE, or sleeps. */
static void make_chain(hoop_future *future, hoop_task **ret_tasks)
{
    static const char *const names[LINKS] = {"a", "b", "c", "d"};
    for (int i = 0; i < LINKS; i++) {
        hoop_future *next = i == 0 ? future : hoop_task_future(ret_tasks[i - 1]);
        ret_tasks[i] = hoop_create_task_named(next != NULL ? await : sleep_ten, next, names[i]);
    }
    let_others_wait();
}

static void await_chain(hoop_task **tasks)
{
    for (int i = 0; i < LINKS; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
}

/* The names from TASK on along what each awaits; "?" for a plain future. */
static void record_walk(struct record *record, const hoop_task *task)
{
    while (task != NULL) {
        record_add(record, hoop_task_name(task));
        hoop_future *awaited = hoop_task_awaits(task);
        task = awaited != NULL ? hoop_future_task(awaited) : NULL;
        if (awaited != NULL && task == NULL)
            record_add(record, "?");
    }
}

IN_A_TASK(a_walk_leads_from_a_task_to_what_all_wait_for)
{
    hoop_task *tasks[LINKS];
    make_chain(NULL, tasks);
    struct record record = {""};
    record_walk(&record, tasks[LINKS - 1]);
    assert_record(&record, "d c b a");
    await_chain(tasks);
    hoop_future *future = hoop_future_new(NULL);
    make_chain(future, tasks);
    record = (struct record){""};
    record_walk(&record, tasks[LINKS - 1]);
    assert_record(&record, "d c b a ?");
    assert_int_equal(hoop_future_set_result(future, 0), 0);
    await_chain(tasks);
    hoop_future_unref(future);
}

/* FUTURE's awaiters, and theirs: "a(b(c d))". */
static void print_awaited_by(FILE *out, hoop_future *future)
{
    hoop_task *tasks[16];
    size_t count = hoop_all_tasks(hoop_running_loop(), tasks, 16);
    int found = 0;
    for (size_t i = 0; i < count; i++) {
        if (hoop_task_awaits(tasks[i]) != future)
            continue;
        fprintf(out, "%s%s", found++ == 0 ? "(" : " ", hoop_task_name(tasks[i]));
        print_awaited_by(out, hoop_task_future(tasks[i]));
    }
    if (found > 0)
        fprintf(out, ")");
}

static const char *awaited_by(hoop_future *future)
{
    static char text[256];
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    print_awaited_by(out, future);
    fclose(out);
    return text;
}

IN_A_TASK(among_all_tasks_are_those_who_await_one_and_who_await_these)
{
    hoop_task *tasks[LINKS];
    make_chain(NULL, tasks);
    hoop_task *second = hoop_create_task(shield, hoop_task_future(tasks[0]));
    hoop_task *third = hoop_create_task(await, hoop_task_future(second));
    let_others_wait();
    assert_string_equal(awaited_by(hoop_task_future(tasks[0])), "(b(c(d)) shield(await))");
    assert_string_equal(awaited_by(hoop_task_future(tasks[2])), "(d)");
    assert_true(hoop_task_cancel(second)); /* it leaves, with what awaits it */
    assert_int_equal(hoop_await(third), -ECANCELED);
    assert_string_equal(awaited_by(hoop_task_future(tasks[0])), "(b(c(d)))");
    await_chain(tasks);
    assert_int_equal(hoop_await(second), -ECANCELED);
}

struct ring {
    hoop_task *members[2];
};

static int64_t shield_the_second(void *arg)
{
    struct ring *ring = arg;
    return hoop_future_shield(hoop_task_future(ring->members[1]));
}

static int64_t await_the_first(void *arg)
{
    struct ring *ring = arg;
    return hoop_future_await(hoop_task_future(ring->members[0]));
}

/* How many tasks stand between TASK and itself, or 0 if what it awaits does not lead back. A
 * ring that it leads into without being part of it is left after as many steps as there are
 * tasks. */
static size_t length_of_ring(const hoop_task *task)
{
    const hoop_task *next = task;
    size_t count = hoop_all_tasks(hoop_running_loop(), NULL, 0);
    for (size_t length = 1; length <= count; length++) {
        hoop_future *awaited = hoop_task_awaits(next);
        next = awaited != NULL ? hoop_future_task(awaited) : NULL;
        if (next == NULL)
            return 0;
        if (next == task)
            return length;
    }
    return 0;
}

IN_A_TASK(a_walk_finds_tasks_that_wait_for_each_other)
{
    struct ring ring;
    ring.members[0] = hoop_create_task(shield_the_second, &ring);
    ring.members[1] = hoop_create_task(await_the_first, &ring);
    hoop_task *beside = hoop_create_task(await, hoop_task_future(ring.members[0]));
    let_others_wait();
    assert_int_equal(length_of_ring(ring.members[0]), 2);
    assert_int_equal(length_of_ring(ring.members[1]), 2);
    assert_int_equal(length_of_ring(beside), 0);
    assert_true(hoop_task_cancel(ring.members[0])); /* the shield lets it leave */
    assert_int_equal(hoop_await(ring.members[1]), -ECANCELED);
    assert_int_equal(hoop_await(ring.members[0]), -ECANCELED);
    assert_int_equal(hoop_await(beside), -ECANCELED);
}

/* ---- at the end ---- */

static void hear(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    record_walk(arg, exception->task);
    record_add(arg, ";");
}

static void a_handler_may_ask_what_a_destroyed_task_waited_for(void **state)
{
    (void)state;
    struct record record = {""};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, hear, &record);
    hoop_task_options options = {.loop = loop, .name = "inner"};
    hoop_task *inner = hoop_create_task_with(sleep_ten, NULL, &options);
    options.name = "outer";
    hoop_task *outer = hoop_create_task_with(await_task, hoop_task_ref(inner), &options);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_record(&record, "inner ; outer inner ;");
    assert_null(hoop_task_awaits(outer)); /* destroyed: it waits no more */
    hoop_task_unref(inner);
    hoop_task_unref(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_future_tells_whether_it_is_a_task),
        BEHAVIOUR(who_awaits_or_shields_a_future_or_a_task_waits_for_that),
        BEHAVIOUR(a_limit_does_not_hide_what_is_awaited),
        BEHAVIOUR(who_waits_for_several_or_for_time_awaits_no_future),
        BEHAVIOUR(who_runs_or_starts_another_one_waits_for_nothing),
        BEHAVIOUR(who_is_cancelled_waits_on_for_a_task_and_not_for_a_future),
        BEHAVIOUR(a_walk_leads_from_a_task_to_what_all_wait_for),
        BEHAVIOUR(among_all_tasks_are_those_who_await_one_and_who_await_these),
        BEHAVIOUR(a_walk_finds_tasks_that_wait_for_each_other),
        BEHAVIOUR(a_handler_may_ask_what_a_destroyed_task_waited_for),
    };
    return cmocka_run_group_tests_name("awaits", tests, NULL, NULL);
}
