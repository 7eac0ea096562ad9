/* SPDX-License-Identifier: MIT
 *
 * See sys_path.h. Linux with glibc.
 */
#include "base/sys_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/sys_file.h"
#include "base/sys_result.h"

int sys_path_stat(int folder, const char *path, bool follow, struct stat *ret_status)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : checked(fstatat(folder, path, ret_status, follow ? 0 : AT_SYMLINK_NOFOLLOW));
}

int sys_path_rename(int folder, const char *from, const char *to)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(renameat(folder, from, folder, to));
}

/* Not every file system can rename so, nor every emulator; a second name is refused in the same
 * way, and where there are no second names it takes a look, which is not proof against haste. */
int sys_path_rename_new(int folder, const char *from, const char *to)
{
    struct stat status;
    int rc = fails() ? -HOOP_TESTING_ERRNO
                     : checked(renameat2(folder, from, folder, to, RENAME_NOREPLACE));
    if (rc != -EINVAL && rc != -ENOSYS && rc != -EPERM)
        return rc;
    rc = fails() ? -HOOP_TESTING_ERRNO : checked(linkat(folder, from, folder, to, 0));
    if (rc == 0)
        sys_path_discard(folder, from);
    if (rc != -EPERM && rc != -EOPNOTSUPP && rc != -ENOSYS)
        return rc;
    rc = sys_path_stat(folder, to, false, &status);
    if (rc == 0)
        return -EEXIST;
    return rc == -ENOENT ? sys_path_rename(folder, from, to) : rc;
}

int sys_path_unlink(int folder, const char *path)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(unlinkat(folder, path, 0));
}

void sys_path_discard(int folder, const char *path)
{
    (void)unlinkat(folder, path, 0);
}

int sys_path_make_directory(const char *path, unsigned mode)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(mkdir(path, (mode_t)mode));
}

int sys_path_remove_directory(const char *path)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(rmdir(path));
}

/* ---- listing ---- */

int sys_directory_open(const char *path, DIR **ret_directory)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    *ret_directory = directory;
    return 0;
}

int sys_directory_next(DIR *directory, const struct dirent **ret_entry)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (entry == NULL)
        return -errno;
    *ret_entry = entry;
    return 1;
}

void sys_directory_close(DIR *directory)
{
    closedir(directory);
}

/* ---- copying ---- */

int sys_path_open(int folder, const char *path, int flags, unsigned mode)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    return (int)RETRIED(openat(folder, path, flags | O_CLOEXEC | O_NOCTTY, (mode_t)mode));
}

int sys_path_open_regular(const char *path, struct stat *ret_status)
{
    int fd = sys_path_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd == -ENXIO ? -EINVAL : fd; /* a socket */
    int rc = sys_file_status(fd, ret_status);
    if (rc == 0 && !S_ISREG(ret_status->st_mode))
        rc = -EINVAL;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int64_t sys_copy_clone(int from, int to)
{
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(ioctl(to, FICLONE, from));
    if (rc < 0)
        return rc;
    int64_t size = lseek(to, 0, SEEK_END);
    return size < 0 ? -errno : size;
}

int64_t sys_copy_range(int from, int to, size_t size)
{
    return fails() ? -HOOP_TESTING_ERRNO : RETRIED(copy_file_range(from, NULL, to, NULL, size, 0));
}

int64_t sys_copy_find_data(int from, int to, int64_t position, int64_t *ret_end)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int64_t start = lseek(from, position, SEEK_DATA);
    int64_t end = start >= 0 ? lseek(from, start, SEEK_HOLE) : -1;
    if (end < 0 || lseek(from, start, SEEK_SET) < 0 || lseek(to, start, SEEK_SET) < 0)
        return -errno;
    *ret_end = end;
    return start;
}

int64_t sys_copy_hole(int from, int to, int64_t position)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int64_t size = lseek(from, 0, SEEK_END);
    if (size < 0)
        return -errno;
    if (size < position)
        return position;
    int64_t rc = RETRIED(ftruncate(to, size));
    return rc < 0 ? rc : size;
}

int sys_copy_permissions(int fd, unsigned mode)
{
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(fchmod(fd, (mode_t)mode));
    return rc == -EPERM || rc == -EOPNOTSUPP ? 0 : rc; /* FD is a new file of ours */
}
