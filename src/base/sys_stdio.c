/* SPDX-License-Identifier: MIT
 *
 * See sys_stdio.h. Linux.
 */
#include "base/sys_stdio.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_result.h"

/* Not a pseudo terminal's master: what is opened in its place is a new one. */
static bool is_terminal(int fd)
{
    unsigned number;
    return isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
}

/* 0, -EOPNOTSUPP, or another error. */
static int check_reopenable(int fd)
{
    struct stat status;
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(fstat(fd, &status));
    if (rc < 0)
        return rc;
    bool is_suited = S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && is_terminal(fd));
    return is_suited ? 0 : -EOPNOTSUPP;
}

int sys_reopen(int fd)
{
    char path[64];
    int rc = check_reopenable(fd);
    if (rc < 0)
        return rc;
    int flags = fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_GETFL));
    if (flags < 0)
        return flags;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    flags = (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    return sys_move_up(fails() ? -HOOP_TESTING_ERRNO : checked(open(path, flags)));
}

/* WRONG is how FD must not be open: then the kernel would never call it ready. */
static int is_ready(int fd, short events, int wrong)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int rc;
    if (fails())
        return -HOOP_TESTING_ERRNO;
    do
        rc = checked(poll(&ready, 1, 0));
    while (rc == -EINTR);
    return rc == 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == wrong ? -EBADF : rc;
}

int sys_is_readable(int fd)
{
    return is_ready(fd, POLLIN, O_WRONLY);
}

int sys_is_writable(int fd)
{
    return is_ready(fd, POLLOUT, O_RDONLY);
}
