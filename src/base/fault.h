/* SPDX-License-Identifier: MIT
 *
 * The switch behind hoop/testing.h: alloc.c and sys.c ask here before each call that
 * can fail. Unarmed, which is always so outside of tests, it is one load.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <hoop/testing.h>
#include <stdatomic.h>

extern atomic_uint fault_kinds;

/* Counts one call of KIND while armed; true if this is the one to fail. */
bool fault_count(unsigned kind);

static inline bool fault_hits(unsigned kind)
{
    if (__builtin_expect(atomic_load_explicit(&fault_kinds, memory_order_relaxed) == 0, 1))
        return false;
    return fault_count(kind);
}

#endif
