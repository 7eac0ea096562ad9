/* SPDX-License-Identifier: MIT
 *
 * What a queue holds: items of equal size in an array that grows, as a ring, a stack or a
 * heap. Knows nothing of tasks. Passing an item of 8 bytes through a ring is what programs
 * do most, and takes no call.
 */
#ifndef SYNC_ITEMS_H
#define SYNC_ITEMS_H

#include <hoop/queue.h>
#include <string.h>

#include "base/check.h"

enum items_order { ITEMS_FIFO, ITEMS_LIFO, ITEMS_BY_PRIORITY };

struct items {
    unsigned char *slots; /* capacity of them, size bytes each; NULL before the first item */
    size_t size;
    size_t capacity; /* 0 or a power of two */
    size_t first;    /* the slot of the oldest item of a ring; 0 in the other orders */
    size_t count;
    enum items_order order;
    hoop_compare_fn compare; /* if by priority */
};

/* items.c */
bool items_grow(struct items *items);
void items_heap_push(struct items *items, const void *item);
void items_heap_pop(struct items *items, void *ret_item);
void items_done(struct items *items);

static inline void *items_slot(const struct items *items, size_t index)
{
    return items->slots + index * items->size;
}

static inline void item_copy(size_t size, void *to, const void *from)
{
    if (LIKELY(size == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

/* False without memory; then nothing happened. */
static inline bool items_push(struct items *items, const void *item)
{
    if (UNLIKELY(items->count == items->capacity) && !items_grow(items))
        return false;
    if (UNLIKELY(items->order == ITEMS_BY_PRIORITY)) {
        items_heap_push(items, item);
        return true;
    }
    size_t index = (items->first + items->count) & (items->capacity - 1);
    item_copy(items->size, items_slot(items, index), item);
    items->count++;
    return true;
}

/* There must be one. Leaves a slot free, so that the next items_push needs no memory. */
static inline void items_pop(struct items *items, void *ret_item)
{
    assert(items->count > 0);
    if (UNLIKELY(items->order == ITEMS_BY_PRIORITY)) {
        items_heap_pop(items, ret_item);
        return;
    }
    items->count--;
    if (UNLIKELY(items->order == ITEMS_LIFO)) {
        item_copy(items->size, ret_item, items_slot(items, items->count));
        return;
    }
    item_copy(items->size, ret_item, items_slot(items, items->first));
    items->first = (items->first + 1) & (items->capacity - 1);
}

#endif
