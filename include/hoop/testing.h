/* SPDX-License-Identifier: MIT
 *
 * For tests: make memory and the system fail on purpose, and find what leaked.
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
/* Did that call happen, and fail? */
HOOP_API bool hoop_testing_failed(void);

/* How many of hoop's allocations are not freed, over all threads. */
HOOP_API size_t hoop_testing_live_allocations(void);

#ifdef __cplusplus
}
#endif

#endif
