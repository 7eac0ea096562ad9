/* SPDX-License-Identifier: MIT
 *
 * See heap.h. The children of position p are 4p-2 .. 4p+1, its parent is (p+2)/4.
 */
#include "base/heap.h"

#include "base/alloc.h"
#include "base/check.h"

#define ARITY 4
#define FIRST_CAPACITY 64

static bool is_before(struct heap_entry a, struct heap_entry b)
{
    if (LIKELY(a.deadline != b.deadline))
        return a.deadline < b.deadline;
    return a.timer->sequence < b.timer->sequence;
}

static void place(struct heap *heap, size_t position, struct heap_entry entry)
{
    heap->entries[position] = entry;
    entry.timer->position = position;
}

/* Moves the hole at POSITION up until ENTRY fits into it. */
static void sift_up(struct heap *heap, size_t position, struct heap_entry entry)
{
    while (position > 1) {
        size_t parent = (position + 2) / ARITY;
        if (!is_before(entry, heap->entries[parent]))
            break;
        place(heap, position, heap->entries[parent]);
        position = parent;
    }
    place(heap, position, entry);
}

static size_t first_child(const struct heap *heap, size_t child)
{
    size_t best = child;
    size_t end = child + ARITY <= heap->count + 1 ? child + ARITY : heap->count + 1;
    for (size_t i = child + 1; i < end; i++)
        if (is_before(heap->entries[i], heap->entries[best]))
            best = i;
    return best;
}

static void sift_down(struct heap *heap, size_t position, struct heap_entry entry)
{
    for (;;) {
        size_t child = ARITY * position - 2;
        if (child > heap->count)
            break;
        child = first_child(heap, child);
        if (!is_before(heap->entries[child], entry))
            break;
        place(heap, position, heap->entries[child]);
        position = child;
    }
    place(heap, position, entry);
}

static bool grow(struct heap *heap)
{
    size_t capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity * 2;
    struct heap_entry *entries = alloc_array(heap->entries, capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    heap->entries = entries;
    heap->capacity = capacity;
    return true;
}

bool heap_insert(struct heap *heap, hoop_timer *timer)
{
    assert(timer->position == 0);
    if (UNLIKELY(heap->count + 1 >= heap->capacity) && !grow(heap))
        return false;
    timer->sequence = ++heap->sequence;
    sift_up(heap, ++heap->count, (struct heap_entry){timer->deadline, timer});
    return true;
}

void heap_remove(struct heap *heap, hoop_timer *timer)
{
    size_t hole = timer->position;
    assert(hole >= 1 && hole <= heap->count && heap->entries[hole].timer == timer);
    struct heap_entry last = heap->entries[heap->count--];
    timer->position = 0;
    if (last.timer == timer)
        return;
    if (is_before(last, (struct heap_entry){timer->deadline, timer}))
        sift_up(heap, hole, last);
    else
        sift_down(heap, hole, last);
}

void heap_done(struct heap *heap)
{
    alloc_free(heap->entries);
    *heap = (struct heap){0};
}
