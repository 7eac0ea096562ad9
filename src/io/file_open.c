/* SPDX-License-Identifier: MIT
 *
 * Opening and closing files. A descriptor that a thread has opened is the task's once it goes on,
 * and goes with the loop if it never does.
 */
#include <errno.h>
#include <hoop/file.h>

#include "base/check.h"
#include "base/sys.h"
#include "base/sys_file.h"
#include "base/turn.h"
#include "io/file_work.h"
#include "task/wait.h"

struct opening {
    struct file_work work;
    const char *path;
    int flags;
    unsigned mode;
    int fd; /* -1: it holds none */
};

static int64_t open_in_thread(struct file_work *work)
{
    struct opening *opening = CONTAINER_OF(work, struct opening, work);
    int fd = sys_file_open(opening->path, opening->flags, opening->mode);
    if (fd >= 0)
        opening->fd = fd;
    return fd;
}

static int64_t drop_opened(struct file_work *work)
{
    struct opening *opening = CONTAINER_OF(work, struct opening, work);
    if (opening->fd >= 0)
        sys_close(opening->fd);
    opening->fd = -1;
    return 0;
}

static int open_by_thread(const char *path, int flags, unsigned mode)
{
    struct opening opening = {
        .work = {.step = open_in_thread, .drop = drop_opened},
        .path = path,
        .flags = flags,
        .mode = mode,
        .fd = -1,
    };
    return (int)file_work_run(&opening.work);
}

int hoop_file_open(const char *path, int flags, unsigned mode)
{
    int rc = io_check_task(__func__);
    if (rc < 0)
        return rc;
    wait_spend(); /* not while it holds a descriptor that nobody else knows */
    int fd = sys_file_open_cached(path, flags);
    if (fd == -EAGAIN)
        return open_by_thread(path, flags, mode);
    return fd < 0 ? wait_failed(fd) : fd;
}

/* ---- closing ---- */

struct closing {
    struct file_work work;
    int fd; /* -1: it is closed */
    int rc;
};

static int64_t close_in_thread(struct file_work *work)
{
    struct closing *closing = CONTAINER_OF(work, struct closing, work);
    if (closing->fd >= 0)
        closing->rc = sys_file_close(closing->fd);
    closing->fd = -1;
    return 0;
}

/* What was only read has nothing left to write. */
int hoop_file_close(int fd)
{
    if (fd < 0)
        return 0;
    if (turn.task == NULL)
        return sys_file_close(fd);
    struct closing closing = {.work.drop = close_in_thread, .fd = fd};
    int is_at_once = sys_file_is_read_only(fd);
    if (is_at_once == 0)
        is_at_once = file_work_begin(&closing.work); /* else it blocks */
    if (is_at_once == 0) {
        file_work_drop(&closing.work);
        file_work_end(&closing.work);
    } else {
        (void)close_in_thread(&closing.work);
        wait_spend();
    }
    return closing.rc < 0 ? wait_failed(closing.rc) : 0;
}
