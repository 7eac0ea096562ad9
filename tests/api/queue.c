/* SPDX-License-Identifier: MIT
 *
 * Queues: waiting at both ends, fairness, and cancellation. In which order items come out of
 * each kind of queue is in queue_order.c, join and shutdown are in queue_end.c.
 */
#include <errno.h>

#include "queue_peers.h"

/* ---- without waiting ---- */

static void nowait_works_without_a_loop(void **state)
{
    (void)state;
    hoop_queue *queue = hoop_queue_new(sizeof(int), 2);
    int item = 7;
    assert_int_equal(hoop_queue_get_nowait(queue, &item), -EAGAIN);
    assert_int_equal(item, 7);
    assert_int_equal(hoop_queue_put_nowait(queue, &item), 0);
    item = 8;
    assert_int_equal(hoop_queue_put_nowait(queue, &item), 0);
    assert_int_equal(hoop_queue_put_nowait(queue, &item), -EAGAIN);
    assert_int_equal(get(queue), 7);
    assert_int_equal(get(queue), 8);
    assert_int_equal(hoop_queue_get_nowait(queue, &item), -EAGAIN);
    assert_int_equal(hoop_queue_free(queue), 0);
}

static void it_tells_its_size_and_whether_it_is_empty_or_full(void **state)
{
    (void)state;
    hoop_queue *queue = hoop_queue_new(sizeof(int), 2);
    assert_int_equal(hoop_queue_maxsize(queue), 2);
    for (size_t size = 0; size <= 2; size++) {
        assert_int_equal(hoop_queue_size(queue), size);
        assert_int_equal(hoop_queue_is_empty(queue), size == 0);
        assert_int_equal(hoop_queue_is_full(queue), size == 2);
        if (size < 2)
            put(queue, 1);
    }
    hoop_queue_free(queue); /* with items in it */
    queue = hoop_queue_new(sizeof(int), 0);
    assert_int_equal(hoop_queue_maxsize(queue), 0);
    for (int i = 0; i < 1000; i++) {
        assert_false(hoop_queue_is_full(queue));
        put(queue, i);
    }
    assert_int_equal(hoop_queue_size(queue), 1000);
    hoop_queue_free(queue);
}

IN_A_TASK(put_and_get_do_not_wait_if_there_is_room_and_an_item)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 2);
    struct peer other = {.queue = queue, .item = -1};
    hoop_task *task = hoop_create_task(get_one, &other);
    for (int i = 0; i < 10; i++) {
        int item = -1;
        assert_int_equal(hoop_queue_put(queue, &i), 0);
        assert_int_equal(hoop_queue_get(queue, &item), 0);
        assert_int_equal(item, i);
    }
    put(queue, 11);
    assert_int_equal(other.item, -1); /* it has not run in all that time */
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(other.item, 11);
    hoop_queue_free(queue);
}

static int64_t count_iterations(void *arg)
{
    int *count = arg;
    while (hoop_sleep(0) == 0)
        ++*count;
    return 0;
}

IN_A_TASK(who_puts_and_gets_over_and_over_without_waiting_starves_nobody)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    int count = 0;
    hoop_task *other = hoop_create_task(count_iterations, &count);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hoop_queue_put(queue, &i), 0);
    assert_true(count >= 1000 / 128 - 1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hoop_queue_get(queue, &(int){0}), 0);
    assert_true(count >= 2000 / 128 - 1);
    hoop_task_cancel(other);
    assert_int_equal(hoop_await(other), 0);
    hoop_queue_free(queue);
}

/* ---- waiting ---- */

IN_A_TASK(getters_are_served_in_the_order_in_which_they_came)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, get_one);
    for (int i = 0; i < COUNT; i++)
        put(queue, 10 + i);
    assert_true(hoop_queue_is_empty(queue)); /* they have them already */
    assert_int_equal(hoop_queue_get_nowait(queue, &(int){0}), -EAGAIN);
    end_peers(peers, 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(peers[i].item, 10 + i);
    hoop_queue_free(queue);
}

IN_A_TASK(putters_are_served_in_the_order_in_which_they_came)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    put(queue, 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, put_one);
    assert_int_equal(hoop_queue_size(queue), 1);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(get(queue), i);
        assert_true(hoop_queue_is_full(queue)); /* the first one that waited has put */
        assert_int_equal(hoop_queue_put_nowait(queue, &(int){99}), -EAGAIN);
    }
    assert_int_equal(get(queue), COUNT);
    end_peers(peers, 0);
    hoop_queue_free(queue);
}

IN_A_TASK(a_late_getter_does_not_overtake_one_that_waits)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, get_one);
    struct peer late = {.queue = queue};
    late.task = hoop_create_task(get_one, &late);
    for (int i = 0; i <= COUNT; i++)
        put(queue, i);
    end_peers(peers, 0);
    assert_int_equal(hoop_await(late.task), 0);
    assert_int_equal(late.item, COUNT);
    hoop_queue_free(queue);
}

struct pump {
    hoop_queue *from;
    hoop_queue *to;
    int rounds;
};

static int64_t pump(void *arg)
{
    struct pump *pump = arg;
    for (int i = 0; i < pump->rounds; i++) {
        int item;
        int rc = hoop_queue_get(pump->from, &item);
        if (rc == 0)
            rc = hoop_queue_put(pump->to, &item);
        if (rc < 0)
            return rc;
    }
    return 0;
}

IN_A_TASK(items_go_round_through_queues_of_one)
{
    enum { ROUNDS = 500 };
    hoop_queue *there = hoop_queue_new(sizeof(int), 1);
    hoop_queue *back = hoop_queue_new(sizeof(int), 1);
    struct pump echo = {there, back, ROUNDS};
    hoop_task *task = hoop_create_task(pump, &echo);
    for (int i = 0; i < ROUNDS; i++) {
        int item = -1;
        assert_int_equal(hoop_queue_put(there, &i), 0);
        assert_int_equal(hoop_queue_get(back, &item), 0);
        assert_int_equal(item, i);
    }
    assert_int_equal(hoop_await(task), 0);
    hoop_queue_free(there);
    hoop_queue_free(back);
}

IN_A_TASK(a_pipeline_keeps_the_order_whatever_room_there_is)
{
    for (size_t maxsize = 0; maxsize < 5; maxsize++) {
        hoop_queue *in = hoop_queue_new(sizeof(int), maxsize);
        hoop_queue *out = hoop_queue_new(sizeof(int), 0);
        struct pump mover = {in, out, 300};
        hoop_task *task = hoop_create_task(pump, &mover);
        for (int i = 0; i < 300; i++)
            assert_int_equal(hoop_queue_put(in, &i), 0);
        assert_int_equal(hoop_await(task), 0);
        for (int i = 0; i < 300; i++)
            assert_int_equal(get(out), i);
        hoop_queue_free(in);
        hoop_queue_free(out);
    }
}

static void put_in_a_callback(void *arg)
{
    int item = 5;
    assert_int_equal(hoop_queue_put(arg, &item), HOOP_ENOTASK);
    assert_int_equal(hoop_queue_get(arg, &item), HOOP_ENOTASK);
    assert_int_equal(hoop_queue_join(arg), HOOP_ENOTASK);
    assert_int_equal(hoop_queue_put_nowait(arg, &item), 0);
}

IN_A_TASK(a_callback_can_put_for_one_that_waits_but_not_wait)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    int item = 0;
    assert_true(hoop_call_later(hoop_running_loop(), 1, put_in_a_callback, queue) > 0);
    assert_int_equal(hoop_queue_get(queue, &item), 0);
    assert_int_equal(item, 5);
    hoop_queue_free(queue);
}

/* ---- cancellation ---- */

IN_A_TASK(a_getter_that_is_cancelled_while_it_waits_gets_nothing)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, get_one);
    assert_true(hoop_task_cancel(peers[0].task));
    put(queue, 10); /* in the same iteration */
    assert_true(hoop_task_cancel(peers[2].task));
    assert_int_equal(hoop_await(peers[0].task), -ECANCELED);
    assert_int_equal(peers[0].item, 1); /* untouched */
    assert_int_equal(hoop_await(peers[1].task), 0);
    assert_int_equal(peers[1].item, 10);
    assert_int_equal(hoop_await(peers[2].task), -ECANCELED);
    put(queue, 11);
    assert_int_equal(hoop_await(peers[3].task), 0);
    assert_int_equal(peers[3].item, 11);
    put(queue, 12); /* nobody is left to get it */
    assert_int_equal(get(queue), 12);
    hoop_queue_free(queue);
}

IN_A_TASK(a_getter_that_was_served_and_then_cancelled_has_the_item)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, get_one);
    for (int i = 0; i < COUNT; i++) {
        put(queue, 10 + i);
        assert_true(hoop_task_cancel(peers[i].task));
    }
    end_peers(peers, 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(peers[i].item, 10 + i);
    hoop_queue_free(queue);
}

IN_A_TASK(a_putter_that_is_cancelled_while_it_waits_puts_nothing)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    put(queue, 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, put_one);
    assert_true(hoop_task_cancel(peers[0].task));
    assert_int_equal(get(queue), 0); /* in the same iteration */
    assert_true(hoop_task_cancel(peers[2].task));
    assert_int_equal(hoop_await(peers[0].task), -ECANCELED);
    assert_int_equal(hoop_await(peers[1].task), 0);
    assert_int_equal(hoop_await(peers[2].task), -ECANCELED);
    assert_int_equal(get(queue), 2);
    assert_int_equal(get(queue), 4);
    assert_int_equal(hoop_await(peers[3].task), 0);
    assert_true(hoop_queue_is_empty(queue));
    hoop_queue_free(queue);
}

IN_A_TASK(a_putter_that_was_served_and_then_cancelled_has_put)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    put(queue, 0);
    struct peer peers[COUNT];
    start_peers(queue, peers, put_one);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(get(queue), i);
        assert_true(hoop_task_cancel(peers[i].task));
    }
    end_peers(peers, 0);
    assert_int_equal(get(queue), COUNT);
    hoop_queue_free(queue);
}

IN_A_TASK(a_task_that_is_being_cancelled_puts_and_gets_but_does_not_wait)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    hoop_task *self = hoop_current_task();
    int item = 3;
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_queue_get(queue, &item), -ECANCELED);
    assert_int_equal(hoop_queue_put(queue, &item), 0);
    assert_int_equal(hoop_queue_put(queue, &item), -ECANCELED);
    assert_int_equal(hoop_queue_join(queue), -ECANCELED);
    assert_int_equal(hoop_queue_get(queue, &item), 0);
    assert_int_equal(item, 3);
    assert_int_equal(hoop_queue_task_done(queue), 0);
    assert_int_equal(hoop_queue_join(queue), 0);
    hoop_task_uncancel(self);
    hoop_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(nowait_works_without_a_loop),
        BEHAVIOUR(it_tells_its_size_and_whether_it_is_empty_or_full),
        BEHAVIOUR(put_and_get_do_not_wait_if_there_is_room_and_an_item),
        BEHAVIOUR(who_puts_and_gets_over_and_over_without_waiting_starves_nobody),
        BEHAVIOUR(getters_are_served_in_the_order_in_which_they_came),
        BEHAVIOUR(putters_are_served_in_the_order_in_which_they_came),
        BEHAVIOUR(a_late_getter_does_not_overtake_one_that_waits),
        BEHAVIOUR(items_go_round_through_queues_of_one),
        BEHAVIOUR(a_pipeline_keeps_the_order_whatever_room_there_is),
        BEHAVIOUR(a_callback_can_put_for_one_that_waits_but_not_wait),
        BEHAVIOUR(a_getter_that_is_cancelled_while_it_waits_gets_nothing),
        BEHAVIOUR(a_getter_that_was_served_and_then_cancelled_has_the_item),
        BEHAVIOUR(a_putter_that_is_cancelled_while_it_waits_puts_nothing),
        BEHAVIOUR(a_putter_that_was_served_and_then_cancelled_has_put),
        BEHAVIOUR(a_task_that_is_being_cancelled_puts_and_gets_but_does_not_wait),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
