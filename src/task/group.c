/* SPDX-License-Identifier: MIT
 *
 * Task groups. A child is on its group's list through its own group_link: `children` while it
 * runs, `failed` once it has ended with an error, and then the group holds the reference that
 * was the loop's. Nothing is allocated, so nothing but the tasks themselves can fail.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/group.h>

#include "task/scheduler.h"

/* The owner's wait in hoop_task_group_exit. */
struct group_exit {
    struct wait wait;
    hoop_task_group *group;
};

/* Cancels all that still run: in the body, the owner too. */
static void group_abort(hoop_task_group *group)
{
    if (group->aborting)
        return;
    group->aborting = true;
    struct scheduler *scheduler = group->owner->scheduler;
    bool is_outermost = cancel_begin(scheduler);
    if (!group->exiting) {
        group->owner_cancelled = true;
        hoop_task_cancel(group->owner);
    }
    for (hoop_link *link = group->children.next; link != &group->children; link = link->next)
        hoop_task_cancel(CONTAINER_OF(link, hoop_task, group_link));
    if (is_outermost)
        cancel_end(scheduler);
}

static void group_fail(hoop_task_group *group, int64_t error)
{
    if (group->error == 0)
        group->error = error;
    group_abort(group);
}

void group_child_done(hoop_task *task)
{
    hoop_task_group *group = task->group;
    int64_t result = task->future.result;
    list_remove(&task->group_link);
    group->child_count--;
    if (UNLIKELY(result < 0 && result != -ECANCELED)) {
        hoop_task_ref(task);
        task->future.retrieved = true;
        list_append(&group->failed, &task->group_link);
        group->failed_count++;
        group_fail(group, result);
    } else {
        task->group = NULL;
    }
    if (group->child_count == 0 && group->exit != NULL)
        wait_wake(group->exit, 0);
}

/* ---- the scope ---- */

int hoop_task_group_enter(hoop_task_group *group)
{
    hoop_task *task = task_running();
    if (task == NULL)
        return wait_without_task(__func__);
    *group = (hoop_task_group){.owner = task};
    list_init(&group->children);
    list_init(&group->failed);
    return 0;
}

static void exit_cancelled(struct wait *wait)
{
    hoop_task_group *group = CONTAINER_OF(wait, struct group_exit, wait)->group;
    group->exit_cancelled = true;
    group_abort(group); /* and the wait goes on */
}

static const struct wait_kind exit_wait = {"waits for its task group", exit_cancelled, NULL, NULL};

static void wait_for_children(hoop_task_group *group)
{
    while (group->child_count > 0) {
        struct group_exit exit = {.group = group};
        wait_init(&exit.wait, &exit_wait);
        group->exit = &exit.wait;
        (void)wait_park(&exit.wait);
        group->exit = NULL;
    }
}

/* The message of the first error is to be found in the owner, whose own it may be. */
static void pass_first_message(hoop_task_group *group)
{
    hoop_task *first = hoop_task_group_error(group, 0);
    if (first != NULL && first->future.result == group->error && !group->body_failed_first)
        future_pass_message(group->owner, &first->future);
}

int64_t hoop_task_group_join(hoop_task_group *group, int64_t rc)
{
    hoop_task *owner = task_running();
    if (owner == NULL || group->owner != owner)
        return wait_without_task(__func__);
    group->exiting = true;
    if (rc < 0 && rc != -ECANCELED) {
        group->body_failed_first = group->error == 0 || group->body_failed_first;
        group_fail(group, rc);
    } else if (rc < 0) {
        group_abort(group);
    }
    if (group->owner_cancelled) /* before the wait: it has done its work */
        hoop_task_uncancel(owner);
    group->owner_cancelled = false;
    wait_for_children(group);
    if (group->error < 0) {
        pass_first_message(group);
        return group->error;
    }
    if (group->exit_cancelled)
        return wait_failed(-ECANCELED);
    return rc == -ECANCELED && group->cancelled && owner->cancelling == 0 ? 0 : rc;
}

int64_t hoop_task_group_exit(hoop_task_group *group, int64_t rc)
{
    int64_t result = hoop_task_group_join(group, rc);
    if (result == HOOP_ENOTASK && group->owner != task_running())
        return result;
    for (hoop_link *link; (link = list_pop(&group->failed)) != NULL;) {
        hoop_task *task = CONTAINER_OF(link, hoop_task, group_link);
        task->group = NULL;
        hoop_task_unref(task);
    }
    group->failed_count = 0;
    group->owner = NULL;
    return result;
}

void hoop_task_group_cancel(hoop_task_group *group)
{
    if (group->owner == NULL)
        return;
    group->cancelled = true;
    group_abort(group);
}

/* ---- children ---- */

/* Why nobody can join the group; 0 if somebody can. */
static int check_open(const hoop_task_group *group)
{
    bool is_over =
        group->owner == NULL || group->aborting || (group->exiting && group->child_count == 0);
    return is_over ? HOOP_ESHUTDOWN : 0;
}

/* The group needs no reference: a child that ends tells it. */
static hoop_task *adopt(hoop_task_group *group, hoop_task *task)
{
    if (task == NULL)
        return NULL;
    task->group = group;
    list_append(&group->children, &task->group_link);
    group->child_count++;
    task->future.references--;
    return task;
}

static hoop_task *create(hoop_task_group *group, hoop_coroutine_fn fn, void *arg, size_t copy_size,
                         const char *name, const char *function)
{
    int rc = check_open(group);
    if (rc < 0)
        return failed(rc);
    hoop_loop *loop = group->owner->scheduler->loop;
    return adopt(group, task_create(loop, fn, arg, copy_size, name, function));
}

hoop_task *hoop_task_group_create_task_named(hoop_task_group *group, hoop_coroutine_fn fn,
                                             void *arg, const char *name)
{
    return create(group, fn, arg, 0, name, __func__);
}

hoop_task *hoop_task_group_create_task_copy_named(hoop_task_group *group, hoop_coroutine_fn fn,
                                                  const void *args, size_t size, const char *name)
{
    return create(group, fn, (void *)(uintptr_t)args, size, name, __func__);
}

hoop_task *hoop_task_group_create_task_with(hoop_task_group *group, hoop_coroutine_fn fn, void *arg,
                                            const hoop_task_options *options)
{
    hoop_task_options own = options != NULL ? *options : (hoop_task_options){0};
    int rc = check_open(group);
    if (rc < 0)
        return failed(rc);
    hoop_loop *loop = group->owner->scheduler->loop;
    if (own.loop != NULL && own.loop != loop)
        return failed(misuse(loop->debug, HOOP_EOTHERLOOP, __func__));
    own.loop = loop;
    hoop_task *task = adopt(group, task_create_with(fn, arg, &own, __func__));
    if (task != NULL)
        task_start(task, own.eager);
    return task;
}

/* ---- asking ---- */

size_t hoop_task_group_size(const hoop_task_group *group)
{
    return group->child_count;
}

size_t hoop_task_group_error_count(const hoop_task_group *group)
{
    return group->failed_count;
}

hoop_task *hoop_task_group_error(const hoop_task_group *group, size_t index)
{
    hoop_link *link = group->failed.next;
    for (; link != &group->failed; link = link->next)
        if (index-- == 0)
            return CONTAINER_OF(link, hoop_task, group_link);
    return NULL;
}
