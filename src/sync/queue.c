/* SPDX-License-Identifier: MIT
 *
 * Queues: who waits at which end. What they hold is in items.h.
 *
 * To remember: somebody waits to get only while there is no item, and to put only while
 * there is no room; so never both. Each call that changes this serves the first one that
 * waits, on the spot, by copying from or to the buffer that it waits with.
 */
#include <hoop/error.h>
#include <hoop/queue.h>

#include "base/alloc.h"
#include "sync/items.h"
#include "sync/waiters.h"

struct hoop_queue {
    struct items items;
    size_t limit; /* how many items may be in it; SIZE_MAX: no limit */
    hoop_link getters;
    hoop_link putters;
    size_t unfinished; /* items that were put and that task_done was not called for */
    hoop_link joiners; /* who waits for that to be 0 */
    bool is_shut_down; /* then nobody waits but joiners */
};

struct getter {
    struct wait wait;
    void *ret_item; /* the caller's */
};

struct putter {
    struct wait wait;
    const void *item; /* the caller's */
};

static const struct wait_kind getter_wait = {"gets from a queue", wait_cancel, NULL, NULL};
static const struct wait_kind putter_wait = {"puts into a queue", wait_cancel, NULL, NULL};
static const struct wait_kind joiner_wait = {"joins a queue", wait_cancel, NULL, NULL};

/* ---- without waiting ---- */

static void give(hoop_queue *queue, const void *item)
{
    struct wait *wait = waiters_first(&queue->getters);
    item_copy(queue->items.size, CONTAINER_OF(wait, struct getter, wait)->ret_item, item);
    wait_wake(wait, 0);
}

/* 0, -EAGAIN if there is no room, HOOP_ESHUTDOWN, -ENOMEM. */
static inline int put(hoop_queue *queue, const void *item)
{
    if (UNLIKELY(queue->is_shut_down))
        return HOOP_ESHUTDOWN;
    if (!list_is_empty(&queue->getters))
        give(queue, item);
    else if (UNLIKELY(queue->items.count >= queue->limit))
        return -EAGAIN;
    else if (UNLIKELY(!items_push(&queue->items, item)))
        return -ENOMEM;
    queue->unfinished++;
    return 0;
}

/* What follows is rarer or suspends anyway, and is not inlined: the calls that find room, or
 * an item, are the shorter for it. */
#define APART __attribute__((noinline))

/* There is room for the first putter's item, where another one has just left. */
static APART void pull(hoop_queue *queue)
{
    struct wait *wait = waiters_first(&queue->putters);
    bool has_room = items_push(&queue->items, CONTAINER_OF(wait, struct putter, wait)->item);
    assert(has_room);
    (void)has_room;
    queue->unfinished++;
    wait_wake(wait, 0);
}

/* 0, -EAGAIN if there is no item, HOOP_ESHUTDOWN. */
static inline int get(hoop_queue *queue, void *ret_item)
{
    if (queue->items.count == 0)
        return UNLIKELY(queue->is_shut_down) ? HOOP_ESHUTDOWN : -EAGAIN;
    items_pop(&queue->items, ret_item);
    if (UNLIKELY(!list_is_empty(&queue->putters)))
        pull(queue);
    return 0;
}

/* ---- life ---- */

static hoop_queue *queue_new(size_t item_size, size_t maxsize, enum items_order order,
                             hoop_compare_fn compare)
{
    if (item_size == 0)
        return failed(-EINVAL);
    hoop_queue *queue = alloc_zeroed(sizeof *queue);
    if (queue == NULL)
        return failed(-ENOMEM);
    queue->items = (struct items){.size = item_size, .order = order, .compare = compare};
    queue->limit = maxsize > 0 ? maxsize : SIZE_MAX;
    list_init(&queue->getters);
    list_init(&queue->putters);
    list_init(&queue->joiners);
    return queue;
}

hoop_queue *hoop_queue_new(size_t item_size, size_t maxsize)
{
    return queue_new(item_size, maxsize, ITEMS_FIFO, NULL);
}

hoop_queue *hoop_lifo_queue_new(size_t item_size, size_t maxsize)
{
    return queue_new(item_size, maxsize, ITEMS_LIFO, NULL);
}

hoop_queue *hoop_priority_queue_new(size_t item_size, size_t maxsize, hoop_compare_fn compare)
{
    if (compare == NULL)
        return failed(-EINVAL);
    return queue_new(item_size, maxsize, ITEMS_BY_PRIORITY, compare);
}

int hoop_queue_free(hoop_queue *queue)
{
    if (queue == NULL)
        return 0;
    if (!list_is_empty(&queue->getters) || !list_is_empty(&queue->putters) ||
        !list_is_empty(&queue->joiners))
        return misuse_here(-EBUSY, __func__);
    items_done(&queue->items);
    alloc_free(queue);
    return 0;
}

/* ---- items ---- */

static APART int wait_to_put(hoop_queue *queue, const void *item)
{
    struct putter self = {.item = item};
    wait_init(&self.wait, &putter_wait);
    list_append(&queue->putters, &self.wait.observer.link);
    return (int)wait_park(&self.wait);
}

int hoop_queue_put(hoop_queue *queue, const void *item)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    int rc = put(queue, item);
    if (UNLIKELY(rc < 0))
        return rc == -EAGAIN ? wait_to_put(queue, item) : wait_failed(rc);
    wait_spend();
    return 0;
}

static APART int wait_to_get(hoop_queue *queue, void *ret_item)
{
    struct getter self = {.ret_item = ret_item};
    wait_init(&self.wait, &getter_wait);
    list_append(&queue->getters, &self.wait.observer.link);
    return (int)wait_park(&self.wait);
}

int hoop_queue_get(hoop_queue *queue, void *ret_item)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    int rc = get(queue, ret_item);
    if (rc < 0)
        return rc == -EAGAIN ? wait_to_get(queue, ret_item) : wait_failed(rc);
    wait_spend();
    return 0;
}

int hoop_queue_put_nowait(hoop_queue *queue, const void *item)
{
    return put(queue, item);
}

int hoop_queue_get_nowait(hoop_queue *queue, void *ret_item)
{
    return get(queue, ret_item);
}

size_t hoop_queue_size(const hoop_queue *queue)
{
    return queue->items.count;
}

bool hoop_queue_is_empty(const hoop_queue *queue)
{
    return queue->items.count == 0;
}

bool hoop_queue_is_full(const hoop_queue *queue)
{
    return queue->items.count >= queue->limit;
}

size_t hoop_queue_maxsize(const hoop_queue *queue)
{
    return queue->limit == SIZE_MAX ? 0 : queue->limit;
}

/* ---- work that is done ---- */

static void finish(hoop_queue *queue, size_t count)
{
    assert(count <= queue->unfinished);
    queue->unfinished -= count;
    if (queue->unfinished == 0)
        waiters_wake_all(&queue->joiners, 0);
}

int hoop_queue_task_done(hoop_queue *queue)
{
    if (queue->unfinished == 0)
        return misuse_here(-EINVAL, __func__);
    finish(queue, 1);
    return 0;
}

int hoop_queue_join(hoop_queue *queue)
{
    if (turn.task == NULL)
        return wait_without_task(__func__);
    if (queue->unfinished > 0)
        return (int)waiters_park(&queue->joiners, &joiner_wait);
    wait_spend();
    return 0;
}

/* ---- the end ---- */

void hoop_queue_shutdown(hoop_queue *queue, bool immediate)
{
    queue->is_shut_down = true;
    waiters_wake_all(&queue->getters, HOOP_ESHUTDOWN);
    waiters_wake_all(&queue->putters, HOOP_ESHUTDOWN);
    if (!immediate)
        return;
    size_t dropped = queue->items.count; /* task_done may have been said for some already */
    queue->items.count = 0;
    finish(queue, dropped < queue->unfinished ? dropped : queue->unfinished);
}
