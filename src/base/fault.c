/* SPDX-License-Identifier: MIT
 *
 * See fault.h. The counter is atomic, as an executor's threads allocate too.
 */
#include "base/fault.h"

atomic_uint fault_kinds;
static _Atomic uint64_t fault_calls;
static _Atomic uint64_t fault_nth;

static _Atomic uint64_t fault_seed;
static atomic_uint fault_one_in; /* not 0: at random */

uint64_t hoop_testing_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* The CALLth number that follows from the seed: the generator's state is a counter. */
static bool fails_randomly(uint64_t call, uint32_t one_in)
{
    uint64_t state = atomic_load(&fault_seed) + call * 0x9e3779b97f4a7c15;
    return hoop_testing_random(&state) % one_in == 0;
}

bool fault_count(unsigned kind)
{
    if ((atomic_load(&fault_kinds) & kind) == 0)
        return false;
    uint32_t one_in = atomic_load(&fault_one_in);
    if (one_in != 0)
        return fails_randomly(atomic_fetch_add(&fault_calls, 1), one_in);
    return atomic_fetch_add(&fault_calls, 1) + 1 == atomic_load(&fault_nth);
}

void hoop_testing_fail_nth(unsigned kinds, uint64_t n)
{
    atomic_store(&fault_kinds, 0);
    atomic_store(&fault_calls, 0);
    atomic_store(&fault_nth, n);
    atomic_store(&fault_one_in, 0);
    atomic_store(&fault_kinds, n == 0 ? 0 : kinds);
}

void hoop_testing_fail_randomly(unsigned kinds, uint64_t seed, uint32_t one_in)
{
    atomic_store(&fault_kinds, 0);
    atomic_store(&fault_calls, 0);
    atomic_store(&fault_nth, 0);
    atomic_store(&fault_seed, seed);
    atomic_store(&fault_one_in, one_in);
    atomic_store(&fault_kinds, one_in == 0 ? 0 : kinds);
}

bool hoop_testing_failed(void)
{
    uint64_t nth = atomic_load(&fault_nth);
    return nth != 0 && atomic_load(&fault_calls) >= nth;
}
