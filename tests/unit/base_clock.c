/* SPDX-License-Identifier: MIT
 *
 * Seconds and nanoseconds: rounding, signs, what does not fit, and adding without overflow.
 */
#include "harness.h"

#include <math.h>

#include "base/clock.h"

static void seconds_are_rounded_to_the_nearest_nanosecond(void **state)
{
    (void)state;
    assert_int_equal(clock_from_seconds(0), 0);
    assert_int_equal(clock_from_seconds(1), 1000000000);
    assert_int_equal(clock_from_seconds(0.1), 100000000);
    assert_int_equal(clock_from_seconds(0.3), 300000000); /* 0.3 * 1e9 is a little less */
    assert_int_equal(clock_from_seconds(1e-9), 1);
    assert_int_equal(clock_from_seconds(1.4e-9), 1);
    assert_int_equal(clock_from_seconds(1.6e-9), 2);
    assert_int_equal(clock_from_seconds(0.4e-9), 0);
}

static void negative_seconds_are_rounded_away_from_no_side(void **state)
{
    (void)state;
    assert_int_equal(clock_from_seconds(-1), -1000000000);
    assert_int_equal(clock_from_seconds(-0.1), -100000000);
    assert_int_equal(clock_from_seconds(-1.4e-9), -1);
    assert_int_equal(clock_from_seconds(-1.6e-9), -2);
    assert_int_equal(clock_from_seconds(-0.4e-9), 0);
    assert_int_equal(clock_from_seconds(-0.0), 0);
}

static void times_that_do_not_fit_are_never_or_long_past(void **state)
{
    (void)state;
    assert_true(clock_from_seconds((double)INFINITY) == CLOCK_NEVER);
    assert_true(clock_from_seconds(1e300) == CLOCK_NEVER);
    assert_true(clock_from_seconds(9.3e9) == CLOCK_NEVER);
    assert_true(clock_from_seconds(9.2235e9) == CLOCK_NEVER); /* just beyond 2^63 */
    assert_true(clock_from_seconds(9.1e9) == INT64_C(9100000000000000000));
    assert_true(clock_from_seconds(-(double)INFINITY) < -INT64_C(9200000000000000000));
    assert_true(clock_from_seconds(-9.2235e9) < -INT64_C(9200000000000000000));
    assert_true(clock_from_seconds(-1e300) < -INT64_C(9200000000000000000));
    assert_true(clock_from_seconds(-9.1e9) == -INT64_C(9100000000000000000));
}

/* A double has a whole nanosecond left for these 104 days; none may be lost on the way. */
static void nanoseconds_survive_the_way_through_seconds(void **state)
{
    (void)state;
    const int64_t times[] = {
        1, 2, 3, 999999999, 1000000001, 123456789012345, INT64_C(4503599627370497)};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_int_equal(clock_from_seconds(clock_to_seconds(times[i])), times[i]);
        assert_int_equal(clock_from_seconds(-clock_to_seconds(times[i])), -times[i]);
    }
}

static void adding_a_delay_stops_at_never(void **state)
{
    (void)state;
    assert_int_equal(clock_add(5, 7), 12);
    assert_int_equal(clock_add(-5, 7), 2);
    assert_true(clock_add(5, CLOCK_NEVER) == CLOCK_NEVER);
    assert_true(clock_add(CLOCK_NEVER, 1) == CLOCK_NEVER);
    assert_true(clock_add(CLOCK_NEVER - 3, 3) == CLOCK_NEVER);
    assert_true(clock_add(CLOCK_NEVER - 3, 2) == CLOCK_NEVER - 1);
    assert_true(clock_add(0, CLOCK_NEVER) == CLOCK_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(seconds_are_rounded_to_the_nearest_nanosecond),
        BEHAVIOUR(negative_seconds_are_rounded_away_from_no_side),
        BEHAVIOUR(times_that_do_not_fit_are_never_or_long_past),
        BEHAVIOUR(nanoseconds_survive_the_way_through_seconds),
        BEHAVIOUR(adding_a_delay_stops_at_never),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
