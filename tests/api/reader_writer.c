/* SPDX-License-Identifier: MIT
 *
 * Readers and writers: level-triggered, replaced, and removed at any moment.
 * Numbers of descriptors, and many of them, are in descriptors.c.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "socket_pair.h"

struct world {
    hoop_loop *loop;
    struct record record;
    int ends[2];
    int other; /* the descriptor that `remove_other` stops reading */
};

static void open_world(struct world *world)
{
    *world = (struct world){.loop = virtual_loop()};
    open_pair(world->ends);
}

static void close_world(struct world *world)
{
    hoop_close(world->loop);
    for (int i = 0; i < 2; i++)
        if (world->ends[i] >= 0)
            close(world->ends[i]);
}

static void run_for(struct world *world, int iterations)
{
    for (int i = 0; i < iterations; i++)
        assert_int_equal(hoop_run_once(world->loop, 0), 0);
}

static void send_bytes(int fd, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(write(fd, "x", 1), 1);
}

static void note_a(void *arg)
{
    record_add(&((struct world *)arg)->record, "a");
}

static void note_b(void *arg)
{
    record_add(&((struct world *)arg)->record, "b");
}

static void read_one(void *arg)
{
    struct world *world = arg;
    char byte;
    ssize_t count = read(world->ends[0], &byte, 1);
    record_add(&world->record, count == 1 ? "byte" : count == 0 ? "end" : "none");
    if (count == 0)
        assert_int_equal(hoop_remove_reader(world->loop, world->ends[0]), 1);
}

static void what_is_left_unread_calls_again_until_it_is_drained(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], read_one, &world), 0);
    run_for(&world, 2);
    assert_record(&world.record, "");
    send_bytes(world.ends[1], 3);
    run_for(&world, 6);
    assert_record(&world.record, "byte byte byte");
    send_bytes(world.ends[1], 1);
    run_for(&world, 2);
    assert_record(&world.record, "byte byte byte byte");
    close_world(&world);
}

static void end_of_file_is_readable(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], read_one, &world), 0);
    send_bytes(world.ends[1], 1);
    close(world.ends[1]);
    world.ends[1] = -1;
    run_for(&world, 4);
    assert_record(&world.record, "byte end");
    close_world(&world);
}

static void a_second_reader_replaces_the_first(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], note_a, &world), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], note_b, &world), 0);
    run_for(&world, 2);
    assert_record(&world.record, "b b");
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 0);
    run_for(&world, 2);
    assert_record(&world.record, "b b");
    close_world(&world);
}

static void a_run_that_was_stopped_beforehand_asks_the_kernel(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], note_a, &world), 0);
    /* Work is ready, and the kernel was asked a moment ago: within a run it would not be. */
    for (int i = 0; i < 3; i++) {
        assert_true(hoop_call_soon(world.loop, note_b, &world) >= 0);
        hoop_stop(world.loop);
        assert_int_equal(hoop_run_forever(world.loop), 0);
    }
    assert_record(&world.record, "b a b a b a");
    close_world(&world);
}

static void replace_by_b(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "replace");
    assert_int_equal(hoop_add_reader(world->loop, world->other, note_b, world), 0);
}

/* The replaced one is due in the very batch in which it is replaced. */
static void a_replaced_reader_is_not_called_though_it_was_due(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.other = world.ends[1];
    send_bytes(world.ends[0], 1);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], replace_by_b, &world), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[1], note_a, &world), 0);
    run_for(&world, 1);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    run_for(&world, 1);
    assert_record(&world.record, "replace b");
    close_world(&world);
}

static void replace_self_by_b(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "replace");
    assert_int_equal(hoop_add_reader(world->loop, world->ends[0], note_b, world), 0);
}

static void a_reader_can_replace_itself(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], replace_self_by_b, &world), 0);
    run_for(&world, 2);
    assert_record(&world.record, "replace b");
    close_world(&world);
}

static void remove_self(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "self");
    assert_int_equal(hoop_remove_reader(world->loop, world->ends[0]), 1);
    assert_int_equal(hoop_remove_reader(world->loop, world->ends[0]), 0);
}

static void a_reader_can_remove_itself(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], remove_self, &world), 0);
    run_for(&world, 3);
    assert_record(&world.record, "self");
    close_world(&world);
}

static void remove_other(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "remove");
    assert_int_equal(hoop_remove_reader(world->loop, world->other), 1);
}

static void a_reader_removed_by_another_in_the_same_batch_is_not_called(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.other = world.ends[1];
    send_bytes(world.ends[0], 1);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], remove_other, &world), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[1], note_a, &world), 0);
    run_for(&world, 1);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    run_for(&world, 2);
    assert_record(&world.record, "remove");
    close_world(&world);
}

/* The callback that was scheduled before the poll removes what the poll finds. */
static void a_reader_removed_before_its_turn_in_the_batch_is_not_called(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.other = world.ends[0];
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], note_a, &world), 0);
    hoop_call_soon(world.loop, remove_other, &world);
    run_for(&world, 3);
    assert_record(&world.record, "remove");
    close_world(&world);
}

static void both_directions_are_watched_apart(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    int fd = world.ends[0];
    assert_int_equal(hoop_add_reader(world.loop, fd, note_a, &world), 0);
    assert_int_equal(hoop_add_writer(world.loop, fd, note_b, &world), 0);
    run_for(&world, 1);
    assert_record(&world.record, "b");
    send_bytes(world.ends[1], 1);
    run_for(&world, 1);
    assert_record(&world.record, "b a b");
    assert_int_equal(hoop_remove_writer(world.loop, fd), 1);
    assert_int_equal(hoop_remove_writer(world.loop, fd), 0);
    run_for(&world, 1);
    assert_record(&world.record, "b a b a");
    assert_int_equal(hoop_add_writer(world.loop, fd, note_b, &world), 0);
    assert_int_equal(hoop_remove_reader(world.loop, fd), 1);
    run_for(&world, 1);
    assert_record(&world.record, "b a b a b");
    assert_int_equal(hoop_remove_writer(world.loop, fd), 1);
    run_for(&world, 1);
    assert_record(&world.record, "b a b a b");
    close_world(&world);
}

/* Nothing wakes the loop for it: the virtual clock moves only if no descriptor has news. */
static void a_removed_direction_lets_the_loop_sleep(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], note_a, &world), 0);
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], note_b, &world), 0);
    run_for(&world, 1);
    assert_int_equal(hoop_remove_writer(world.loop, world.ends[0]), 1);
    assert_int_equal(hoop_run_once(world.loop, 5), 0);
    assert_true(hoop_time(world.loop) == 5);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    send_bytes(world.ends[1], 1);
    assert_int_equal(hoop_run_once(world.loop, 5), 0);
    assert_true(hoop_time(world.loop) == 10);
    assert_record(&world.record, "b");
    close_world(&world);
}

static void a_writer_on_a_full_pipe_waits_for_room(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    char buf[4096] = {0};
    while (write(world.ends[0], buf, sizeof buf) > 0)
        ;
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], note_b, &world), 0);
    run_for(&world, 2);
    assert_record(&world.record, "");
    while (read(world.ends[1], buf, sizeof buf) > 0)
        ;
    run_for(&world, 1);
    assert_record(&world.record, "b");
    close_world(&world);
}

static void a_lost_peer_is_told_to_the_writer_too(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    char buf[4096] = {0};
    while (write(world.ends[0], buf, sizeof buf) > 0)
        ;
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], note_b, &world), 0);
    close(world.ends[1]);
    world.ends[1] = -1;
    run_for(&world, 1);
    assert_record(&world.record, "b");
    close_world(&world);
}

static void what_cannot_be_watched_says_why(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    char path[] = "/tmp/hoop-reader-XXXXXX";
    int regular = mkostemp(path, O_CLOEXEC);
    assert_true(regular >= 0);
    unlink(path);
    hoop_callback_fn no_callback = NULL;
    assert_int_equal(hoop_add_reader(world.loop, regular, note_a, &world), -EPERM);
    assert_int_equal(hoop_add_writer(world.loop, regular, note_a, &world), -EPERM);
    close(regular);
    assert_int_equal(hoop_add_reader(world.loop, regular, note_a, &world), -EBADF);
    assert_int_equal(hoop_add_reader(world.loop, -1, note_a, &world), -EBADF);
    assert_int_equal(hoop_add_writer(world.loop, INT32_MIN, note_a, &world), -EBADF);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], no_callback, &world), -EINVAL);
    assert_int_equal(hoop_remove_reader(world.loop, regular), 0);
    assert_int_equal(hoop_remove_reader(world.loop, -1), 0);
    assert_int_equal(hoop_remove_writer(world.loop, INT32_MAX), 0);
    assert_int_equal(hoop_remove_writer(world.loop, world.ends[0]), 0);
    run_for(&world, 1);
    assert_record(&world.record, "");
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_is_left_unread_calls_again_until_it_is_drained),
        BEHAVIOUR(end_of_file_is_readable),
        BEHAVIOUR(a_second_reader_replaces_the_first),
        BEHAVIOUR(a_replaced_reader_is_not_called_though_it_was_due),
        BEHAVIOUR(a_reader_can_replace_itself),
        BEHAVIOUR(a_reader_can_remove_itself),
        BEHAVIOUR(a_reader_removed_by_another_in_the_same_batch_is_not_called),
        BEHAVIOUR(a_reader_removed_before_its_turn_in_the_batch_is_not_called),
        BEHAVIOUR(both_directions_are_watched_apart),
        BEHAVIOUR(a_removed_direction_lets_the_loop_sleep),
        BEHAVIOUR(a_writer_on_a_full_pipe_waits_for_room),
        BEHAVIOUR(a_lost_peer_is_told_to_the_writer_too),
        BEHAVIOUR(what_cannot_be_watched_says_why),
        BEHAVIOUR(a_run_that_was_stopped_beforehand_asks_the_kernel),
    };
    return cmocka_run_group_tests_name("reader_writer", tests, NULL, NULL);
}
