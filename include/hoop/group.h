/* SPDX-License-Identifier: MIT
 *
 * Task groups: tasks that end together. Nothing that is started in a group outlives it.
 *
 *     hoop_task_group group;
 *     int64_t rc = hoop_task_group_enter(&group);
 *     if (rc < 0)
 *         return rc;
 *     if (hoop_task_group_create_task(&group, fetch, &first) == NULL ||
 *         hoop_task_group_create_task(&group, fetch, &second) == NULL)
 *         rc = hoop_last_error();
 *     return hoop_task_group_exit(&group, rc);      waits for both
 *
 * The first failure, of a child or of the body, cancels everybody else; the exit still
 * waits for all. Being cancelled is no failure: a child that ends with -ECANCELED disturbs
 * nobody.
 *
 * A group lies in the frame that enters it, and must be exited by the same task on every
 * path. Children may start further children, and groups nest.
 */
#ifndef HOOP_GROUP_H
#define HOOP_GROUP_H

#include "embed.h"
#include "task.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All fields are the library's own. */
typedef struct hoop_task_group {
    hoop_link children; /* unfinished */
    hoop_link failed;   /* finished with an error, in that order */
    hoop_task *owner;   /* who entered it; NULL outside */
    void *exit;         /* the owner's wait for the children, or NULL */
    int64_t error;      /* the first one, 0 if there is none */
    size_t child_count; /* unfinished ones */
    size_t failed_count;
    bool aborting;          /* all were cancelled */
    bool cancelled;         /* by hoop_task_group_cancel */
    bool exiting;           /* the body is over */
    bool exit_cancelled;    /* the owner was cancelled while it waited for the children */
    bool owner_cancelled;   /* by this group, which is to take that back */
    bool body_failed_first; /* the first error is the body's */
} hoop_task_group;

/* Begins a group of the running task. Does not suspend. 0 or HOOP_ENOTASK. */
HOOP_API HOOP_MUST_CHECK int hoop_task_group_enter(hoop_task_group *group);

/* Starts a child, as hoop_create_task does; callable by the owner and by any task of the loop
 * while the group is not exited. The pointer is borrowed, and valid until the child has finished
 * (an eager one may have at once): whoever wants its result takes a reference (hoop_task_ref).
 * NULL on failure: hoop_last_error is that of hoop_create_task, HOOP_ESHUTDOWN for a group that
 * is over or being cancelled. */
#define hoop_task_group_create_task(group, fn, arg) \
    hoop_task_group_create_task_named(group, fn, arg, #fn)
HOOP_API HOOP_MUST_CHECK hoop_task *hoop_task_group_create_task_named(hoop_task_group *group,
                                                                      hoop_coroutine_fn fn,
                                                                      void *arg, const char *name);
/* The same with a copy of the SIZE bytes at ARGS. */
#define hoop_task_group_create_task_copy(group, fn, args, size) \
    hoop_task_group_create_task_copy_named(group, fn, args, size, #fn)
HOOP_API HOOP_MUST_CHECK hoop_task *hoop_task_group_create_task_copy_named(
    hoop_task_group *group, hoop_coroutine_fn fn, const void *args, size_t size, const char *name);
/* The same with options, which may be NULL; their loop must be NULL or the running one. */
HOOP_API HOOP_MUST_CHECK hoop_task *hoop_task_group_create_task_with(
    hoop_task_group *group, hoop_coroutine_fn fn, void *arg, const hoop_task_options *options);

/* Ends the group: waits until all children have finished, and returns how it went:
 *   the first error, of a child or of the body (RC < 0, but not -ECANCELED); its message is
 *     hoop_error_message, and hoop_task_group_error tells of all;
 *   else -ECANCELED if the owner was cancelled while it waited for the children, or if RC is
 *     that for another reason than the next one;
 *   else 0 if the group was cancelled by hoop_task_group_cancel, and RC is -ECANCELED;
 *   else RC.
 * A cancellation point: cancelling the owner cancels the children, and the call waits for
 * them all the same. HOOP_ENOTASK if it is not the owner who calls. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_task_group_exit(hoop_task_group *group, int64_t rc);

/* Waits as hoop_task_group_exit does, but keeps the errors for hoop_task_group_error, until
 * hoop_task_group_exit ends the group; that returns at once then, with the same result for
 * the same RC. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_task_group_join(hoop_task_group *group, int64_t rc);

/* Cancels the children and, if it is still in the body, the owner. Not a failure: see
 * hoop_task_group_exit. May be called by any task of the loop, a child too. */
HOOP_API void hoop_task_group_cancel(hoop_task_group *group);

/* How many children are unfinished. */
HOOP_API size_t hoop_task_group_size(const hoop_task_group *group);

/* How many children have failed; and the INDEXth of them, in the order in which they did,
 * borrowed until the group is exited: hoop_task_result, hoop_task_error_message,
 * hoop_task_name. NULL beyond the last. */
HOOP_API size_t hoop_task_group_error_count(const hoop_task_group *group);
HOOP_API hoop_task *hoop_task_group_error(const hoop_task_group *group, size_t index);

#ifdef __cplusplus
}
#endif

#endif
