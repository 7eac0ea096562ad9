/* SPDX-License-Identifier: MIT
 *
 * How long a thread looks out for work before it sleeps: up to LOOKOUT_MAX_NS, halved
 * whenever that was in vain, down to nothing, and then tried again with every so many waits;
 * never on one processor (docs/decisions/0012-executor.md).
 */
#ifndef BASE_LOOKOUT_H
#define BASE_LOOKOUT_H

#include "base/sys.h"

#define LOOKOUT_MAX_NS 50000
#define LOOKOUT_MIN_NS 5000
#define LOOKOUT_RETRY 32
#define LOOKOUT_LOOKS 16 /* between two looks at the clock */

struct lookout {
    int64_t limit;    /* nanoseconds; 0: not now */
    unsigned skipped; /* waits since it came down to 0 */
};

/* How long to look out in this wait; 0: not at all. */
static inline int64_t lookout_begin(struct lookout *lookout)
{
    if (sys_processor_count() == 1)
        return 0;
    if (lookout->limit == 0 && ++lookout->skipped >= LOOKOUT_RETRY) {
        lookout->limit = LOOKOUT_MAX_NS;
        lookout->skipped = 0;
    }
    return lookout->limit;
}

/* Learns whether what was looked out for CAME. */
static inline void lookout_end(struct lookout *lookout, bool came)
{
    if (came)
        lookout->limit = LOOKOUT_MAX_NS;
    else
        lookout->limit = lookout->limit > LOOKOUT_MIN_NS ? lookout->limit / 2 : 0;
}

#endif
