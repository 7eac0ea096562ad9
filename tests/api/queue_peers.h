/* SPDX-License-Identifier: MIT
 *
 * Tasks at the ends of a queue of ints, as several tests of queues need them.
 */
#ifndef TESTS_API_QUEUE_PEERS_H
#define TESTS_API_QUEUE_PEERS_H

#include "in_a_task.h"

/* A task at one end of a queue. */
struct peer {
    hoop_queue *queue;
    hoop_task *task;
    int item; /* what it puts, or has got */
};

static inline int64_t put_one(void *arg)
{
    struct peer *peer = arg;
    return hoop_queue_put(peer->queue, &peer->item);
}

static inline int64_t get_one(void *arg)
{
    struct peer *peer = arg;
    return hoop_queue_get(peer->queue, &peer->item);
}

enum { COUNT = 4 };

/* Each of COUNT tasks calls FN with a peer of its own, with the items 1, 2, 3 ... */
static inline void start_peers(hoop_queue *queue, struct peer *peers, hoop_coroutine_fn fn)
{
    for (int i = 0; i < COUNT; i++) {
        peers[i] = (struct peer){.queue = queue, .item = i + 1};
        peers[i].task = hoop_create_task(fn, &peers[i]);
    }
    let_others_wait();
}

static inline void end_peers(struct peer *peers, int64_t result)
{
    for (int i = 0; i < COUNT; i++)
        assert_true(hoop_await(peers[i].task) == result);
}

static inline void put(hoop_queue *queue, int item)
{
    assert_int_equal(hoop_queue_put_nowait(queue, &item), 0);
}

static inline int get(hoop_queue *queue)
{
    int item = 12345;
    assert_int_equal(hoop_queue_get_nowait(queue, &item), 0);
    return item;
}

#endif
