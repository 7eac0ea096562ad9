/* SPDX-License-Identifier: MIT
 *
 * See file_work.h.
 */
#include "io/file_work.h"

#include <errno.h>
#include <hoop/loop.h>

#include "base/list.h"
#include "base/turn.h"
#include "io/file_thread.h"
#include "task/wait.h"

enum {
    RESTING,
    UNDER_WAY,
    ABANDONED, /* the loop is being closed */
};

static int64_t run_next(void *arg)
{
    struct file_work *work = arg;
    int state = RESTING;
    if (!atomic_compare_exchange_strong(&work->state, &state, UNDER_WAY))
        return -ECANCELED;
    int64_t result = work->next(work);
    state = UNDER_WAY;
    if (!atomic_compare_exchange_strong(&work->state, &state, RESTING))
        (void)work->drop(work);
    return result;
}

/* The frame stays until the thread has returned from it: exec waits for that. */
static void item_close(struct io_item *item)
{
    struct file_work *work = CONTAINER_OF(item, struct file_work, item);
    list_remove(&item->link);
    if (atomic_exchange(&work->state, ABANDONED) == RESTING)
        (void)work->drop(work);
}

/* The task is the one to blame, and is reported. */
static const char *item_describe(const struct io_item *item)
{
    (void)item;
    return NULL;
}

int file_work_begin(struct file_work *work)
{
    struct io_local *local = io_local_of(hoop_running_loop());
    if (local == NULL)
        return wait_failed(-ENOMEM);
    work->item = (struct io_item){.describe = item_describe, .close = item_close};
    list_init(&work->item.link);
    atomic_init(&work->state, RESTING);
    io_add(local, &work->item);
    return 0;
}

void file_work_end(struct file_work *work)
{
    list_remove(&work->item.link);
}

int64_t file_work_step(struct file_work *work)
{
    work->next = work->step;
    return file_thread_run(run_next, work);
}

int64_t file_work_run(struct file_work *work)
{
    int rc = file_work_begin(work);
    if (rc < 0)
        return rc;
    int64_t result = file_work_step(work);
    file_work_end(work);
    return result;
}

/* The task takes its cancellation back for that long, and gets it again. Without a thread it
 * blocks. */
void file_work_drop(struct file_work *work)
{
    unsigned requests = 0;
    int64_t rc;
    work->next = work->drop;
    do {
        for (; hoop_task_cancelling(turn.task) > 0; requests++)
            hoop_task_uncancel(turn.task);
        rc = file_thread_run(run_next, work);
    } while (rc == -ECANCELED);
    if (rc < 0)
        (void)work->drop(work);
    for (; requests > 0; requests--)
        hoop_task_cancel(turn.task);
}
