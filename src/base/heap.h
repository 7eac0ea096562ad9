/* SPDX-License-Identifier: MIT
 *
 * The timer queue: a 4-ary heap of {deadline, timer}. The deadline stands beside the
 * pointer, so that ordering touches no timer but for ties; each timer knows its place,
 * so that it is removed in O(log n). (Measured against binary and 8-ary heaps and a
 * timer wheel: docs/decisions/0004-timers.md.)
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <hoop/embed.h>

struct heap_entry {
    int64_t deadline;
    hoop_timer *timer;
};

struct heap {
    struct heap_entry *entries; /* entries[1] .. entries[count]; 0 is unused */
    size_t count;
    size_t capacity;
    uint64_t sequence; /* of the last timer that was inserted */
};

static inline bool heap_is_empty(const struct heap *heap)
{
    return heap->count == 0;
}

/* The earliest deadline; the heap must not be empty. */
static inline int64_t heap_first_deadline(const struct heap *heap)
{
    return heap->entries[1].deadline;
}

static inline hoop_timer *heap_first(const struct heap *heap)
{
    return heap->entries[1].timer;
}

/* TIMER->deadline is set, and stays while it is in the heap. False without memory. */
bool heap_insert(struct heap *heap, hoop_timer *timer);
void heap_remove(struct heap *heap, hoop_timer *timer);
void heap_done(struct heap *heap);

#endif
