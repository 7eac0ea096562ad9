/* SPDX-License-Identifier: MIT
 *
 * Failures at random that come again with their seed, and random numbers.
 */
#include <errno.h>

#include "harness.h"

/* ---- failures at random ---- */

enum { CALLS = 2000 };

static int draw_failures(bool *ret_failed)
{
    int failures = 0;
    for (int i = 0; i < CALLS; i++) {
        hoop_lock *lock = hoop_lock_new();
        ret_failed[i] = lock == NULL;
        failures += lock == NULL;
        assert_true(lock != NULL || hoop_last_error() == -ENOMEM);
        assert_int_equal(hoop_lock_free(lock), 0);
    }
    return failures;
}

static void random_failures_come_again_with_their_seed(void **state)
{
    (void)state;
    bool first[CALLS], second[CALLS], other[CALLS];
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 42, 10);
    int failures = draw_failures(first);
    assert_in_range(failures, CALLS / 20, CALLS / 5);
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 42, 10);
    assert_int_equal(draw_failures(second), failures);
    assert_memory_equal(first, second, sizeof first);
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 43, 10);
    draw_failures(other);
    assert_memory_not_equal(first, other, sizeof first);
}

static void one_in_one_fails_always(void **state)
{
    (void)state;
    bool failed[CALLS];
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 42, 1);
    assert_int_equal(draw_failures(failed), CALLS);
}

static void random_failures_end_when_switched_off(void **state)
{
    (void)state;
    bool failed[CALLS];
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 42, 1);
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 42, 0);
    assert_int_equal(draw_failures(failed), 0);
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 42, 1);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(draw_failures(failed), 0);
}

static void failing_syscalls_leave_allocations_alone(void **state)
{
    (void)state;
    bool failed[CALLS];
    hoop_testing_fail_randomly(HOOP_FAIL_SYSCALL, 42, 1);
    assert_int_equal(draw_failures(failed), 0);
    assert_null(hoop_new_event_loop());
    assert_int_equal(hoop_last_error(), -HOOP_TESTING_ERRNO);
}

/* As published for this generator. */
static void random_numbers_are_splitmix64(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
        UINT64_C(16408922859458223821),
    };
    uint64_t generator = 1234567;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_true(hoop_testing_random(&generator) == expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(random_failures_come_again_with_their_seed),
        BEHAVIOUR(one_in_one_fails_always),
        BEHAVIOUR(random_failures_end_when_switched_off),
        BEHAVIOUR(failing_syscalls_leave_allocations_alone),
        BEHAVIOUR(random_numbers_are_splitmix64),
    };
    return cmocka_run_group_tests_name("random_failures", tests, NULL, NULL);
}
