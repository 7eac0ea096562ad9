/* SPDX-License-Identifier: MIT
 *
 * Operations on other people's descriptors. Each makes its system call, and where that would
 * block waits with the loop's level-triggered watch, as nobody knows what else is done with such a
 * descriptor in between. The watch is there only while the task waits.
 */
#include <hoop/socket.h>

#include <errno.h>
#include <hoop/loop.h>
#include <hoop/task.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/sys_socket.h"
#include "io/file_range.h"
#include "io/local.h"
#include "loop/loop.h"
#include "task/wait.h"

/* ---- waiting ---- */

/* In the frame of the task that waits. */
struct descriptor_wait {
    struct wait wait;
    hoop_loop *loop;
    int fd;
    unsigned direction;
};

static void stop_watching(const struct descriptor_wait *wait)
{
    descriptor_remove(wait->loop, wait->fd, wait->direction);
}

static void descriptor_cancel(struct wait *wait)
{
    stop_watching(CONTAINER_OF(wait, struct descriptor_wait, wait));
    wait_cancel(wait);
}

static void descriptor_abandon(struct wait *wait)
{
    stop_watching(CONTAINER_OF(wait, struct descriptor_wait, wait));
}

static const struct wait_kind readable_wait = {"waits for a descriptor to become readable",
                                               descriptor_cancel, NULL, descriptor_abandon};
static const struct wait_kind writable_wait = {"waits for a descriptor to become writable",
                                               descriptor_cancel, NULL, descriptor_abandon};

/* A callback of the loop. */
static void descriptor_is_ready(void *arg)
{
    struct descriptor_wait *wait = arg;
    stop_watching(wait);
    wait_wake(&wait->wait, 0);
}

/* Suspends until FD is ready for DIRECTION. */
static int descriptor_park(int fd, unsigned direction)
{
    bool is_reader = direction == HOOP_READABLE;
    struct descriptor_wait wait = {.loop = running_loop, .fd = fd, .direction = direction};
    if (descriptor_is_watched(wait.loop, fd, direction))
        return wait_failed(-EBUSY);
    int rc = is_reader ? hoop_add_reader(wait.loop, fd, descriptor_is_ready, &wait)
                       : hoop_add_writer(wait.loop, fd, descriptor_is_ready, &wait);
    if (rc < 0)
        return wait_failed(rc == -EEXIST ? -EBUSY : rc);
    wait_init(&wait.wait, is_reader ? &readable_wait : &writable_wait);
    return (int)wait_park(&wait.wait);
}

/* 0, or why FUNCTION cannot be called here for FD. */
static int socket_check(int fd, const char *function)
{
    int rc = io_check_task(function);
    if (rc < 0 || LIKELY(!running_loop->debug))
        return rc;
    int is_nonblocking = sys_is_nonblocking(fd);
    if (is_nonblocking == 0)
        is_nonblocking = misuse(true, -EINVAL, function);
    return is_nonblocking < 0 ? wait_failed(is_nonblocking) : 0;
}

/* Is the call that gave RESULT to be made once more? Not if it succeeded or failed; if it would
 * block, after a wait for DIRECTION, whose error is put there. */
static bool is_to_be_repeated(int64_t *result, int fd, unsigned direction)
{
    if (*result != -EAGAIN) {
        if (*result < 0)
            *result = wait_failed((int)*result);
        return false;
    }
    *result = descriptor_park(fd, direction);
    return *result == 0;
}

static int wait_for(int fd, unsigned direction, const char *function)
{
    int rc = socket_check(fd, function);
    return rc < 0 ? rc : descriptor_park(fd, direction);
}

int hoop_wait_readable(int fd)
{
    return wait_for(fd, HOOP_READABLE, __func__);
}

int hoop_wait_writable(int fd)
{
    return wait_for(fd, HOOP_WRITABLE, __func__);
}

/* ---- receiving ---- */

int64_t hoop_sock_recv(int fd, void *buffer, size_t size)
{
    int64_t received = socket_check(fd, __func__);
    if (received < 0)
        return received;
    do
        received = sys_receive(fd, buffer, size);
    while (is_to_be_repeated(&received, fd, HOOP_READABLE));
    wait_spend();
    return received;
}

int64_t hoop_sock_recvfrom(int fd, void *buffer, size_t size, hoop_address *ret_from)
{
    int64_t received = socket_check(fd, __func__);
    if (received < 0)
        return received;
    do
        received = sys_receive_from(fd, buffer, size, ret_from);
    while (is_to_be_repeated(&received, fd, HOOP_READABLE));
    wait_spend();
    return received;
}

/* ---- sending ---- */

int hoop_sock_sendall(int fd, const void *data, size_t size, size_t *ret_sent)
{
    size_t sent = 0;
    int64_t rc = socket_check(fd, __func__);
    while (rc >= 0 && sent < size) {
        rc = sys_send(fd, (const char *)data + sent, size - sent);
        if (rc >= 0) {
            sent += (size_t)rc;
            wait_spend(); /* one that takes all at once is not to keep the others waiting */
        } else if (is_to_be_repeated(&rc, fd, HOOP_WRITABLE)) {
            rc = 0;
        }
    }
    if (ret_sent != NULL)
        *ret_sent = sent;
    return rc < 0 ? (int)rc : 0;
}

int64_t hoop_sock_sendto(int fd, const void *data, size_t size, const hoop_address *to)
{
    int64_t sent = socket_check(fd, __func__);
    if (sent < 0)
        return sent;
    do
        sent = sys_send_to(fd, data, size, to);
    while (is_to_be_repeated(&sent, fd, HOOP_WRITABLE));
    wait_spend();
    return sent;
}

/* How much of a file is asked for in one call. */
#define FILE_PIECE ((uint64_t)1 << 24)

int64_t hoop_sock_sendfile(int fd, int file_fd, uint64_t offset, uint64_t count, uint64_t *ret_sent)
{
    uint64_t sent = 0;
    int64_t rc = socket_check(fd, __func__);
    int64_t wanted = rc < 0 ? rc : file_range(file_fd, offset, count);
    if (rc >= 0)
        rc = wanted < 0 ? wait_failed((int)wanted) : 1;
    while (rc > 0 && sent < (uint64_t)wanted) {
        uint64_t piece =
            (uint64_t)wanted - sent < FILE_PIECE ? (uint64_t)wanted - sent : FILE_PIECE;
        rc = sys_send_file(fd, file_fd, offset + sent, (size_t)piece);
        if (rc >= 0) { /* 0: it has become shorter */
            sent += (uint64_t)rc;
            wait_spend();
        } else if (is_to_be_repeated(&rc, fd, HOOP_WRITABLE)) {
            rc = 1;
        }
    }
    if (ret_sent != NULL)
        *ret_sent = sent;
    return rc < 0 ? rc : (int64_t)sent;
}

/* ---- connecting ---- */

/* Seconds between two attempts at a Unix socket whose backlog is full. */
#define RETRY_MIN 0.001
#define RETRY_MAX 0.05

/* The system does not tell when there is room again. */
static int connect_again(int fd, const hoop_address *address)
{
    int rc = -EAGAIN;
    for (double delay = RETRY_MIN; rc == -EAGAIN;
         delay = delay < RETRY_MAX / 2 ? 2 * delay : RETRY_MAX) {
        rc = hoop_sleep(delay);
        if (rc == 0)
            rc = sys_connect(fd, address);
    }
    return rc;
}

int hoop_sock_connect(int fd, const hoop_address *address)
{
    int rc = socket_check(fd, __func__);
    if (rc < 0)
        return rc;
    rc = sys_connect(fd, address);
    if (rc == -EAGAIN)
        rc = connect_again(fd, address);
    if (rc == -EINPROGRESS) {
        rc = descriptor_park(fd, HOOP_WRITABLE);
        if (rc == 0)
            rc = sys_socket_error(fd);
    }
    wait_spend();
    return rc < 0 ? wait_failed(rc) : 0;
}

int hoop_sock_accept(int fd, hoop_address *ret_from)
{
    int64_t accepted = socket_check(fd, __func__);
    if (accepted < 0)
        return (int)accepted;
    wait_spend(); /* not while it holds a descriptor that nobody else knows */
    do
        accepted = sys_accept(fd, ret_from);
    while (is_to_be_repeated(&accepted, fd, HOOP_READABLE));
    return (int)accepted;
}
