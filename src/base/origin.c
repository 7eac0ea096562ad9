/* SPDX-License-Identifier: MIT
 *
 * See origin.h. Addresses alone are kept; names are found when it is printed.
 */
#include "base/origin.h"

#include <string.h>

#include "base/alloc.h"
#include "base/backtrace.h"

#define FRAMES_MAX 16

struct hoop_origin {
    size_t count;
    void *addresses[];
};

/* Not inlined, as its frame is left out. */
__attribute__((noinline)) struct hoop_origin *origin_capture(void)
{
    void *addresses[FRAMES_MAX];
    size_t count = backtrace_take(addresses, FRAMES_MAX, 1);
    struct hoop_origin *origin = alloc_zeroed(sizeof *origin + count * sizeof addresses[0]);
    if (origin == NULL)
        return NULL;
    origin->count = count;
    memcpy(origin->addresses, addresses, count * sizeof addresses[0]);
    return origin;
}

void origin_free(struct hoop_origin *origin)
{
    alloc_free(origin);
}

void origin_print(const struct hoop_origin *origin, FILE *out)
{
    if (origin != NULL)
        backtrace_print(origin->addresses, origin->count, out);
}
