/* SPDX-License-Identifier: MIT
 *
 * Random but repeatable choices, and checks that name the seed when they fail.
 */
#ifndef TESTS_STRESS_RANDOM_H
#define TESTS_STRESS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern uint64_t stress_seed; /* each program has its own */

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "seed %llu: %s:%d: %s does not hold\n", \
                    (unsigned long long)stress_seed, __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 0 to LIMIT - 1. */
static inline int pick(uint64_t *state, int limit)
{
    return (int)((next_random(state) >> 20) % (uint64_t)limit);
}

#endif
