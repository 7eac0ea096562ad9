/* SPDX-License-Identifier: MIT
 *
 * For tests, yours as well as hoop's own: programs that are tested so need no luck.
 *
 * Time: hoop_loop_options.clock = HOOP_CLOCK_VIRTUAL; timers are exact and take no time.
 *
 * Order: hoop_loop_options.seed makes the order in which ready tasks run random, lets them yield
 * now and then where an await need not suspend, and is with the virtual clock the same in each
 * run with that seed. A test that runs a program with a thousand
 * seeds, and prints the one that broke it, finds races between tasks that first come, first
 * served would never show. hoop_testing_choose leaves the order to the test, which can so try
 * them all.
 *
 * Failure: memory and the system fail on purpose, at each call in turn or at random.
 *
 * Leaks: how many of hoop's allocations live.
 *
 * A test of "what if this fails" runs its body again and again, failing the 1st,
 * 2nd, 3rd ... call, until the body passes untouched:
 *
 *     for (uint64_t n = 1;; n++) {
 *         hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, n);
 *         int rc = body();
 *         if (!hoop_testing_failed()) break;      the body made fewer calls than n
 *         assert(rc < 0);
 *     }
 *     hoop_testing_fail_nth(0, 0);
 *
 * The settings are the process's; set them while one thread runs.
 */
#ifndef HOOP_TESTING_H
#define HOOP_TESTING_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HOOP_FAIL_ALLOCATION = 1, /* hoop's next allocations: -ENOMEM */
    HOOP_FAIL_SYSCALL = 2,    /* hoop's next syscalls that can fail: HOOP_TESTING_ERRNO */
};

/* The errno of a syscall that was made to fail; EIO, as no caller expects it. */
#define HOOP_TESTING_ERRNO EIO

/* The Nth of the calls of these KINDS (a sum of flags), counted from now, fails; each
 * other one passes. N = 0 switches it off. Counting starts anew. */
HOOP_API void hoop_testing_fail_nth(unsigned kinds, uint64_t n);
/* Did that call of hoop_testing_fail_nth happen, and fail? */
HOOP_API bool hoop_testing_failed(void);

/* Each call of these KINDS fails with a chance of one in ONE_IN, reproducibly for one thread
 * with the same SEED. ONE_IN = 0 switches it off, as hoop_testing_fail_nth(0, 0) does. */
HOOP_API void hoop_testing_fail_randomly(unsigned kinds, uint64_t seed, uint32_t one_in);

/* A number from STATE, which moves on: the splitmix64 generator of Steele, Lea and Flood
 * (2014), for tests that want their own choices to follow from one seed. Any STATE will do. */
HOOP_API uint64_t hoop_testing_random(uint64_t *state);

/* Who is next: a number below COUNT, which is at least 2. */
typedef size_t (*hoop_choose_fn)(void *arg, size_t count);

/* From now on CHOOSE(ARG, COUNT) is asked, at the beginning of each iteration, which of the
 * COUNT tasks that are ready runs first, then which of the others is the second, and so on.
 * Callbacks keep their order among each other. NULL: first come, first served. It overrides
 * the loop's seed. */
HOOP_API void hoop_testing_choose(hoop_loop *loop, hoop_choose_fn choose, void *arg);

/* How many of hoop's allocations are not freed, over all threads. */
HOOP_API size_t hoop_testing_live_allocations(void);

#ifdef __cplusplus
}
#endif

#endif
