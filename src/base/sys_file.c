/* SPDX-License-Identifier: MIT
 *
 * See sys_file.h.
 */
#include "base/sys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_result.h"

/* ---- opening and closing ---- */

int sys_file_open(const char *path, int flags, unsigned mode)
{
    return fails() ? -HOOP_TESTING_ERRNO : (int)RETRIED(open(path, flags | O_CLOEXEC, mode));
}

/* The place of PATH, not opened: -EAGAIN if the kernel would have to look for it on the disk, or
 * does not know how to tell (it refuses the flag, or the call). */
static int find_cached(const char *path, int flags)
{
    static atomic_bool cannot;
    if (atomic_load_explicit(&cannot, memory_order_relaxed))
        return -EAGAIN;
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC | ((unsigned)flags & (O_NOFOLLOW | O_DIRECTORY)),
        .resolve = RESOLVE_CACHED,
    };
    int fd = checked((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
    if (fd != -ENOSYS && fd != -EINVAL && fd != -EPERM)
        return fd;
    atomic_store_explicit(&cannot, true, memory_order_relaxed);
    return -EAGAIN;
}

/* Opens what PLACE is. Without waiting for whoever has a lease on it, which is all that O_NONBLOCK
 * means for a file; and it is taken away again. */
static int open_place(int place, int flags)
{
    char path[32];
    struct stat status;
    if (fstat(place, &status) < 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
        return -EAGAIN;
    snprintf(path, sizeof path, "/proc/self/fd/%d", place);
    int fd = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && !(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags) < 0) {
        close(fd);
        fd = -1;
    }
    return fd < 0 ? -EAGAIN : fd;
}

/* First where it is, then what it is, and only then does it open it: to open a FIFO or a device
 * may block, and cannot be tried without being noticed. */
int sys_file_open_cached(const char *path, int flags)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    if (flags & (O_CREAT | O_TRUNC | O_PATH | (O_TMPFILE & ~O_DIRECTORY)))
        return -EAGAIN;
    int place = find_cached(path, flags);
    if (place < 0)
        return place;
    int fd = open_place(place, flags);
    close(place);
    return fd;
}

/* After EINTR it is closed too. */
int sys_file_close(int fd)
{
    bool must_fail = fails();
    int rc = checked(close(fd));
    return must_fail ? -HOOP_TESTING_ERRNO : rc == -EINTR ? 0 : rc;
}

static int flags_of(int fd)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_GETFL));
}

int sys_file_is_read_only(int fd)
{
    int flags = flags_of(fd);
    return flags < 0 ? flags : (flags & O_ACCMODE) == O_RDONLY;
}

int sys_file_is_direct(int fd)
{
    int flags = flags_of(fd);
    return flags < 0 ? flags : (flags & O_DIRECT) != 0;
}

/* ---- reading and writing ---- */

int64_t sys_file_position(int fd)
{
    int64_t position = fails() ? -HOOP_TESTING_ERRNO : lseek(fd, 0, SEEK_CUR);
    return position == -1 ? -errno : position;
}

void sys_file_set_position(int fd, int64_t position)
{
    (void)lseek(fd, position, SEEK_SET);
}

static int flags_for(bool is_blocking)
{
    return is_blocking ? 0 : RWF_NOWAIT;
}

int64_t sys_file_read(int fd, void *buffer, size_t size, int64_t offset, bool is_blocking)
{
    struct iovec piece = {buffer, size};
    return fails() ? -HOOP_TESTING_ERRNO
                   : RETRIED(preadv2(fd, &piece, 1, offset, flags_for(is_blocking)));
}

int64_t sys_file_write(int fd, const void *data, size_t size, int64_t offset, bool is_blocking)
{
    struct iovec piece = {(void *)(uintptr_t)data, size};
    return fails() ? -HOOP_TESTING_ERRNO
                   : RETRIED(pwritev2(fd, &piece, 1, offset, flags_for(is_blocking)));
}

int sys_file_sync(int fd)
{
    return fails() ? -HOOP_TESTING_ERRNO : (int)RETRIED(fsync(fd));
}

int sys_file_sync_data(int fd)
{
    return fails() ? -HOOP_TESTING_ERRNO : (int)RETRIED(fdatasync(fd));
}

int sys_file_truncate(int fd, uint64_t size)
{
    return fails() ? -HOOP_TESTING_ERRNO : (int)RETRIED(ftruncate(fd, (off_t)size));
}

int sys_file_status(int fd, struct stat *ret_status)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(fstat(fd, ret_status));
}
