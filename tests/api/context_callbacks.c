/* SPDX-License-Identifier: MIT
 *
 * Context variables and callbacks: what is scheduled starts with the bindings of where it
 * was scheduled, keeps its own to itself, and lets go of them when it has run.
 */
#include "harness.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static int released;

static void count_release(void *value)
{
    (void)value;
    released++;
}

static const hoop_context_var user = {.name = "user", .default_value = (void *)"nobody"};
static const hoop_context_var counted = {.name = "counted", .release = count_release};

struct world {
    hoop_loop *loop;
    struct record record;
    int ends[2];
    hoop_handle handle;
};

static void note_user(void *arg)
{
    record_add(&((struct world *)arg)->record, hoop_context_get(&user));
}

/* Runs FN(WORLD) with bindings of its own, which are gone afterwards: what a test binds in
 * the main thread would stay bound in the next one. */
static void in_a_context(hoop_callback_fn fn, struct world *world)
{
    hoop_context *context = hoop_context_copy();
    hoop_context_run(context, fn, world);
    hoop_context_unref(context);
}

static void set_user(const char *name)
{
    assert_int_equal(hoop_context_set(&user, (void *)(uintptr_t)name), 0);
}

/* ---- inheriting ---- */

static void schedule_in_all_ways(void *arg)
{
    struct world *world = arg;
    set_user("ann");
    hoop_call_soon(world->loop, note_user, world);
    set_user("bob");
    hoop_call_later(world->loop, 0, note_user, world);
    set_user("cid");
    hoop_call_at(world->loop, 0, note_user, world);
    set_user("dan");
    assert_int_equal(hoop_add_writer(world->loop, world->ends[0], note_user, world), 0);
    set_user("eve");
}

static void a_callback_sees_what_was_bound_where_it_was_scheduled(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    in_a_context(schedule_in_all_ways, &world);
    hoop_call_soon(world.loop, note_user, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "ann nobody dan bob cid");
    assert_int_equal(hoop_run_once(world.loop, 0), 0); /* a writer each time */
    assert_record(&world.record, "ann nobody dan bob cid dan");
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

static void *post_as_thread(void *arg)
{
    struct world *world = arg;
    int rc = hoop_context_set(&user, (void *)(uintptr_t) "thread");
    if (rc == 0)
        rc = hoop_call_soon_threadsafe(world->loop, note_user, world);
    return (void *)(intptr_t)rc;
}

static void a_post_sees_what_was_bound_in_the_posting_thread(void **state)
{
    (void)state;
    pthread_t thread;
    void *failed;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(pthread_create(&thread, NULL, post_as_thread, &world), 0);
    pthread_join(thread, &failed); /* its context outlives it in the post */
    assert_null(failed);
    assert_int_equal(hoop_call_soon_threadsafe(world.loop, note_user, &world), 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "thread nobody");
    hoop_close(world.loop);
}

static void become_ann(void *arg)
{
    struct world *world = arg;
    note_user(world);
    set_user("ann");
    note_user(world);
    hoop_call_soon(world->loop, note_user, world);
}

static void what_a_callback_binds_is_seen_by_what_it_schedules_alone(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, become_ann, &world);
    hoop_call_soon(world.loop, note_user, &world);
    hoop_call_soon_threadsafe(world.loop, become_ann, &world);
    hoop_call_soon_threadsafe(world.loop, note_user, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    note_user(&world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "nobody ann nobody nobody ann nobody nobody ann ann");
    hoop_close(world.loop);
}

static void become_ann_each_time(void *arg)
{
    note_user(arg);
    set_user("ann");
}

static void a_reader_starts_each_time_with_what_it_was_added_with(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], become_ann_each_time, &world), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "nobody nobody nobody");
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

/* ---- letting go ---- */

static void schedule_counted(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&counted, world), 0);
    world->handle = hoop_call_later(world->loop, 0, note_user, world);
}

static void watch_counted(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&counted, world), 0);
    assert_int_equal(hoop_add_reader(world->loop, world->ends[0], note_user, world), 0);
}

static void a_callback_lets_go_when_it_ran_or_was_cancelled(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    released = 0;
    in_a_context(schedule_counted, &world);
    assert_int_equal(released, 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(released, 1);
    in_a_context(schedule_counted, &world);
    assert_int_equal(hoop_handle_cancel(world.loop, world.handle), 1);
    assert_int_equal(released, 2);
    hoop_close(world.loop);
    assert_int_equal(released, 2);
}

static void a_reader_lets_go_when_it_is_replaced_or_removed(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    released = 0;
    in_a_context(watch_counted, &world);
    assert_int_equal(released, 0);
    in_a_context(watch_counted, &world);
    assert_int_equal(released, 1);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    assert_int_equal(released, 2);
    hoop_close(world.loop);
    assert_int_equal(released, 2);
    close(world.ends[0]);
    close(world.ends[1]);
}

/* ---- a release that comes back to the loop ---- */

static void cancel_again(void *value)
{
    struct world *world = value;
    released++;
    assert_int_equal(hoop_handle_cancel(world->loop, world->handle), 0);
    assert_true(hoop_call_soon(world->loop, note_user, world) > 0);
}

static void remove_again(void *value)
{
    struct world *world = value;
    released++;
    hoop_remove_reader(world->loop, world->ends[0]);
}

static const hoop_context_var cancelling = {.name = "cancelling", .release = cancel_again};
static const hoop_context_var removing = {.name = "removing", .release = remove_again};

static void schedule_cancelling(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&cancelling, world), 0);
    world->handle = hoop_call_soon(world->loop, note_user, world);
}

static void watch_removing(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&removing, world), 0);
    assert_int_equal(hoop_add_reader(world->loop, world->ends[0], note_user, world), 0);
}

static void a_release_may_cancel_the_callback_that_let_go(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    released = 0;
    in_a_context(schedule_cancelling, &world);
    assert_int_equal(hoop_handle_cancel(world.loop, world.handle), 1);
    assert_int_equal(released, 1);
    in_a_context(schedule_cancelling, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(released, 2);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "nobody nobody nobody");
    hoop_close(world.loop);
}

static void a_release_may_remove_the_reader_that_let_go(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    released = 0;
    in_a_context(watch_removing, &world);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    assert_int_equal(released, 1);
    in_a_context(watch_removing, &world);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], note_user, &world), 0);
    assert_int_equal(released, 2); /* the release has removed the new one */
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 0);
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_callback_sees_what_was_bound_where_it_was_scheduled),
        BEHAVIOUR(a_post_sees_what_was_bound_in_the_posting_thread),
        BEHAVIOUR(what_a_callback_binds_is_seen_by_what_it_schedules_alone),
        BEHAVIOUR(a_reader_starts_each_time_with_what_it_was_added_with),
        BEHAVIOUR(a_callback_lets_go_when_it_ran_or_was_cancelled),
        BEHAVIOUR(a_reader_lets_go_when_it_is_replaced_or_removed),
        BEHAVIOUR(a_release_may_cancel_the_callback_that_let_go),
        BEHAVIOUR(a_release_may_remove_the_reader_that_let_go),
    };
    return cmocka_run_group_tests_name("context_callbacks", tests, NULL, NULL);
}
