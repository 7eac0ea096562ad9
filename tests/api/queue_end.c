/* SPDX-License-Identifier: MIT
 *
 * When the work is done: joining a queue, and shutting it down.
 */
#include <errno.h>

#include "queue_peers.h"

static int64_t join(void *arg)
{
    struct peer *peer = arg;
    return hoop_queue_join(peer->queue);
}

/* ---- join ---- */

IN_A_TASK(join_waits_until_the_work_on_each_item_is_done)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    struct peer putters[COUNT], joiners[COUNT], getter = {.queue = queue};
    start_peers(queue, putters, put_one); /* one has put, the others wait */
    start_peers(queue, joiners, join);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(get(queue), i + 1);
    getter.task = hoop_create_task(get_one, &getter);
    let_others_wait();
    put(queue, 5); /* goes straight on, and counts too */
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(hoop_queue_task_done(queue), 0);
    let_others_wait();
    assert_false(hoop_task_is_done(joiners[0].task));
    assert_int_equal(hoop_queue_task_done(queue), 0);
    end_peers(joiners, 0);
    assert_int_equal(hoop_queue_task_done(queue), -EINVAL);
    assert_int_equal(hoop_await(getter.task), 0);
    end_peers(putters, 0);
    hoop_queue_free(queue);
}

IN_A_TASK(join_does_not_wait_for_a_queue_that_was_never_used)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    assert_int_equal(hoop_queue_join(queue), 0);
    assert_int_equal(hoop_queue_join(queue), 0);
    assert_int_equal(hoop_queue_task_done(queue), -EINVAL);
    hoop_queue_free(queue);
}

IN_A_TASK(a_join_that_is_over_is_over_though_new_items_come)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    put(queue, 1);
    struct peer joiners[COUNT];
    start_peers(queue, joiners, join);
    assert_true(hoop_task_cancel(joiners[0].task));
    assert_int_equal(hoop_queue_task_done(queue), 0);
    put(queue, 2);
    assert_true(hoop_task_cancel(joiners[1].task)); /* too late */
    assert_int_equal(hoop_await(joiners[0].task), -ECANCELED);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(hoop_await(joiners[i].task), 0);
    hoop_queue_free(queue);
}

/* ---- shutdown ---- */

static void assert_nothing_goes(hoop_queue *queue)
{
    int item = 3;
    assert_int_equal(hoop_queue_put(queue, &item), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_queue_put_nowait(queue, &item), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_queue_get(queue, &item), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_queue_get_nowait(queue, &item), HOOP_ESHUTDOWN);
    assert_int_equal(item, 3);
}

IN_A_TASK(shutdown_of_an_empty_queue_wakes_its_getters)
{
    for (int immediate = 0; immediate < 2; immediate++) {
        hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
        struct peer getters[COUNT];
        start_peers(queue, getters, get_one);
        hoop_queue_shutdown(queue, immediate);
        assert_true(hoop_task_cancel(getters[1].task)); /* too late */
        end_peers(getters, HOOP_ESHUTDOWN);
        assert_int_equal(getters[0].item, 1); /* untouched */
        assert_nothing_goes(queue);
        assert_int_equal(hoop_queue_join(queue), 0);
        hoop_queue_free(queue);
    }
}

IN_A_TASK(shutdown_refuses_putters_and_lets_getters_have_what_is_there)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 2);
    put(queue, 10);
    put(queue, 11);
    struct peer putters[COUNT], joiners[COUNT];
    start_peers(queue, putters, put_one);
    start_peers(queue, joiners, join);
    hoop_queue_shutdown(queue, false);
    end_peers(putters, HOOP_ESHUTDOWN);
    assert_int_equal(hoop_queue_size(queue), 2);
    assert_int_equal(get(queue), 10);
    assert_int_equal(hoop_queue_put_nowait(queue, &(int){1}), HOOP_ESHUTDOWN); /* room or not */
    int item = 0;
    assert_int_equal(hoop_queue_get(queue, &item), 0);
    assert_int_equal(item, 11);
    assert_nothing_goes(queue);
    assert_int_equal(hoop_queue_task_done(queue), 0);
    let_others_wait();
    assert_false(hoop_task_is_done(joiners[0].task));
    assert_int_equal(hoop_queue_task_done(queue), 0);
    end_peers(joiners, 0);
    assert_int_equal(hoop_queue_task_done(queue), -EINVAL);
    hoop_queue_free(queue);
}

IN_A_TASK(immediate_shutdown_drops_the_items_and_they_count_as_done)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 2);
    put(queue, 10);
    put(queue, 11);
    struct peer putters[COUNT], joiners[COUNT];
    start_peers(queue, putters, put_one);
    start_peers(queue, joiners, join);
    hoop_queue_shutdown(queue, true);
    assert_true(hoop_queue_is_empty(queue));
    end_peers(putters, HOOP_ESHUTDOWN);
    end_peers(joiners, 0);
    assert_nothing_goes(queue);
    assert_int_equal(hoop_queue_task_done(queue), -EINVAL);
    hoop_queue_free(queue);
}

IN_A_TASK(immediate_shutdown_leaves_work_that_was_begun_to_be_done)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    put(queue, 10);
    put(queue, 11);
    struct peer joiners[COUNT];
    start_peers(queue, joiners, join);
    assert_int_equal(get(queue), 10);
    hoop_queue_shutdown(queue, false);
    hoop_queue_shutdown(queue, true); /* a second time, and more of it */
    let_others_wait();
    assert_false(hoop_task_is_done(joiners[0].task));
    assert_nothing_goes(queue);
    assert_int_equal(hoop_queue_task_done(queue), 0);
    end_peers(joiners, 0);
    assert_int_equal(hoop_queue_task_done(queue), -EINVAL);
    hoop_queue_free(queue);
}

IN_A_TASK(who_was_served_before_the_shutdown_was_served)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 1);
    struct peer getters[COUNT], putters[COUNT];
    start_peers(queue, getters, get_one);
    put(queue, 10);
    hoop_queue_shutdown(queue, true);
    assert_int_equal(hoop_await(getters[0].task), 0);
    assert_int_equal(getters[0].item, 10);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(hoop_await(getters[i].task), HOOP_ESHUTDOWN);
    hoop_queue_free(queue);
    queue = hoop_queue_new(sizeof(int), 1);
    put(queue, 0);
    start_peers(queue, putters, put_one);
    assert_int_equal(get(queue), 0);
    hoop_queue_shutdown(queue, false);
    assert_int_equal(hoop_await(putters[0].task), 0);
    assert_int_equal(get(queue), 1);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(hoop_await(putters[i].task), HOOP_ESHUTDOWN);
    hoop_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(join_waits_until_the_work_on_each_item_is_done),
        BEHAVIOUR(join_does_not_wait_for_a_queue_that_was_never_used),
        BEHAVIOUR(a_join_that_is_over_is_over_though_new_items_come),
        BEHAVIOUR(shutdown_of_an_empty_queue_wakes_its_getters),
        BEHAVIOUR(shutdown_refuses_putters_and_lets_getters_have_what_is_there),
        BEHAVIOUR(immediate_shutdown_drops_the_items_and_they_count_as_done),
        BEHAVIOUR(immediate_shutdown_leaves_work_that_was_begun_to_be_done),
        BEHAVIOUR(who_was_served_before_the_shutdown_was_served),
    };
    return cmocka_run_group_tests_name("queue_end", tests, NULL, NULL);
}
