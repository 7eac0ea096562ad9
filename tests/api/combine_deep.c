/* SPDX-License-Identifier: MIT
 *
 * Trees, chains and rings of tasks that wait for each other through gathers, groups and
 * scopes: cancelling them reaches all, each once, and needs no stack however deep they are.
 */
#include "job.h"

enum { DEEP = VERY_MANY / 2 }; /* elements, of up to two tasks */

/* ---- chains, one kind of await below another ---- */

struct chain {
    hoop_coroutine_fn fn; /* of all */
    intptr_t length;
    intptr_t ended, cancelled;
};

struct element {
    struct chain *chain;
    intptr_t depth;
};

static int64_t end_element(struct chain *chain, int64_t rc)
{
    chain->ended++;
    chain->cancelled += requests_left() == 1;
    return rc;
}

static int64_t gather_the_next(void *arg)
{
    struct element element = *(struct element *)arg;
    struct job nap = {.seconds = NEVER};
    if (--element.depth == 0)
        return end_element(element.chain, do_job(&nap));
    hoop_task *tasks[] = {
        hoop_create_task_copy(element.chain->fn, &element, sizeof element),
        hoop_create_task_copy(do_job, &nap, sizeof nap),
    };
    return end_element(element.chain, hoop_gather(tasks, 2, NULL, 0));
}

static int64_t group_the_next(void *arg)
{
    struct element element = *(struct element *)arg;
    struct job nap = {.seconds = NEVER};
    if (--element.depth == 0)
        return end_element(element.chain, do_job(&nap));
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(
        hoop_task_group_create_task_copy(&group, element.chain->fn, &element, sizeof element));
    assert_non_null(hoop_task_group_create_task_copy(&group, do_job, &nap, sizeof nap));
    return end_element(element.chain, hoop_task_group_exit(&group, 0));
}

static int64_t limit_the_next(void *arg)
{
    struct element element = *(struct element *)arg;
    if (--element.depth == 0)
        return end_element(element.chain, hoop_sleep(NEVER));
    hoop_task *next = hoop_create_task_copy(element.chain->fn, &element, sizeof element);
    return end_element(element.chain, hoop_wait_for_task(next, 1000));
}

static int64_t mix_the_next(void *arg)
{
    static const hoop_coroutine_fn kinds[] = {gather_the_next, group_the_next, limit_the_next};
    return kinds[((struct element *)arg)->depth % 3](arg);
}

static int64_t cancel_the_chain(void *arg)
{
    struct chain *chain = arg;
    struct element head = {chain, chain->length};
    hoop_task *task = hoop_create_task(chain->fn, &head);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void assert_chain_can_be_cancelled(hoop_coroutine_fn fn)
{
    struct chain chain = {.fn = fn, .length = DEEP};
    assert_int_equal(run_virtually(cancel_the_chain, &chain), -ECANCELED);
    assert_int_equal(chain.ended, DEEP);
    assert_int_equal(chain.cancelled, DEEP); /* each was asked once */
}

static void a_deep_chain_of_gathers_can_be_cancelled(void **state)
{
    (void)state;
    assert_chain_can_be_cancelled(gather_the_next);
}

static void a_deep_chain_of_groups_can_be_cancelled(void **state)
{
    (void)state;
    assert_chain_can_be_cancelled(group_the_next);
}

static void a_deep_chain_of_limited_awaits_can_be_cancelled(void **state)
{
    (void)state;
    assert_chain_can_be_cancelled(limit_the_next);
}

static void a_deep_chain_of_all_of_them_can_be_cancelled(void **state)
{
    (void)state;
    assert_chain_can_be_cancelled(mix_the_next);
}

static int64_t fail_at_the_bottom(void *arg)
{
    struct element element = *(struct element *)arg;
    if (--element.depth == 0)
        return hoop_sleep(1) < 0 ? -ECANCELED : hoop_error_set(-EIO, "at the bottom");
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(
        hoop_task_group_create_task_copy(&group, fail_at_the_bottom, &element, sizeof element));
    return end_element(element.chain, hoop_task_group_exit(&group, hoop_sleep(5000)));
}

static int64_t fail_deeply(void *arg)
{
    struct chain *chain = arg;
    struct element head = {chain, chain->length};
    assert_int_equal(hoop_await(hoop_create_task(fail_at_the_bottom, &head)), -EIO);
    assert_string_equal(hoop_error_message(), "at the bottom");
    return 0;
}

static void an_error_comes_up_through_a_deep_chain_of_groups(void **state)
{
    (void)state;
    struct chain chain = {.length = DEEP};
    assert_int_equal(run_virtually(fail_deeply, &chain), 0);
    assert_int_equal(chain.ended, DEEP - 1);
    assert_int_equal(chain.cancelled, 0); /* each group took its request back */
}

/* ---- trees ---- */

static int64_t branch(void *arg)
{
    struct element element = *(struct element *)arg;
    if (--element.depth == 0)
        return end_element(element.chain, hoop_sleep(NEVER));
    if (element.depth % 2 == 0) {
        hoop_task *tasks[3];
        for (int i = 0; i < 3; i++)
            tasks[i] = hoop_create_task_copy(branch, &element, sizeof element);
        return end_element(element.chain, hoop_gather(tasks, 3, NULL, HOOP_RETURN_ERRORS));
    }
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(hoop_task_group_create_task_copy(&group, branch, &element, sizeof element));
    return end_element(element.chain, hoop_task_group_exit(&group, 0));
}

static void a_tree_of_groups_and_gathers_can_be_cancelled(void **state)
{
    (void)state;
    struct chain tree = {.fn = branch, .length = 7};
    assert_int_equal(run_virtually(cancel_the_chain, &tree), -ECANCELED);
    assert_int_equal(tree.ended, (2187 - 1) / 2); /* 1 + 3 + 9 + ... + 729 */
    assert_int_equal(tree.cancelled, tree.ended);
}

/* ---- rings ---- */

enum { RING = 4 };

static int64_t gather_the_neighbours(void *arg)
{
    hoop_task **ring = arg;
    int self = 0;
    while (ring[self] != hoop_current_task())
        self++;
    hoop_future *const futures[] = {hoop_task_future(ring[(self + 1) % RING]),
                                    hoop_task_future(ring[(self + RING - 1) % RING])};
    return hoop_gather_futures(futures, 2, NULL, 0);
}

/* Tasks that wait for each other never end, but to cancel them must, and so must to close. */
static void cancelling_a_ring_of_gathers_returns(void **state)
{
    (void)state;
    hoop_task *ring[RING];
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    for (int i = 0; i < RING; i++)
        ring[i] =
            hoop_create_task_with(gather_the_neighbours, ring, &(hoop_task_options){.loop = loop});
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(hoop_task_cancel(ring[0]));
    for (int i = 0; i < RING; i++) {
        assert_true(hoop_task_cancelling(ring[i]) > 0);
        hoop_task_detach(ring[i]);
    }
    hoop_close(loop);
    assert_int_equal(reports.count, RING);
}

struct couple {
    hoop_task_group group;
    hoop_task *owner;
};

static int64_t await_the_owner(void *arg)
{
    struct couple *couple = arg;
    int64_t rc = hoop_future_await(hoop_task_future(couple->owner));
    return rc;
}

static int64_t await_a_child_that_awaits_us(void *arg)
{
    struct couple *couple = arg;
    couple->owner = hoop_current_task();
    assert_int_equal(hoop_task_group_enter(&couple->group), 0);
    assert_non_null(hoop_task_group_create_task(&couple->group, await_the_owner, couple));
    return hoop_task_group_exit(&couple->group, 0);
}

static void cancelling_a_group_whose_child_awaits_the_owner_returns(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct couple couple;
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *owner = hoop_create_task_with(await_a_child_that_awaits_us, &couple,
                                             &(hoop_task_options){.loop = loop});
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(hoop_task_cancel(owner));
    hoop_task_group_cancel(&couple.group);
    hoop_task_detach(owner);
    hoop_close(loop);
    assert_int_equal(reports.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_deep_chain_of_gathers_can_be_cancelled),
        BEHAVIOUR(a_deep_chain_of_groups_can_be_cancelled),
        BEHAVIOUR(a_deep_chain_of_limited_awaits_can_be_cancelled),
        BEHAVIOUR(a_deep_chain_of_all_of_them_can_be_cancelled),
        BEHAVIOUR(an_error_comes_up_through_a_deep_chain_of_groups),
        BEHAVIOUR(a_tree_of_groups_and_gathers_can_be_cancelled),
        BEHAVIOUR(cancelling_a_ring_of_gathers_returns),
        BEHAVIOUR(cancelling_a_group_whose_child_awaits_the_owner_returns),
    };
    return cmocka_run_group_tests_name("combine_deep", tests, NULL, NULL);
}
