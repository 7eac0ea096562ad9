/* SPDX-License-Identifier: MIT
 *
 * Copying a file, in steps of some MiB, each in a thread; between them the task can be cancelled,
 * and tells of its progress. What fails is undone in the same step, so between steps the unfinished
 * copy holds all of its descriptors and its temporary file, or nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <hoop/path.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/sys_file.h"
#include "base/sys_path.h"
#include "io/file_work.h"

/* How much a step copies: so much that the way to the thread and back does not count, so little
 * that a slow disk does not keep a cancellation waiting. */
#define STEP_SIZE ((int64_t)8 << 20)
/* What is read and written at a time where the kernel does not copy. */
#define BUFFER_SIZE ((size_t)256 << 10)

#define PERMISSIONS 0777 /* not who it runs as */

struct copy {
    struct file_work work;
    const char *from;
    const char *to;
    const char *name; /* the last part of TO */
    bool keep_existing;
    bool is_open; /* the following are held */
    int folder;   /* which TO lies in, wherever that is moved, and we go */
    int source;
    int target;
    char temporary[40]; /* its name in FOLDER */
    unsigned mode;      /* of FROM */
    int64_t size;       /* of it, when it was opened */
    int64_t copied;     /* from the beginning, holes included */
    bool is_sparse;     /* it has holes, and we can see them */
    bool by_hand;       /* the kernel does not copy it */
};

/* ---- beginning and end ---- */

static int open_folder(struct copy *copy)
{
    const char *slash = strrchr(copy->to, '/');
    if (slash == NULL)
        return sys_path_open(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
    size_t length = (size_t)(slash - copy->to) + 1;
    char *path = alloc_zeroed(length + 1);
    if (path == NULL)
        return -ENOMEM;
    memcpy(path, copy->to, length);
    int fd = sys_path_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    alloc_free(path);
    return fd;
}

/* May a file be put at TO? */
static int check_place(const struct copy *copy)
{
    struct stat status = {.st_mode = S_IFDIR};
    int rc = 0;
    if (*copy->to == '\0')
        return -ENOENT;
    if (*copy->name != '\0') /* else TO ends in a slash, and its folder is there */
        rc = sys_path_stat(copy->folder, copy->name, !copy->keep_existing, &status);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (copy->keep_existing)
        return -EEXIST;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

/* Nobody else may read it before it has its permissions. */
static int make_temporary(struct copy *copy)
{
    int fd;
    do {
        snprintf(copy->temporary, sizeof copy->temporary, ".hoop-%d-%" PRIx64, sys_process_id(),
                 (uint64_t)sys_monotonic_now());
        fd = sys_path_open(copy->folder, copy->temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
    } while (fd == -EEXIST); /* of another machine */
    return fd;
}

static int open_both(struct copy *copy, struct stat *ret_status)
{
    copy->source = sys_path_open_regular(copy->from, ret_status);
    if (copy->source < 0)
        return copy->source;
    int rc = copy->folder = open_folder(copy);
    if (rc >= 0)
        rc = check_place(copy);
    if (rc >= 0)
        rc = copy->target = make_temporary(copy);
    if (rc >= 0)
        return 0;
    if (copy->folder >= 0)
        sys_close(copy->folder);
    sys_close(copy->source);
    return rc;
}

static int copy_open(struct copy *copy)
{
    struct stat status;
    int rc = open_both(copy, &status);
    if (rc < 0)
        return rc;
    copy->is_open = true;
    copy->mode = status.st_mode & PERMISSIONS;
    copy->size = status.st_size;
    copy->is_sparse = status.st_blocks * 512 < status.st_size;
    return 0;
}

/* Closes all, and removes the temporary file if it still has that name. */
static int64_t copy_drop(struct file_work *work)
{
    struct copy *copy = CONTAINER_OF(work, struct copy, work);
    if (!copy->is_open)
        return 0;
    copy->is_open = false;
    if (*copy->temporary != '\0')
        sys_path_discard(copy->folder, copy->temporary);
    if (copy->target >= 0)
        sys_close(copy->target);
    sys_close(copy->source);
    sys_close(copy->folder);
    return 0;
}

/* The copy is whole, and takes its place: 0. */
static int copy_finish(struct copy *copy)
{
    int rc = sys_copy_permissions(copy->target, copy->mode);
    if (rc < 0)
        return rc;
    rc = sys_file_close(copy->target);
    copy->target = -1;
    if (rc < 0)
        return rc;
    rc = (copy->keep_existing ? sys_path_rename_new : sys_path_rename)(copy->folder,
                                                                       copy->temporary, copy->name);
    if (rc == 0)
        *copy->temporary = '\0';
    return rc;
}

/* ---- in between ---- */

/* What a file system says that cannot copy by itself, or not between these two; and an emulator,
 * or a sandbox. */
static bool is_unsuited(int64_t error)
{
    return error == -EXDEV || error == -EINVAL || error == -EOPNOTSUPP || error == -ENOSYS ||
           error == -EPERM;
}

static int write_all(int fd, const char *data, int64_t size)
{
    while (size > 0) {
        int64_t written = sys_file_write(fd, data, (size_t)size, SYS_FILE_POSITION, true);
        if (written < 0)
            return (int)written;
        data += written;
        size -= written;
    }
    return 0;
}

/* As copy_some. */
static int64_t copy_by_hand(const struct copy *copy, int64_t limit)
{
    size_t size = limit < (int64_t)BUFFER_SIZE ? (size_t)limit : BUFFER_SIZE;
    char *buffer = alloc_array(NULL, size, 1);
    if (buffer == NULL)
        return -ENOMEM;
    int64_t done = 0;
    int64_t got;
    do {
        got = sys_file_read(copy->source, buffer,
                            limit - done < (int64_t)size ? (size_t)(limit - done) : size,
                            SYS_FILE_POSITION, true);
        int rc = got > 0 ? write_all(copy->target, buffer, got) : (int)got;
        if (rc < 0)
            done = rc;
        else
            done += got;
    } while (got > 0 && done > 0 && done < limit);
    alloc_free(buffer);
    return done;
}

/* Copies up to LIMIT bytes: how many; 0 at the end. */
static int64_t copy_some(struct copy *copy, int64_t limit)
{
    if (!copy->by_hand) {
        int64_t done = sys_copy_range(copy->source, copy->target, (size_t)limit);
        if (done > 0 || (done == 0 && copy->copied > 0) || (done < 0 && !is_unsuited(done)))
            return done;
        copy->by_hand = true; /* also if there is nothing: in /proc it only seems so */
    }
    return copy_by_hand(copy, limit);
}

/* Goes on to the next data, and gives up LIMIT for where that ends: 0, or 1 if the rest is a
 * hole. */
static int skip_hole(struct copy *copy, int64_t *limit)
{
    int64_t end;
    int64_t start = sys_copy_find_data(copy->source, copy->target, copy->copied, &end);
    if (start == -ENXIO) {
        int64_t size = sys_copy_hole(copy->source, copy->target, copy->copied);
        if (size < 0)
            return (int)size;
        copy->copied = size;
        return 1;
    }
    if (start == -EINVAL) { /* it has other reasons to take few blocks */
        copy->is_sparse = false;
        return 0;
    }
    if (start < 0)
        return (int)start;
    copy->copied = start;
    if (end - start < *limit)
        *limit = end - start;
    return 0;
}

/* 1 at the end, 0 if there is more. */
static int copy_piece(struct copy *copy)
{
    for (int64_t rest = STEP_SIZE; rest > 0;) {
        int64_t limit = rest;
        int rc = copy->is_sparse ? skip_hole(copy, &limit) : 0;
        if (rc != 0)
            return rc;
        int64_t done = copy_some(copy, limit);
        if (done <= 0)
            return done < 0 ? (int)done : 1;
        copy->copied += done;
        rest -= done;
    }
    return 0;
}

static int copy_begin(struct copy *copy)
{
    int rc = copy_open(copy);
    if (rc < 0)
        return rc;
    int64_t cloned = sys_copy_clone(copy->source, copy->target);
    if (cloned < 0) /* for whatever reason: what matters will be heard of again */
        return copy_piece(copy);
    copy->copied = cloned;
    return 1;
}

/* 1 if all is done, 0 if there is more. */
static int64_t copy_step(struct file_work *work)
{
    struct copy *copy = CONTAINER_OF(work, struct copy, work);
    int rc = copy->is_open ? copy_piece(copy) : copy_begin(copy);
    if (rc > 0 && (rc = copy_finish(copy)) == 0)
        rc = 1;
    if (rc != 0)
        (void)copy_drop(work);
    return rc;
}

/* ---- the task's part ---- */

static int64_t copy_run(struct copy *copy, const hoop_copy_options *options)
{
    int64_t rc;
    do {
        rc = file_work_step(&copy->work);
        if (rc >= 0 && options->progress != NULL)
            options->progress(options->arg, (uint64_t)copy->copied,
                              (uint64_t)(copy->copied > copy->size ? copy->copied : copy->size));
    } while (rc == 0);
    if (copy->is_open)
        file_work_drop(&copy->work);
    return rc;
}

int64_t hoop_file_copy(const char *from, const char *to, const hoop_copy_options *options)
{
    static const hoop_copy_options defaults;
    if (options == NULL)
        options = &defaults;
    struct copy copy = {
        .work = {.step = copy_step, .drop = copy_drop},
        .from = from,
        .to = to,
        .keep_existing = options->keep_existing,
        .folder = -1,
        .target = -1,
    };
    int64_t rc = io_check_task(__func__);
    if (rc == 0)
        rc = file_work_begin(&copy.work);
    if (rc < 0)
        return rc;
    const char *slash = strrchr(to, '/');
    copy.name = slash != NULL ? slash + 1 : to;
    rc = copy_run(&copy, options);
    file_work_end(&copy.work);
    return rc < 0 ? rc : copy.copied;
}
