/* SPDX-License-Identifier: MIT
 *
 * What the sys files have in common: a test may make the next call fail, and the result of a
 * call in hoop's convention.
 */
#ifndef BASE_SYS_RESULT_H
#define BASE_SYS_RESULT_H

#include <errno.h>
#include <stdint.h>

#include "base/fault.h"

/* Asked before each call that can fail: is it to fail now, with HOOP_TESTING_ERRNO? */
static inline bool fails(void)
{
    return fault_hits(HOOP_FAIL_SYSCALL);
}

static inline int checked(int result)
{
    return result < 0 ? -errno : result;
}

/* The result of CALL, made again as long as a signal interrupts it. */
#define RETRIED(call) \
    __extension__({ \
        int64_t result_; \
        do \
            result_ = (call); \
        while (result_ < 0 && errno == EINTR); \
        result_ < 0 ? -(int64_t)errno : result_; \
    })

#endif
