/* SPDX-License-Identifier: MIT
 *
 * Open files: reading, writing, and what makes that last. Each piece is tried where it is called,
 * in a way that fails rather than to wait for the disk, and only then goes to a thread. What was
 * read or written is counted after each piece, so no error and no cancellation loses
 * a byte.
 */
#include "io/file.h"

#include <errno.h>
#include <hoop/file.h>
#include <hoop/task.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/sys_file.h"
#include "io/file_ring.h"
#include "io/file_thread.h"
#include "io/local.h"
#include "task/wait.h"

/* As much is copied from or to the page cache before others may run: some 30 us. */
#define PIECE_SIZE ((size_t)1 << 18)
/* As much is asked for elsewhere. */
#define LONG_PIECE_SIZE ((size_t)1 << 20)
/* Of this, or of more, are multiples what O_DIRECT deals with. */
#define SECTOR_SIZE 512

/* ---- one call ---- */

static int64_t call_blocking(void *arg)
{
    const struct file_call *call = arg;
    switch (call->operation) {
    case FILE_READ:
        return sys_file_read(call->fd, call->buffer, call->size, call->offset, true);
    case FILE_WRITE:
        return sys_file_write(call->fd, call->buffer, call->size, call->offset, true);
    case FILE_SYNC:
        return sys_file_sync(call->fd);
    case FILE_SYNC_DATA:
        return sys_file_sync_data(call->fd);
    case FILE_TRUNCATE:
        return sys_file_truncate(call->fd, (uint64_t)call->offset);
    }
    return -EINVAL;
}

/* Without waiting: -EAGAIN or -EOPNOTSUPP if that cannot be. */
static int64_t call_at_once(const struct file_call *call)
{
    return call->operation == FILE_READ
               ? sys_file_read(call->fd, call->buffer, call->size, call->offset, false)
               : sys_file_write(call->fd, call->buffer, call->size, call->offset, false);
}

/* With O_DIRECT nothing is cached, and the disk is waited for whatever one says. To ask whether
 * it is so costs a fourth of a read, so only those are asked that look like it. */
static bool is_direct(const struct file_call *call)
{
    uint64_t bits = (uintptr_t)call->buffer | call->size;
    if (call->offset != SYS_FILE_POSITION)
        bits |= (uint64_t)call->offset;
    return bits % SECTOR_SIZE == 0 && sys_file_is_direct(call->fd) > 0;
}

/* Suspends until it is made; a cancellation point. */
static int64_t call_in_thread(struct file_call *call)
{
    return file_thread_run(call_blocking, call);
}

/* ---- reading and writing ---- */

/* Or like one: reads and writes are not short, but where it ends. Others give what they have. */
static bool is_on_disk(int fd)
{
    struct stat status;
    int rc = sys_file_status(fd, &status);
    return rc == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

/* The ring may leave the position of a file on a disk where it was. So it is told an offset. */
static int64_t read_on_by_ring(const struct file_call *piece)
{
    struct file_call call = *piece;
    call.offset = sys_file_position(piece->fd);
    if (call.offset < 0)
        return call.offset;
    int64_t rc = file_ring_run(&call);
    if (rc > 0)
        sys_file_set_position(piece->fd, call.offset + rc);
    return rc;
}

/* PIECE, which would block here, is made by the ring if that can do it. To files on a disk the
 * kernel writes, but past the cache, in threads of its own: then they can as well be ours. */
static int64_t run_by_ring(const struct file_call *piece, bool is_direct)
{
    bool is_write = piece->operation == FILE_WRITE;
    bool is_positioned = piece->offset == SYS_FILE_POSITION;
    if (!(is_write || is_positioned) || !is_on_disk(piece->fd))
        return file_ring_run(piece);
    if (!is_write)
        return read_on_by_ring(piece);
    return is_direct && !is_positioned ? file_ring_run(piece) : -EOPNOTSUPP;
}

static int64_t await_piece(struct file_call *piece, bool is_direct)
{
    int64_t rc = run_by_ring(piece, is_direct);
    return rc == -EOPNOTSUPP ? call_in_thread(piece) : rc;
}

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* *RET_IS_SHORT: it gave less than it was asked for. */
static int64_t transfer_piece(const struct file_call *call, bool *ret_is_short)
{
    struct file_call piece = *call;
    piece.size = smaller(call->size, PIECE_SIZE);
    bool must_wait = is_direct(&piece);
    int64_t rc = must_wait ? -EAGAIN : call_at_once(&piece);
    if (rc == -EAGAIN || rc == -EOPNOTSUPP) {
        piece.size = smaller(call->size, LONG_PIECE_SIZE);
        rc = rc == -EAGAIN ? await_piece(&piece, must_wait) : call_in_thread(&piece);
    } else {
        wait_spend();
    }
    *ret_is_short = rc >= 0 && (size_t)rc < piece.size;
    return rc;
}

/* Reads or writes until CALL's buffer is through: 1; 0 if there is no more to be read, or the
 * error that ended it. The buffer and the offset move on. */
static int64_t transfer(struct file_call *call)
{
    for (;;) {
        bool is_short;
        int64_t rc = transfer_piece(call, &is_short);
        if (rc <= 0)
            return rc < 0 || call->size > 0 ? rc : 1;
        call->buffer += rc;
        call->size -= (size_t)rc;
        if (call->offset != SYS_FILE_POSITION)
            call->offset += rc;
        if (call->size == 0)
            return 1;
        if (is_short && call->operation == FILE_READ && !is_on_disk(call->fd))
            return 0;
    }
}

static int64_t read_file(int fd, void *buffer, size_t size, int64_t offset)
{
    struct file_call call = {FILE_READ, fd, buffer, size, offset};
    int64_t rc = transfer(&call);
    size_t done = size - call.size;
    return rc < 0 && done == 0 ? wait_failed((int)rc) : (int64_t)done;
}

static int64_t write_file(int fd, const void *data, size_t size, int64_t offset,
                          size_t *ret_written)
{
    struct file_call call = {FILE_WRITE, fd, (char *)(uintptr_t)data, size, offset};
    int64_t rc = transfer(&call);
    if (rc == 0)
        rc = -EIO; /* it took nothing, and said nothing */
    if (ret_written != NULL)
        *ret_written = size - call.size;
    return rc < 0 ? wait_failed((int)rc) : (int64_t)size;
}

/* 0, or why FUNCTION cannot be called here, or for OFFSET. */
static int check(uint64_t offset, const char *function)
{
    int rc = io_check_task(function);
    return rc == 0 && offset > INT64_MAX ? wait_failed(-EINVAL) : rc;
}

int64_t hoop_file_read(int fd, void *buffer, size_t size)
{
    int rc = check(0, __func__);
    return rc < 0 ? rc : read_file(fd, buffer, size, SYS_FILE_POSITION);
}

int64_t hoop_file_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
    int rc = check(offset, __func__);
    return rc < 0 ? rc : read_file(fd, buffer, size, (int64_t)offset);
}

int64_t hoop_file_write(int fd, const void *data, size_t size, size_t *ret_written)
{
    int rc = check(0, __func__);
    if (rc < 0 && ret_written != NULL)
        *ret_written = 0;
    return rc < 0 ? rc : write_file(fd, data, size, SYS_FILE_POSITION, ret_written);
}

int64_t hoop_file_pwrite(int fd, const void *data, size_t size, uint64_t offset,
                         size_t *ret_written)
{
    int rc = check(offset, __func__);
    if (rc < 0 && ret_written != NULL)
        *ret_written = 0;
    return rc < 0 ? rc : write_file(fd, data, size, (int64_t)offset, ret_written);
}

/* ---- what makes it last ---- */

static int call_for(const char *function, enum file_operation operation, int fd, uint64_t size)
{
    int rc = check(size, function);
    if (rc < 0)
        return rc;
    struct file_call call = {.operation = operation, .fd = fd, .offset = (int64_t)size};
    return (int)call_in_thread(&call);
}

int hoop_file_sync(int fd)
{
    return call_for(__func__, FILE_SYNC, fd, 0);
}

int hoop_file_datasync(int fd)
{
    return call_for(__func__, FILE_SYNC_DATA, fd, 0);
}

int hoop_file_truncate(int fd, uint64_t size)
{
    return call_for(__func__, FILE_TRUNCATE, fd, size);
}

int hoop_file_fstat(int fd, struct stat *ret_status)
{
    int rc = io_check_task(__func__);
    if (rc < 0)
        return rc;
    rc = sys_file_status(fd, ret_status);
    wait_spend();
    return rc < 0 ? wait_failed(rc) : 0;
}
