/* SPDX-License-Identifier: MIT
 *
 * See fault.h. The counter is atomic, as an executor's threads allocate too.
 */
#include "base/fault.h"

atomic_uint fault_kinds;
static _Atomic uint64_t fault_calls;
static _Atomic uint64_t fault_nth;

bool fault_count(unsigned kind)
{
    if ((atomic_load(&fault_kinds) & kind) == 0)
        return false;
    return atomic_fetch_add(&fault_calls, 1) + 1 == atomic_load(&fault_nth);
}

void hoop_testing_fail_nth(unsigned kinds, uint64_t n)
{
    atomic_store(&fault_kinds, 0);
    atomic_store(&fault_calls, 0);
    atomic_store(&fault_nth, n);
    atomic_store(&fault_kinds, n == 0 ? 0 : kinds);
}

bool hoop_testing_failed(void)
{
    uint64_t nth = atomic_load(&fault_nth);
    return nth != 0 && atomic_load(&fault_calls) >= nth;
}
