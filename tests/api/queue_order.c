/* SPDX-License-Identifier: MIT
 *
 * Queues as containers: the order in which each kind gives its items back, items of any
 * size, growing, memory that fails, and the life of a queue.
 */
#include <errno.h>
#include <string.h>

#include "in_a_task.h"

static int compare_numbers(const void *a, const void *b)
{
    uint64_t first, second;
    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    return (first > second) - (first < second);
}

enum kind { FIFO, LIFO, PRIORITY, KINDS };

static hoop_queue *queue_of(enum kind kind, size_t item_size, size_t maxsize)
{
    if (kind == PRIORITY)
        return hoop_priority_queue_new(item_size, maxsize, compare_numbers);
    return kind == FIFO ? hoop_queue_new(item_size, maxsize)
                        : hoop_lifo_queue_new(item_size, maxsize);
}

static void put_number(hoop_queue *queue, uint64_t number)
{
    assert_int_equal(hoop_queue_put_nowait(queue, &number), 0);
}

static uint64_t get_number(hoop_queue *queue)
{
    uint64_t number = 0;
    assert_int_equal(hoop_queue_get_nowait(queue, &number), 0);
    return number;
}

/* ---- the orders ---- */

static void assert_order(enum kind kind, const uint64_t *expected)
{
    static const uint64_t numbers[5] = {3, 1, 4, 1, 5};
    hoop_queue *queue = queue_of(kind, sizeof(uint64_t), 0);
    for (int i = 0; i < 5; i++)
        put_number(queue, numbers[i]);
    for (int i = 0; i < 5; i++)
        assert_true(get_number(queue) == expected[i]);
    hoop_queue_free(queue);
}

static void first_in_is_first_out(void **state)
{
    (void)state;
    assert_order(FIFO, (const uint64_t[]){3, 1, 4, 1, 5});
}

static void in_a_lifo_queue_last_in_is_first_out(void **state)
{
    (void)state;
    assert_order(LIFO, (const uint64_t[]){5, 1, 4, 1, 3});
}

static void in_a_priority_queue_smallest_is_first_out(void **state)
{
    (void)state;
    assert_order(PRIORITY, (const uint64_t[]){1, 1, 3, 4, 5});
}

/* A plain array that does what the queue should, in the simplest way. */
struct model {
    enum kind kind;
    uint64_t numbers[600];
    size_t count;
};

static uint64_t model_take(struct model *model)
{
    size_t chosen = model->kind == LIFO ? model->count - 1 : 0;
    for (size_t i = 0; model->kind == PRIORITY && i < model->count; i++)
        if (model->numbers[i] < model->numbers[chosen])
            chosen = i;
    uint64_t number = model->numbers[chosen];
    model->count--;
    memmove(&model->numbers[chosen], &model->numbers[chosen + 1],
            (model->count - chosen) * sizeof number);
    return number;
}

static uint64_t random_below(uint64_t *seed, uint64_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % limit;
}

/* Grows and shrinks in waves, so that the ring wraps around and grows in the middle. */
static void compare_with_model(enum kind kind, uint64_t seed)
{
    struct model model = {.kind = kind};
    hoop_queue *queue = queue_of(kind, sizeof(uint64_t), 0);
    for (int step = 0; step < 5000; step++) {
        bool grows = random_below(&seed, 8) < (step / 500 % 2 == 0 ? 5u : 3u);
        if (grows && model.count < 600) {
            uint64_t number = random_below(&seed, 100);
            model.numbers[model.count++] = number;
            put_number(queue, number);
        } else if (model.count > 0) {
            assert_true(get_number(queue) == model_take(&model));
        }
        assert_int_equal(hoop_queue_size(queue), model.count);
    }
    while (model.count > 0)
        assert_true(get_number(queue) == model_take(&model));
    hoop_queue_free(queue);
}

static void each_kind_does_as_a_simple_model_in_any_sequence(void **state)
{
    (void)state;
    for (enum kind kind = FIFO; kind < KINDS; kind++)
        for (uint64_t seed = 1; seed <= 20; seed++)
            compare_with_model(kind, seed);
}

/* A number, and as many further bytes as fit, all made of it. */
static void fill(unsigned char *item, size_t size, uint64_t number)
{
    memset(item, (int)(number % 251), size);
    if (size >= sizeof number)
        memcpy(item, &number, sizeof number);
}

static void items_may_have_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 16, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (enum kind kind = FIFO; kind < (sizes[s] < 8 ? PRIORITY : KINDS); kind++) {
            hoop_queue *queue = queue_of(kind, sizes[s], 0);
            unsigned char item[1001] = {0}, expected[1001] = {0};
            for (uint64_t i = 0; i < 50; i++) {
                fill(item, sizes[s], i);
                assert_int_equal(hoop_queue_put_nowait(queue, item), 0);
            }
            for (uint64_t i = 0; i < 50; i++) {
                fill(expected, sizes[s], kind == LIFO ? 49 - i : i);
                item[sizes[s]] = expected[sizes[s]] = 0xEE; /* nothing behind is written */
                assert_int_equal(hoop_queue_get_nowait(queue, item), 0);
                assert_memory_equal(item, expected, sizes[s] + 1);
            }
            hoop_queue_free(queue);
        }
    }
}

/* ---- with tasks that wait ---- */

static int64_t put_7(void *queue)
{
    uint64_t number = 7;
    return hoop_queue_put(queue, &number);
}

IN_A_TASK(the_item_of_one_that_waits_for_room_takes_its_place_in_the_order)
{
    static const uint64_t expected[KINDS][3] = {{5, 9, 7}, {9, 7, 5}, {5, 7, 9}};
    for (enum kind kind = FIFO; kind < KINDS; kind++) {
        hoop_queue *queue = queue_of(kind, sizeof(uint64_t), 2);
        put_number(queue, 5);
        put_number(queue, 9);
        hoop_task *task = hoop_create_task(put_7, queue);
        let_others_wait();
        for (int i = 0; i < 3; i++)
            assert_true(get_number(queue) == expected[kind][i]);
        assert_int_equal(hoop_await(task), 0);
        hoop_queue_free(queue);
    }
}

static int64_t get_and_return(void *queue)
{
    uint64_t number = 0;
    int rc = hoop_queue_get(queue, &number);
    return rc < 0 ? rc : (int64_t)number;
}

IN_A_TASK(one_that_waits_gets_what_comes_first_in_any_kind)
{
    for (enum kind kind = FIFO; kind < KINDS; kind++) {
        hoop_queue *queue = queue_of(kind, sizeof(uint64_t), 0);
        hoop_task *first = hoop_create_task(get_and_return, queue);
        hoop_task *second = hoop_create_task(get_and_return, queue);
        let_others_wait();
        put_number(queue, 9);
        put_number(queue, 5);
        assert_int_equal(hoop_await(first), 9);
        assert_int_equal(hoop_await(second), 5);
        hoop_queue_free(queue);
    }
}

/* ---- memory ---- */

static int make_each(void *arg)
{
    (void)arg;
    for (enum kind kind = FIFO; kind < KINDS; kind++) {
        hoop_queue *queue = queue_of(kind, 4, 10);
        if (queue == NULL)
            return hoop_last_error();
        assert_int_equal(hoop_queue_free(queue), 0);
    }
    return 0;
}

static void without_memory_there_is_no_queue(void **state)
{
    (void)state;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_each, NULL), KINDS);
}

/* A put that fails is tried again, once. */
static int put_stubbornly(hoop_queue *queue, uint64_t number)
{
    int rc = hoop_queue_put_nowait(queue, &number);
    if (rc == 0)
        return 0;
    assert_int_equal(rc, -ENOMEM);
    put_number(queue, number);
    return rc;
}

/* What fill_and_empty gets as the INDEXth of its numbers. */
static uint64_t expected_at(enum kind kind, uint64_t index)
{
    if (kind == LIFO)
        return 99 - index;
    if (kind == FIFO && index <= 3)
        return (index + 1) % 4;
    return index;
}

static int fill_and_empty(void *arg)
{
    enum kind kind = *(enum kind *)arg;
    hoop_queue *queue = queue_of(kind, sizeof(uint64_t), 0);
    if (queue == NULL)
        return hoop_last_error();
    int first_error = 0;
    for (uint64_t i = 0; i < 100; i++) {
        int rc = put_stubbornly(queue, i);
        if (rc < 0)
            first_error = rc;
        if (i == 3 && kind == FIFO) { /* so that the ring wraps around when it grows */
            assert_true(get_number(queue) == 0);
            put_number(queue, 0);
        }
    }
    for (uint64_t i = 0; i < 100; i++)
        assert_true(get_number(queue) == expected_at(kind, i));
    assert_int_equal(hoop_queue_free(queue), 0);
    return first_error;
}

static void a_queue_that_cannot_grow_refuses_the_item_and_keeps_the_others(void **state)
{
    (void)state;
    for (enum kind kind = FIFO; kind < KINDS; kind++)
        assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, fill_and_empty, &kind), 6);
}

IN_A_TASK(a_put_without_memory_fails_and_counts_for_nothing)
{
    hoop_queue *queue = hoop_queue_new(sizeof(uint64_t), 0);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    uint64_t number = 1;
    assert_int_equal(hoop_queue_put(queue, &number), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    assert_true(hoop_queue_is_empty(queue));
    assert_int_equal(hoop_queue_join(queue), 0);
    hoop_queue_free(queue);
}

IN_A_TASK(what_goes_straight_to_one_that_waits_takes_no_memory)
{
    hoop_queue *queue = hoop_queue_new(sizeof(uint64_t), 0);
    hoop_task *task = hoop_create_task(get_and_return, queue);
    let_others_wait();
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    put_number(queue, 4);
    assert_false(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_await(task), 4);
    hoop_queue_free(queue);
}

static void items_too_large_for_any_memory_are_refused(void **state)
{
    (void)state;
    hoop_queue *queue = hoop_queue_new(SIZE_MAX / 4, 0);
    char item = 0;
    assert_int_equal(hoop_queue_put_nowait(queue, &item), -ENOMEM);
    hoop_queue_free(queue);
}

/* ---- life ---- */

static void an_item_of_no_size_and_no_comparison_are_refused(void **state)
{
    (void)state;
    for (enum kind kind = FIFO; kind < KINDS; kind++) {
        assert_null(queue_of(kind, 0, 1));
        assert_int_equal(hoop_last_error(), -EINVAL);
    }
    assert_null(hoop_priority_queue_new(8, 1, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
}

static int64_t put_number_waiting(void *queue)
{
    return hoop_queue_put(queue, &(uint64_t){1});
}

static int64_t join_waiting(void *queue)
{
    return hoop_queue_join(queue);
}

static void assert_busy(hoop_queue *queue, hoop_coroutine_fn fn, const char *phrase)
{
    hoop_task *task = hoop_create_task(fn, queue);
    let_others_wait();
    assert_non_null(strstr(printed_tasks(), phrase));
    assert_int_equal(hoop_queue_free(queue), -EBUSY);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
}

IN_A_TASK(a_queue_is_not_freed_while_somebody_waits_at_it)
{
    hoop_queue *queue = hoop_queue_new(sizeof(uint64_t), 1);
    assert_busy(queue, get_and_return, "gets from a queue");
    put_number(queue, 1);
    assert_busy(queue, put_number_waiting, "puts into a queue");
    assert_busy(queue, join_waiting, "joins a queue");
    assert_int_equal(hoop_queue_free(queue), 0);
    assert_int_equal(hoop_queue_free(NULL), 0);
}

static int64_t go_on_after_the_end(void *queue)
{
    uint64_t number = 0;
    (void)!hoop_queue_get(queue, &number);
    fail_msg("a task went on after its loop was closed");
    return 0;
}

static void put_one(void *queue)
{
    put_number(queue, 1);
}

static void closing_the_loop_takes_its_tasks_from_the_queue(void **state)
{
    (void)state;
    hoop_queue *queue = hoop_queue_new(sizeof(uint64_t), 1);
    close_while_it_waits(go_on_after_the_end, queue, NULL);
    close_while_it_waits(go_on_after_the_end, queue, put_one); /* goes with the task */
    assert_true(hoop_queue_is_empty(queue));
    put_number(queue, 2);
    close_while_it_waits(put_number_waiting, queue, NULL);
    close_while_it_waits(join_waiting, queue, NULL);
    assert_true(get_number(queue) == 2);
    assert_true(hoop_queue_is_empty(queue));
    assert_int_equal(hoop_queue_free(queue), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(first_in_is_first_out),
        BEHAVIOUR(in_a_lifo_queue_last_in_is_first_out),
        BEHAVIOUR(in_a_priority_queue_smallest_is_first_out),
        BEHAVIOUR(each_kind_does_as_a_simple_model_in_any_sequence),
        BEHAVIOUR(items_may_have_any_size),
        BEHAVIOUR(the_item_of_one_that_waits_for_room_takes_its_place_in_the_order),
        BEHAVIOUR(one_that_waits_gets_what_comes_first_in_any_kind),
        BEHAVIOUR(without_memory_there_is_no_queue),
        BEHAVIOUR(a_queue_that_cannot_grow_refuses_the_item_and_keeps_the_others),
        BEHAVIOUR(a_put_without_memory_fails_and_counts_for_nothing),
        BEHAVIOUR(what_goes_straight_to_one_that_waits_takes_no_memory),
        BEHAVIOUR(items_too_large_for_any_memory_are_refused),
        BEHAVIOUR(an_item_of_no_size_and_no_comparison_are_refused),
        BEHAVIOUR(a_queue_is_not_freed_while_somebody_waits_at_it),
        BEHAVIOUR(closing_the_loop_takes_its_tasks_from_the_queue),
    };
    return cmocka_run_group_tests_name("queue_order", tests, NULL, NULL);
}
