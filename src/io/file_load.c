/* SPDX-License-Identifier: MIT
 *
 * A whole file at once. If it is small, and the kernel has all of it in mind, it is read where it
 * is asked for; otherwise one thread does it from there to the end, so that what is held meanwhile
 * has one owner at each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <hoop/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"
#include "base/sys_file.h"
#include "io/file_work.h"
#include "task/wait.h"

/* What more than that is read in a thread, as it takes its time to copy. */
#define AT_ONCE_MAX ((size_t)1 << 20)
/* The first guess for files that do not know their size. */
#define SIZE_MIN ((size_t)4096)

struct load {
    struct file_work work;
    const char *path;
    size_t limit;
    int fd; /* -1: not open */
    char *data;
    size_t size;
    size_t capacity; /* of data, but for the '\0' */
};

static void load_close(struct load *load)
{
    if (load->fd >= 0)
        sys_close(load->fd);
    load->fd = -1;
}

static int64_t load_drop(struct file_work *work)
{
    struct load *load = CONTAINER_OF(work, struct load, work);
    load_close(load);
    alloc_free(load->data);
    load->data = NULL;
    return 0;
}

/* Room for one byte more than the limit at most, which tells that it is passed. */
static int load_reserve(struct load *load, size_t capacity)
{
    if (capacity > load->limit)
        capacity = load->limit + 1;
    char *data = alloc_array(load->data, capacity + 1, 1);
    if (data == NULL)
        return -ENOMEM;
    load->data = data;
    load->capacity = capacity;
    return 0;
}

/* The size that the file says it has, and one byte more to find its end. */
static int load_begin(struct load *load)
{
    struct stat status;
    int rc = sys_file_status(load->fd, &status);
    if (rc < 0)
        return rc;
    uint64_t size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    if (size > load->limit)
        return -EFBIG;
    return load_reserve(load, size < SIZE_MIN ? SIZE_MIN : (size_t)size + 1);
}

/* 0 at the end of the file, -EAGAIN if it would block, or an error. */
static int load_read(struct load *load, bool is_blocking)
{
    for (;;) {
        int rc = load->size == load->capacity ? load_reserve(load, load->capacity * 2) : 0;
        if (rc < 0)
            return rc;
        int64_t got = sys_file_read(load->fd, load->data + load->size, load->capacity - load->size,
                                    SYS_FILE_POSITION, is_blocking);
        if (got <= 0)
            return (int)got;
        load->size += (size_t)got;
        if (load->size > load->limit)
            return -EFBIG;
        if (!is_blocking && load->capacity > AT_ONCE_MAX)
            return -EAGAIN;
    }
}

static int64_t load_in_thread(struct file_work *work)
{
    struct load *load = CONTAINER_OF(work, struct load, work);
    int rc = load->fd >= 0 ? 0 : sys_file_open(load->path, O_RDONLY, 0);
    if (rc < 0)
        return rc;
    if (load->fd < 0)
        load->fd = rc;
    rc = load->data == NULL ? load_begin(load) : 0;
    return rc < 0 ? rc : load_read(load, true);
}

/* -EAGAIN if it is to go on in a thread. */
static int load_at_once(struct load *load)
{
    int rc = sys_file_open_cached(load->path, O_RDONLY);
    if (rc < 0)
        return rc;
    load->fd = rc;
    rc = load_begin(load);
    if (rc < 0)
        return rc;
    rc = load->capacity > AT_ONCE_MAX ? -EAGAIN : load_read(load, false);
    return rc == -EOPNOTSUPP ? -EAGAIN : rc;
}

int hoop_file_load(const char *path, size_t limit, void **ret_data, size_t *ret_size)
{
    int rc = io_check_task(__func__);
    if (rc < 0)
        return rc;
    struct load load = {
        .work = {.step = load_in_thread, .drop = load_drop},
        .path = path,
        .limit = limit > 0 && limit < SIZE_MAX / 4 ? limit : SIZE_MAX / 4,
        .fd = -1,
    };
    wait_spend(); /* not while it holds what nobody else knows */
    rc = load_at_once(&load);
    if (rc == -EAGAIN)
        rc = (int)file_work_run(&load.work);
    if (rc < 0) {
        (void)load_drop(&load.work);
        return wait_failed(rc);
    }
    load_close(&load);
    load.data[load.size] = '\0';
    *ret_data = load.data;
    *ret_size = load.size;
    return 0;
}

void hoop_file_free(void *data)
{
    alloc_free(data);
}
