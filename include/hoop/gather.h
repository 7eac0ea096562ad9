/* SPDX-License-Identifier: MIT
 *
 * Awaiting many at once: all of them (gather), some of them (wait), one after another as
 * they finish (as_completed).
 *
 * Each has a twin for plain futures. For a group whose failure cancels the others
 * see group.h.
 */
#ifndef HOOP_GATHER_H
#define HOOP_GATHER_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- all of them ---------------------------------------------------------- */

enum {
    HOOP_RETURN_ERRORS = 1, /* errors are results like others */
};

/* Suspends the running task until all COUNT TASKS are done, and writes their results, in the
 * order of TASKS, to RET_RESULTS (COUNT of them; NULL: not wanted). Consumes the references
 * like hoop_await. Returns 0, or
 *   as soon as one fails or was cancelled, its error (hoop_error_message tells more); the
 *     others run on, detached, and RET_RESULTS is untouched. What their arguments point to
 *     must outlive them then; where that lies in the caller's frame, use a task group;
 *   -ECANCELED if the caller is cancelled; all tasks are cancelled then, and their ends
 *     awaited. Their errors are dropped; but if all succeed nonetheless the result is 0.
 * With HOOP_RETURN_ERRORS in FLAGS it waits for all in any case, and errors are among the
 * results.
 * A NULL among the tasks is one that could not be created, and counts as failed with
 * hoop_last_error(). A task may be there several times, with a reference each. Without memory
 * for the call itself it returns -ENOMEM, and the tasks run on, detached. Misuse leaves the
 * references alone: HOOP_ENOTASK, HOOP_EOTHERLOOP, HOOP_ECLOSED, -EDEADLK for the caller
 * itself, -EINVAL for unknown flags. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_gather(hoop_task *const *tasks, size_t count,
                                             int64_t *ret_results, unsigned flags);
/* The same for futures, borrowed. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_gather_futures(hoop_future *const *futures, size_t count,
                                                     int64_t *ret_results, unsigned flags);

/* ---- some of them --------------------------------------------------------- */

typedef enum hoop_return_when {
    HOOP_ALL_COMPLETED = 0,
    HOOP_FIRST_COMPLETED = 1,
    HOOP_FIRST_ERROR = 2, /* the first that fails, else all; to be cancelled is not to fail */
} hoop_return_when;

/* Suspends the running task until WHEN is fulfilled or SECONDS have passed (INFINITY: no limit),
 * and returns how many are done: hoop_task_is_done tells which. A task that is there several
 * times counts each time. Borrows the references; cancels nothing, neither at the time limit nor
 * when the caller is cancelled (-ECANCELED). Also HOOP_ENOTASK, HOOP_EOTHERLOOP, HOOP_ECLOSED,
 * -EDEADLK, -ENOMEM; -EINVAL for no tasks, a NULL among them, a bad WHEN, a negative or NaN
 * time. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_wait(hoop_task *const *tasks, size_t count,
                                           hoop_return_when when, double seconds);
HOOP_API HOOP_MUST_CHECK int64_t hoop_wait_futures(hoop_future *const *futures, size_t count,
                                                   hoop_return_when when, double seconds);

/* ---- one after another ---------------------------------------------------- */

/* Hands out tasks, or futures, in the order in which they finish. */
typedef struct hoop_as_completed hoop_as_completed;

/* Watches COUNT TASKS of the running loop; takes references of its own. TASKS itself is not
 * needed afterwards. NULL on failure: hoop_last_error is HOOP_ENOLOOP, -EINVAL for a NULL among
 * the tasks, HOOP_EOTHERLOOP or HOOP_ECLOSED for a pending one of another or a closed loop,
 * -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_as_completed *hoop_as_completed_new(hoop_task *const *tasks,
                                                                  size_t count);
/* Suspends the running task until another one has finished, and names it in RET_TASK,
 * borrowed until ITERATOR is freed. Returns 1, or 0 when all were handed out, -ECANCELED
 * (nothing is lost), HOOP_ENOTASK, HOOP_EOTHERLOOP, -EBUSY if another task waits here. For a
 * limit of time, use a timeout scope. */
HOOP_API HOOP_MUST_CHECK int hoop_as_completed_next(hoop_as_completed *iterator,
                                                    hoop_task **ret_task);
/* The same for futures; an iterator hands out what it was made for, the other kind of
 * hoop_as_completed_next is refused (-EINVAL). */
HOOP_API HOOP_MUST_CHECK hoop_as_completed *hoop_as_completed_new_futures(
    hoop_future *const *futures, size_t count);
HOOP_API HOOP_MUST_CHECK int hoop_as_completed_next_future(hoop_as_completed *iterator,
                                                           hoop_future **ret_future);
/* What was not handed out runs on. No task may wait for the next one. NULL is
 * allowed. */
HOOP_API void hoop_as_completed_free(hoop_as_completed *iterator);

#ifdef __cplusplus
}
#endif

#endif
