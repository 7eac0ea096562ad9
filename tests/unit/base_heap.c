/* SPDX-License-Identifier: MIT
 *
 * The timer heap: order, ties, removal from the middle.
 */
#include "harness.h"

#include <stdlib.h>

#include "base/heap.h"

enum { COUNT = 2000 };

static void pops_in_deadline_order_with_ties_in_insertion_order(void **state)
{
    (void)state;
    static hoop_timer timers[COUNT];
    struct heap heap = {0};
    srand(1);
    for (int i = 0; i < COUNT; i++) {
        timers[i] = (hoop_timer){.deadline = rand() % 50};
        assert_true(heap_insert(&heap, &timers[i]));
    }
    const hoop_timer *last = NULL;
    for (int i = 0; i < COUNT; i++) {
        hoop_timer *timer = heap_first(&heap);
        heap_remove(&heap, timer);
        assert_int_equal(timer->position, 0);
        if (last != NULL) {
            assert_true(last->deadline <= timer->deadline);
            if (last->deadline == timer->deadline)
                assert_true(last->sequence < timer->sequence);
        }
        last = timer;
    }
    assert_true(heap_is_empty(&heap));
    heap_done(&heap);
}

static void removal_from_the_middle_keeps_the_order(void **state)
{
    (void)state;
    static hoop_timer timers[COUNT];
    struct heap heap = {0};
    srand(2);
    for (int i = 0; i < COUNT; i++) {
        timers[i] = (hoop_timer){.deadline = rand()};
        assert_true(heap_insert(&heap, &timers[i]));
    }
    for (int i = 0; i < COUNT; i += 2)
        heap_remove(&heap, &timers[i]);
    assert_int_equal(heap.count, COUNT / 2);
    int64_t last = -1;
    while (!heap_is_empty(&heap)) {
        hoop_timer *timer = heap_first(&heap);
        assert_true((timer - timers) % 2 == 1);
        assert_true(timer->deadline >= last);
        last = timer->deadline;
        heap_remove(&heap, timer);
    }
    heap_done(&heap);
}

static void insertion_fails_cleanly_without_memory(void **state)
{
    (void)state;
    static hoop_timer timers[200];
    struct heap heap = {0};
    for (int i = 0; i < 200; i++) {
        timers[i] = (hoop_timer){.deadline = 200 - i};
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
        bool inserted = heap_insert(&heap, &timers[i]);
        bool failed = hoop_testing_failed();
        hoop_testing_fail_nth(0, 0);
        assert_int_equal(inserted, !failed);
        if (failed) {
            assert_int_equal(timers[i].position, 0);
            assert_true(heap_insert(&heap, &timers[i]));
        }
    }
    for (int64_t expected = 1; expected <= 200; expected++) {
        assert_int_equal(heap_first_deadline(&heap), expected);
        heap_remove(&heap, heap_first(&heap));
    }
    heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(pops_in_deadline_order_with_ties_in_insertion_order),
        BEHAVIOUR(removal_from_the_middle_keeps_the_order),
        BEHAVIOUR(insertion_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
