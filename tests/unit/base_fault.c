/* SPDX-License-Identifier: MIT
 *
 * The switch that makes calls fail: it counts only its kinds, hits once, and starts anew.
 */
#include "harness.h"

#include <pthread.h>

#include "base/fault.h"

static void only_the_nth_call_is_hit(void **state)
{
    (void)state;
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 3);
    for (int call = 1; call <= 6; call++) {
        assert_int_equal(fault_hits(HOOP_FAIL_SYSCALL), call == 3);
        assert_int_equal(hoop_testing_failed(), call >= 3);
    }
}

static void calls_of_another_kind_neither_count_nor_fail(void **state)
{
    (void)state;
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 2);
    for (int i = 0; i < 5; i++)
        assert_false(fault_hits(HOOP_FAIL_ALLOCATION));
    assert_false(fault_hits(HOOP_FAIL_SYSCALL));
    assert_false(hoop_testing_failed());
    assert_true(fault_hits(HOOP_FAIL_SYSCALL));
}

static void both_kinds_are_counted_together(void **state)
{
    (void)state;
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL | HOOP_FAIL_ALLOCATION, 2);
    assert_false(fault_hits(HOOP_FAIL_SYSCALL));
    assert_true(fault_hits(HOOP_FAIL_ALLOCATION));
}

static void zero_switches_it_off_and_arming_starts_anew(void **state)
{
    (void)state;
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_true(fault_hits(HOOP_FAIL_SYSCALL));
    hoop_testing_fail_nth(0, 0);
    assert_false(hoop_testing_failed());
    assert_false(fault_hits(HOOP_FAIL_SYSCALL));
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 0);
    assert_false(fault_hits(HOOP_FAIL_SYSCALL));
    assert_false(hoop_testing_failed());
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 2);
    assert_false(hoop_testing_failed());
    assert_false(fault_hits(HOOP_FAIL_SYSCALL));
    assert_true(fault_hits(HOOP_FAIL_SYSCALL));
}

static void *count_hits(void *hits)
{
    for (int i = 0; i < 10000; i++)
        if (fault_hits(HOOP_FAIL_ALLOCATION))
            atomic_fetch_add((atomic_int *)hits, 1);
    return NULL;
}

static void among_threads_one_call_alone_is_hit(void **state)
{
    (void)state;
    pthread_t threads[4];
    atomic_int hits = 0;
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 20000);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_hits, &hits), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(hits, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(only_the_nth_call_is_hit),
        BEHAVIOUR(calls_of_another_kind_neither_count_nor_fail),
        BEHAVIOUR(both_kinds_are_counted_together),
        BEHAVIOUR(zero_switches_it_off_and_arming_starts_anew),
        BEHAVIOUR(among_threads_one_call_alone_is_hit),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
