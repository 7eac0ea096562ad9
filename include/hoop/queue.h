/* SPDX-License-Identifier: MIT
 *
 * Queues: items on their way from tasks to tasks. An item is so many bytes, a number, a
 * pointer or a struct, and is copied in and out.
 *
 *     hoop_queue *jobs = hoop_queue_new(sizeof(struct job), 100);
 *
 *     int rc = hoop_queue_put(jobs, &job);             waits while 100 are there
 *
 *     while ((rc = hoop_queue_get(jobs, &job)) == 0) { waits while none is there
 *         work(&job);
 *         hoop_queue_task_done(jobs);
 *     }
 *
 * Fair: who waits longest is served first, at both ends. An item goes straight to the task
 * that waits for it, and the item of a task that waits for room straight into the queue: so
 * who was served has been, even if it is cancelled before it runs. Its get returns 0 and the
 * item, its put returns 0 and has put. Who is cancelled before has got or put nothing.
 *
 * Memory: a queue grows as items come, by doubling, and keeps what it has until it is freed;
 * an item that passes straight on takes none.
 *
 * Threads: as for a lock (lock.h). All calls but put, get and join may come from callbacks.
 */
#ifndef HOOP_QUEUE_H
#define HOOP_QUEUE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_queue hoop_queue;

/* < 0, 0 or > 0 as A comes before, with or after B; as for qsort. */
typedef int (*hoop_compare_fn)(const void *a, const void *b);

/* ---- life ----------------------------------------------------------------- */

/* A queue of items of ITEM_SIZE bytes, at most MAXSIZE of them at a time; 0: no limit. What
 * comes out first is what went in
 *   hoop_queue_new             first,
 *   hoop_lifo_queue_new        last,
 *   hoop_priority_queue_new    smallest in the order of COMPARE, equal ones in any order.
 * COMPARE is called while items go in and out, and must not use the queue or suspend.
 * NULL on failure: hoop_last_error is -EINVAL for an ITEM_SIZE of 0 or a NULL COMPARE,
 * -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_queue *hoop_queue_new(size_t item_size, size_t maxsize);
HOOP_API HOOP_MUST_CHECK hoop_queue *hoop_lifo_queue_new(size_t item_size, size_t maxsize);
HOOP_API HOOP_MUST_CHECK hoop_queue *hoop_priority_queue_new(size_t item_size, size_t maxsize,
                                                             hoop_compare_fn compare);

/* Drops the items that are left, and frees the queue. 0; or -EBUSY, and nothing happened,
 * while tasks wait to get, put or join. NULL is allowed. */
HOOP_API int hoop_queue_free(hoop_queue *queue);

/* ---- items ---------------------------------------------------------------- */

/* Suspends the running task until there is room, and puts a copy of ITEM in; returns at once
 * if there is room, or somebody waits for an item. ITEM is borrowed until then. 0; -ECANCELED,
 * HOOP_ESHUTDOWN, -ENOMEM (the queue cannot grow), HOOP_ENOTASK, and the item is not put. A
 * cancellation point if it has to wait. */
HOOP_API HOOP_MUST_CHECK int hoop_queue_put(hoop_queue *queue, const void *item);

/* Suspends the running task until there is an item, takes it out and copies it to RET_ITEM;
 * returns at once if one is there. 0; -ECANCELED, HOOP_ESHUTDOWN (and none is left),
 * HOOP_ENOTASK, and RET_ITEM is untouched. A cancellation point if it has to wait. */
HOOP_API HOOP_MUST_CHECK int hoop_queue_get(hoop_queue *queue, void *ret_item);

/* The same without waiting, and without suspending: -EAGAIN if the queue is full, or empty.
 * 0, HOOP_ESHUTDOWN, and for put -ENOMEM, as above. */
HOOP_API HOOP_MUST_CHECK int hoop_queue_put_nowait(hoop_queue *queue, const void *item);
HOOP_API HOOP_MUST_CHECK int hoop_queue_get_nowait(hoop_queue *queue, void *ret_item);

/* How many items are in it. What waiting tasks have yet to put does not count. */
HOOP_API size_t hoop_queue_size(const hoop_queue *queue);
HOOP_API bool hoop_queue_is_empty(const hoop_queue *queue);
/* Never true without a limit. */
HOOP_API bool hoop_queue_is_full(const hoop_queue *queue);
/* The limit, 0 for none. */
HOOP_API size_t hoop_queue_maxsize(const hoop_queue *queue);

/* ---- work that is done ---------------------------------------------------- */

/* Says that the work on an item that was got is done. Does not suspend. 0, or -EINVAL if it
 * was said for every item that was put already. */
HOOP_API int hoop_queue_task_done(hoop_queue *queue);

/* Suspends the running task until hoop_queue_task_done was called for every item that was
 * put; returns at once if it was. 0, -ECANCELED, HOOP_ENOTASK. A cancellation point if it has to
 * wait. */
HOOP_API HOOP_MUST_CHECK int hoop_queue_join(hoop_queue *queue);

/* ---- the end -------------------------------------------------------------- */

/* From here on nothing can be put, and nothing got once the queue is empty: HOOP_ESHUTDOWN,
 * for those that wait already too. If IMMEDIATE the items that are in it are dropped, and
 * count as done, which may end a join. Does not suspend. May be called again. */
HOOP_API void hoop_queue_shutdown(hoop_queue *queue, bool immediate);

/* ---- from other threads --------------------------------------------------- */

/* The two ends for threads other than the loop's: LOOP is the one whose tasks use the queue, and
 * has to run. They block the calling thread, in one line with the tasks that wait, until there
 * is room or an item; SECONDS at most (INFINITY: no limit), then -ETIMEDOUT and nothing was put
 * or taken. While the loop is blocked or does not run it takes longer. Also HOOP_ESHUTDOWN,
 * HOOP_ECLOSED if the loop is or is being closed, -EDEADLK in the loop's own thread, -ENOMEM,
 * -EINVAL for a negative or NaN time. */
HOOP_API HOOP_MUST_CHECK int hoop_queue_put_threadsafe(hoop_loop *loop, hoop_queue *queue,
                                                       const void *item, double seconds);
HOOP_API HOOP_MUST_CHECK int hoop_queue_get_threadsafe(hoop_loop *loop, hoop_queue *queue,
                                                       void *ret_item, double seconds);

#ifdef __cplusplus
}
#endif

#endif
