/* SPDX-License-Identifier: MIT
 *
 * Items: growing, and the heap. Nothing is swapped in the heap: a hole moves to where the
 * item belongs, so that no room for an item of unknown size is needed.
 */
#include "sync/items.h"

#include "base/alloc.h"

#define FIRST_CAPACITY 8

/* All slots are taken. Those of a ring that come before its first one follow the last one
 * now. */
bool items_grow(struct items *items)
{
    size_t old = items->capacity;
    size_t capacity = old == 0 ? FIRST_CAPACITY : 2 * old;
    unsigned char *slots = alloc_array(items->slots, capacity, items->size);
    if (slots == NULL)
        return false;
    items->slots = slots;
    items->capacity = capacity;
    if (items->first > 0)
        memcpy(items_slot(items, old), slots, items->first * items->size);
    return true;
}

void items_done(struct items *items)
{
    alloc_free(items->slots);
}

/* ---- the heap: slot i comes no later than slots 2i + 1 and 2i + 2 ---- */

static bool is_before(const struct items *items, const void *a, const void *b)
{
    return items->compare(a, b) < 0;
}

/* There is a free slot. */
void items_heap_push(struct items *items, const void *item)
{
    size_t hole = items->count++;
    while (hole > 0) {
        size_t parent = (hole - 1) / 2;
        if (!is_before(items, item, items_slot(items, parent)))
            break;
        item_copy(items->size, items_slot(items, hole), items_slot(items, parent));
        hole = parent;
    }
    item_copy(items->size, items_slot(items, hole), item);
}

/* The child of SLOT that comes first; items->count if it has none. */
static size_t first_child(const struct items *items, size_t slot)
{
    size_t child = 2 * slot + 1;
    if (child >= items->count)
        return items->count;
    bool is_second = child + 1 < items->count &&
                     is_before(items, items_slot(items, child + 1), items_slot(items, child));
    return child + is_second;
}

/* The last item fills the hole, and stays in its old slot until the hole has its place. */
void items_heap_pop(struct items *items, void *ret_item)
{
    item_copy(items->size, ret_item, items->slots);
    const void *last = items_slot(items, --items->count);
    size_t hole = 0;
    for (;;) {
        size_t child = first_child(items, hole);
        if (child == items->count || !is_before(items, items_slot(items, child), last))
            break;
        item_copy(items->size, items_slot(items, hole), items_slot(items, child));
        hole = child;
    }
    if (items_slot(items, hole) != last)
        item_copy(items->size, items_slot(items, hole), last);
}
