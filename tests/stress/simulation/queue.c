/* SPDX-License-Identifier: MIT
 *
 * Deeds with queues. Each item is put once, so that one which is lost or doubled shows.
 */
#include "world.h"

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t new_item(void)
{
    return (uint64_t)pick(8) << 32 | ++world.sequence;
}

/* ---- the model ---- */

static bool is_full(const struct queue *queue)
{
    return queue->limit > 0 && queue->count == queue->limit;
}

static void model_push(struct queue *queue, uint64_t item)
{
    queue->items[queue->count++] = item;
}

static uint64_t model_pop(struct queue *queue)
{
    int chosen = queue->kind == LIFO ? queue->count - 1 : 0;
    if (queue->kind == PRIORITY)
        for (int i = 1; i < queue->count; i++)
            if (queue->items[i] < queue->items[chosen])
                chosen = i;
    uint64_t item = queue->items[chosen];
    queue->count--;
    for (int i = chosen; i < queue->count; i++)
        queue->items[i] = queue->items[i + 1];
    return item;
}

/* There is room, or a getter: to whom ITEM goes, NULL if into the queue. */
static struct actor *model_put(struct queue *queue, uint64_t item)
{
    struct actor *getter = line_serve(&queue->getters, 0);
    if (getter != NULL)
        getter->wait.item = item;
    else
        model_push(queue, item);
    queue->unfinished++;
    return getter;
}

/* There is an item. */
static uint64_t model_get(struct queue *queue)
{
    uint64_t item = model_pop(queue);
    const struct actor *putter = line_serve(&queue->putters, 0);
    if (putter != NULL) {
        model_push(queue, putter->wait.item);
        queue->unfinished++;
    }
    return item;
}

static void model_finish(struct queue *queue, int count)
{
    queue->unfinished -= count;
    while (queue->unfinished == 0 && line_serve(&queue->joiners, 0) != NULL)
        ;
}

/* It could not grow for the item that was pushed last. */
static void model_undo_put(struct queue *queue)
{
    queue->count--;
    queue->unfinished--;
}

static void check_size(const struct queue *queue)
{
    CHECK(hoop_queue_size(queue->queue) == (size_t)queue->count);
    CHECK(hoop_queue_is_empty(queue->queue) == (queue->count == 0));
    CHECK(hoop_queue_is_full(queue->queue) == is_full(queue));
}

/* ---- to put and to get ---- */

static int put_nowait(struct queue *queue)
{
    uint64_t item = new_item();
    bool has_getter = line_length(&queue->getters) > 0;
    int expected = queue->is_shut_down                    ? HOOP_ESHUTDOWN
                   : !has_getter && is_full(queue)        ? -EAGAIN
                   : !has_getter && queue->count == ITEMS ? 1
                                                          : 0;
    if (expected == 1)
        return 0;
    if (expected == 0)
        model_put(queue, item);
    int rc = hoop_queue_put_nowait(queue->queue, &item);
    if (!has_getter && expected == 0 && is_memory_failure(rc))
        model_undo_put(queue);
    else
        CHECK(rc == expected);
    return 0;
}

static int put(struct actor *self, struct queue *queue)
{
    uint64_t item = new_item();
    if (queue->is_shut_down) {
        CHECK(hoop_queue_put(queue->queue, &item) == HOOP_ESHUTDOWN);
        return 0;
    }
    if (line_length(&queue->getters) == 0 && is_full(queue)) {
        line_join(self, &queue->putters, (struct wait){.name = "queue, to put", .item = item});
        int rc = hoop_queue_put(queue->queue, &item);
        line_left(self, rc);
        return rc == HOOP_ESHUTDOWN ? 0 : rc;
    }
    if (queue->count == ITEMS)
        return 0;
    bool was_passed_on = model_put(queue, item) != NULL;
    int rc = hoop_queue_put(queue->queue, &item);
    if (!was_passed_on && is_memory_failure(rc))
        model_undo_put(queue);
    else
        CHECK(rc == 0);
    return 0;
}

static int get_nowait(struct queue *queue)
{
    uint64_t expected = UINT64_MAX, item = UINT64_MAX;
    int rc = 0;
    if (queue->count > 0)
        expected = model_get(queue);
    else
        rc = queue->is_shut_down ? HOOP_ESHUTDOWN : -EAGAIN;
    CHECK(hoop_queue_get_nowait(queue->queue, &item) == rc);
    CHECK(item == expected);
    return 0;
}

static int get(struct actor *self, struct queue *queue)
{
    uint64_t item = UINT64_MAX;
    if (queue->count > 0) {
        uint64_t expected = model_get(queue);
        CHECK(hoop_queue_get(queue->queue, &item) == 0);
        CHECK(item == expected);
        return 0;
    }
    if (queue->is_shut_down) {
        CHECK(hoop_queue_get(queue->queue, &item) == HOOP_ESHUTDOWN);
        return 0;
    }
    line_join(self, &queue->getters, (struct wait){.name = "queue, to get", .item = UINT64_MAX});
    int rc = hoop_queue_get(queue->queue, &item);
    CHECK(item == self->wait.item);
    line_left(self, rc);
    return rc == HOOP_ESHUTDOWN ? 0 : rc;
}

static int join(struct actor *self, struct queue *queue)
{
    if (queue->unfinished == 0) {
        CHECK(hoop_queue_join(queue->queue) == 0);
        return 0;
    }
    line_join(self, &queue->joiners, (struct wait){.name = "queue, to join"});
    int rc = hoop_queue_join(queue->queue);
    line_left(self, rc);
    return rc;
}

/* ---- the rest ---- */

static void task_done(struct queue *queue)
{
    int expected = queue->unfinished > 0 ? 0 : -EINVAL;
    if (expected == 0)
        model_finish(queue, 1);
    CHECK(hoop_queue_task_done(queue->queue) == expected);
}

static bool queue_renew(struct queue *queue)
{
    enum queue_kind kind = (enum queue_kind)pick(3);
    int limit = pick(4);
    size_t maxsize = (size_t)limit;
    hoop_queue *new = kind == FIFO   ? hoop_queue_new(sizeof(uint64_t), maxsize)
                      : kind == LIFO ? hoop_lifo_queue_new(sizeof(uint64_t), maxsize)
                                     : hoop_priority_queue_new(sizeof(uint64_t), maxsize, compare);
    if (new == NULL) {
        CHECK(is_memory_failure(hoop_last_error()));
        return false;
    }
    *queue = (struct queue){.queue = new, .kind = kind, .limit = limit};
    return true;
}

/* Shuts it down; and the next time, if all who waited have gone on, makes a new one. */
static void shut_down(struct queue *queue)
{
    if (!queue->is_shut_down) {
        bool is_immediate = one_in(2);
        queue->is_shut_down = true;
        while (line_serve(&queue->getters, HOOP_ESHUTDOWN) != NULL)
            ;
        while (line_serve(&queue->putters, HOOP_ESHUTDOWN) != NULL)
            ;
        if (is_immediate) {
            int dropped = queue->count;
            queue->count = 0;
            model_finish(queue, dropped < queue->unfinished ? dropped : queue->unfinished);
        }
        hoop_queue_shutdown(queue->queue, is_immediate);
        return;
    }
    if (queue->getters.count + queue->putters.count + queue->joiners.count > 0) {
        if (line_length(&queue->joiners) > 0)
            CHECK(hoop_queue_free(queue->queue) == -EBUSY);
        return;
    }
    hoop_queue *old = queue->queue;
    if (queue_renew(queue))
        CHECK(hoop_queue_free(old) == 0);
}

int64_t use_queue(struct actor *self, int nesting)
{
    (void)nesting;
    struct queue *queue = &world.queues[pick(QUEUES)];
    check_size(queue);
    int rc = 0;
    int deed = pick(queue->is_shut_down ? 16 : 64);
    if (deed < 2)
        shut_down(queue);
    else if (deed < 5)
        rc = join(self, queue);
    else if (deed < 14)
        task_done(queue);
    else if (deed < 20)
        rc = put_nowait(queue);
    else if (deed < 26)
        rc = get_nowait(queue);
    else if (deed < 45)
        rc = put(self, queue);
    else
        rc = get(self, queue);
    trace(self, "queue", deed << 8 | (rc & 0xff));
    return rc;
}

void touch_queue(void)
{
    struct queue *queue = &world.queues[pick(QUEUES)];
    check_size(queue);
    switch (pick(4)) {
    case 0:
        task_done(queue);
        break;
    case 1:
        get_nowait(queue);
        break;
    default:
        put_nowait(queue);
        break;
    }
}

void queues_begin(void)
{
    for (int i = 0; i < QUEUES; i++)
        CHECK(queue_renew(&world.queues[i]));
}

void queues_end(void)
{
    for (int i = 0; i < QUEUES; i++) {
        while (world.queues[i].count > 0)
            get_nowait(&world.queues[i]);
        check_size(&world.queues[i]);
        CHECK(hoop_queue_free(world.queues[i].queue) == 0);
    }
}
