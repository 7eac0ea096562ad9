/* SPDX-License-Identifier: MIT
 *
 * See sys_uring.h.
 */
#include "base/sys_uring.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#ifdef HOOP_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

#include "base/sys.h"
#include "base/sys_result.h"

#define NS_PER_SECOND 1000000000
#define COMPLETIONS_PER_ENTRY 4

static int open_with(struct io_uring *ring, unsigned entries, unsigned flags)
{
    struct io_uring_params params = {
        .flags = flags | IORING_SETUP_CQSIZE,
        .cq_entries = entries * COMPLETIONS_PER_ENTRY,
    };
    int rc = io_uring_queue_init_params(entries, ring, &params);
    if (rc < 0)
        return rc;
    if (params.features & IORING_FEAT_RSRC_TAGS) /* it came with multishot poll */
        return 0;
    io_uring_queue_exit(ring);
    return -ENOSYS;
}

/* The kernel's work for a completion is done by the thread that submitted the request, when
 * it enters the kernel next (Linux 5.19), or else in an interrupt of it, which costs several
 * times as much. Not only when that thread asks for completions: another one may run the
 * loop. */
int sys_uring_open(struct io_uring *ring, unsigned entries)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int rc = open_with(ring, entries, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
    return rc == -EINVAL ? open_with(ring, entries, 0) : rc;
}

bool sys_uring_has_work(const struct io_uring *ring)
{
    unsigned flags = IO_URING_READ_ONCE(*ring->sq.kflags);
    return flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

void sys_uring_close(struct io_uring *ring)
{
    io_uring_queue_exit(ring);
}

int sys_uring_submit(struct io_uring *ring)
{
    return fails() ? -HOOP_TESTING_ERRNO : io_uring_submit(ring);
}

int sys_uring_wait(struct io_uring *ring, int64_t timeout)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int rc;
    if (timeout == 0) {
        rc = io_uring_submit_and_get_events(ring);
    } else if (timeout == INT64_MAX) {
        rc = io_uring_submit_and_wait(ring, 1);
    } else {
        struct io_uring_cqe *first;
        struct __kernel_timespec limit = {timeout / NS_PER_SECOND, timeout % NS_PER_SECOND};
        rc = io_uring_submit_and_wait_timeout(ring, &first, 1, &limit, NULL);
    }
    /* EBUSY: completions that the kernel keeps are to be taken first. */
    return rc == -ETIME || rc == -EINTR || rc == -EBUSY ? 0 : rc < 0 ? rc : 0;
}

void sys_uring_wrote(void *memory, size_t size)
{
#ifdef HOOP_HAVE_VALGRIND
    VALGRIND_MAKE_MEM_DEFINED(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

/* Asks epoll, which refuses what has no notion of being ready. */
static int check_by_epoll(int fd)
{
    int epoll = sys_epoll_create();
    if (epoll < 0)
        return epoll;
    int rc = sys_epoll_control(epoll, EPOLL_CTL_ADD, fd, 0, NULL);
    sys_close(epoll);
    return rc;
}

int sys_check_pollable(int fd, uint64_t *ret_file)
{
    struct stat status;
    if (fails())
        return -HOOP_TESTING_ERRNO;
    if (fstat(fd, &status) < 0)
        return -errno;
    bool is_common = S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode);
    int rc = is_common ? 0 : check_by_epoll(fd);
    if (rc < 0)
        return rc;
    *ret_file = status.st_ino;
    return S_ISCHR(status.st_mode);
}

uint32_t sys_poll_state(int fd, uint32_t events)
{
    struct pollfd state = {.fd = fd, .events = (short)events};
    return poll(&state, 1, 0) < 0 ? events : (uint32_t)state.revents;
}
