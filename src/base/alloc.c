/* SPDX-License-Identifier: MIT
 *
 * See alloc.h.
 */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

static atomic_size_t live_allocations;

static void *counted(void *memory)
{
    if (memory != NULL)
        atomic_fetch_add_explicit(&live_allocations, 1, memory_order_relaxed);
    return memory;
}

void *alloc_zeroed(size_t size)
{
    return fault_hits(HOOP_FAIL_ALLOCATION) ? NULL : counted(calloc(1, size));
}

void *alloc_array(void *array, size_t count, size_t size)
{
    if (fault_hits(HOOP_FAIL_ALLOCATION))
        return NULL;
    void *grown = reallocarray(array, count, size);
    return array == NULL ? counted(grown) : grown;
}

char *alloc_string(const char *string)
{
    return fault_hits(HOOP_FAIL_ALLOCATION) ? NULL : counted(strdup(string));
}

char *alloc_format(const char *format, va_list arguments)
{
    char *string;
    if (fault_hits(HOOP_FAIL_ALLOCATION) || vasprintf(&string, format, arguments) < 0)
        return NULL;
    return counted(string);
}

void alloc_free(void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub_explicit(&live_allocations, 1, memory_order_relaxed);
    free(memory);
}

size_t hoop_testing_live_allocations(void)
{
    return atomic_load_explicit(&live_allocations, memory_order_relaxed);
}
