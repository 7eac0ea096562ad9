/* SPDX-License-Identifier: MIT
 *
 * Seconds as the API speaks them, nanoseconds as the inside counts them. A time that
 * does not fit, infinity above all, becomes CLOCK_NEVER.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <math.h>
#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

static inline double clock_to_seconds(int64_t ns)
{
    return ns == CLOCK_NEVER ? (double)INFINITY : (double)ns / 1e9;
}

/* Rounds to the nearest nanosecond. SECONDS may be negative or infinite, not NaN. */
static inline int64_t clock_from_seconds(double seconds)
{
    double ns = seconds * 1e9;
    if (ns >= 9.2e18)
        return CLOCK_NEVER;
    if (ns <= -9.2e18)
        return INT64_MIN + 1;
    int64_t whole = (int64_t)ns;
    double rest = ns - (double)whole; /* exact, where adding a half first is not */
    return whole + (rest >= 0.5) - (rest <= -0.5);
}

/* START + DELAY without overflow; DELAY >= 0. */
static inline int64_t clock_add(int64_t start, int64_t delay)
{
    return start > CLOCK_NEVER - delay ? CLOCK_NEVER : start + delay;
}

#endif
