/* SPDX-License-Identifier: MIT
 *
 * See sys_socket.h. Linux with glibc.
 */
#include "base/sys_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <hoop/error.h>
#include <linux/tls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/sys_result.h"

static const struct sockaddr *raw(const hoop_address *address)
{
    return (const struct sockaddr *)(const void *)address->storage;
}

static struct sockaddr *raw_to_fill(hoop_address *address)
{
    return (struct sockaddr *)(void *)address->storage;
}

/* ---- life of a socket ---- */

int sys_socket(int family, int type, int protocol)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : checked(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int sys_socket_pair(int family, int type, int *ret_fds)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : checked(socketpair(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds));
}

int sys_accept(int fd, hoop_address *ret_from)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    hoop_address from;
    socklen_t size = sizeof from.storage;
    int64_t accepted =
        RETRIED(accept4(fd, ret_from != NULL ? raw_to_fill(&from) : NULL,
                        ret_from != NULL ? &size : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted >= 0 && ret_from != NULL) {
        from.size = size;
        *ret_from = from;
    }
    return (int)accepted;
}

int sys_bind(int fd, const hoop_address *address)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(bind(fd, raw(address), address->size));
}

int sys_listen(int fd, int backlog)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(listen(fd, backlog));
}

int sys_connect(int fd, const hoop_address *address)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int rc = checked(connect(fd, raw(address), address->size));
    return rc == -EINTR ? -EINPROGRESS : rc; /* it goes on by itself */
}

int sys_socket_error(int fd)
{
    int error = 0;
    int rc = sys_get_option(fd, SOL_SOCKET, SO_ERROR, &error);
    return rc < 0 ? rc : -error;
}

int sys_shutdown(int fd, int how)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(shutdown(fd, how));
}

static int ask_address(int fd, hoop_address *ret_address,
                       int (*ask)(int fd, struct sockaddr *restrict, socklen_t *restrict))
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    hoop_address address;
    socklen_t size = sizeof address.storage;
    int rc = checked(ask(fd, raw_to_fill(&address), &size));
    if (rc < 0)
        return rc;
    address.size = size;
    *ret_address = address;
    return 0;
}

int sys_local_address(int fd, hoop_address *ret_address)
{
    return ask_address(fd, ret_address, getsockname);
}

int sys_remote_address(int fd, hoop_address *ret_address)
{
    return ask_address(fd, ret_address, getpeername);
}

int sys_set_option(int fd, int level, int option, int value)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : checked(setsockopt(fd, level, option, &value, sizeof value));
}

int sys_get_option(int fd, int level, int option, int *ret_value)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int value = 0;
    socklen_t size = sizeof value;
    int rc = checked(getsockopt(fd, level, option, &value, &size));
    if (rc == 0)
        *ret_value = value;
    return rc;
}

int sys_is_socket(int fd)
{
    struct stat status;
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(fstat(fd, &status));
    if (rc < 0)
        return rc;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        return -EPERM;
    return S_ISSOCK(status.st_mode);
}

int sys_set_nonblocking(int fd)
{
    int flags = fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_GETFL));
    if (flags < 0)
        return flags;
    if (flags & O_NONBLOCK)
        return 1;
    return fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

int sys_is_nonblocking(int fd)
{
    int flags = fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_GETFL));
    return flags < 0 ? flags : (flags & O_NONBLOCK) != 0;
}

int sys_set_close_on_exec(int fd)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_SETFD, FD_CLOEXEC));
}

/* ---- through sockets ---- */

int64_t sys_receive(int fd, void *buffer, size_t size)
{
    return fails() ? -HOOP_TESTING_ERRNO : RETRIED(recv(fd, buffer, size, MSG_DONTWAIT));
}

int64_t sys_receive_from(int fd, void *buffer, size_t size, hoop_address *ret_from)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    hoop_address from;
    socklen_t from_size = sizeof from.storage;
    int64_t received = RETRIED(recvfrom(fd, buffer, size, 0, raw_to_fill(&from), &from_size));
    if (received >= 0 && ret_from != NULL) {
        from.size = from_size;
        *ret_from = from;
    }
    return received;
}

int64_t sys_send(int fd, const void *data, size_t size)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : RETRIED(send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int64_t sys_send_to(int fd, const void *data, size_t size, const hoop_address *to)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    return RETRIED(sendto(fd, data, size, MSG_NOSIGNAL, to != NULL ? raw(to) : NULL,
                          to != NULL ? to->size : 0));
}

int64_t sys_send_pieces(int fd, const struct iovec *pieces, size_t count)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
    return RETRIED(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int sys_tls_attach(int fd)
{
    static const char name[] = "tls";
    return fails() ? -HOOP_TESTING_ERRNO
                   : checked(setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof name - 1));
}

int64_t sys_tls_send(int fd, unsigned char kind, const void *data, size_t size)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(1)];
    } control = {.space = {0}};
    struct iovec piece = {(void *)(uintptr_t)data, size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.space};
    control.header.cmsg_level = SOL_TLS;
    control.header.cmsg_type = TLS_SET_RECORD_TYPE;
    control.header.cmsg_len = CMSG_LEN(1);
    memcpy(CMSG_DATA(&control.header), &kind, 1);
    return RETRIED(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int sys_receive_messages(int fd, struct mmsghdr *messages, unsigned count)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : (int)RETRIED(recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL));
}

int sys_send_messages(int fd, struct mmsghdr *messages, unsigned count)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : (int)RETRIED(sendmmsg(fd, messages, count, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* ---- pipes, terminals, files ---- */

int64_t sys_read(int fd, void *buffer, size_t size)
{
    return fails() ? -HOOP_TESTING_ERRNO : RETRIED(read(fd, buffer, size));
}

int64_t sys_read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
    return fails() ? -HOOP_TESTING_ERRNO : RETRIED(pread(fd, buffer, size, (off_t)offset));
}

/* Calls that have no MSG_NOSIGNAL raise SIGPIPE in this thread if nobody reads any more: it is
 * kept back for that long, and then taken away, unless one was pending before. */
struct sigpipe {
    sigset_t signal;
    sigset_t mask_before;
    bool was_pending;
};

static void sigpipe_keep_back(struct sigpipe *sigpipe)
{
    sigset_t pending;
    sigemptyset(&sigpipe->signal);
    sigaddset(&sigpipe->signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe->signal, &sigpipe->mask_before);
    sigpending(&pending);
    sigpipe->was_pending = sigismember(&pending, SIGPIPE) == 1;
}

/* After a call with RESULT, which it returns. */
static int64_t sigpipe_let_go(struct sigpipe *sigpipe, int64_t result)
{
    const struct timespec no_time = {0};
    if (result == -EPIPE && !sigpipe->was_pending)
        while (sigtimedwait(&sigpipe->signal, NULL, &no_time) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &sigpipe->mask_before, NULL);
    return result;
}

int64_t sys_write_pieces(int fd, const struct iovec *pieces, size_t count)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    struct sigpipe sigpipe;
    sigpipe_keep_back(&sigpipe);
    return sigpipe_let_go(&sigpipe, RETRIED(writev(fd, pieces, (int)count)));
}

int64_t sys_send_file(int fd, int file_fd, uint64_t offset, size_t count)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    off_t position = (off_t)offset;
    struct sigpipe sigpipe;
    sigpipe_keep_back(&sigpipe);
    return sigpipe_let_go(&sigpipe, RETRIED(sendfile(fd, file_fd, &position, count)));
}

int sys_file_size(int fd, uint64_t *ret_size)
{
    struct stat status;
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(fstat(fd, &status));
    if (rc < 0)
        return rc;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    *ret_size = (uint64_t)status.st_size;
    return 0;
}

int sys_remove_socket_file(const char *path)
{
    struct stat status;
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(lstat(path, &status));
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    return fails() ? -HOOP_TESTING_ERRNO : checked(unlink(path));
}

int sys_file_permissions(const char *path, unsigned mode)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(chmod(path, (mode_t)mode));
}

bool sys_file_identity(const char *path, uint64_t ret_identity[2])
{
    struct stat status;
    if (fails() || lstat(path, &status) < 0)
        return false;
    ret_identity[0] = (uint64_t)status.st_dev;
    ret_identity[1] = (uint64_t)status.st_ino;
    return true;
}

int sys_is_folder(const char *path)
{
    struct stat status;
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(stat(path, &status));
    return rc < 0 ? rc : S_ISDIR(status.st_mode);
}

/* ---- the resolver ---- */

static int from_resolver(int code, int error)
{
    switch (code) {
    case 0:
        return 0;
    case EAI_AGAIN:
        return HOOP_EAI_AGAIN;
    case EAI_FAIL:
        return HOOP_EAI_FAIL;
    case EAI_SERVICE:
        return HOOP_EAI_SERVICE;
    case EAI_FAMILY:
        return HOOP_EAI_FAMILY;
    case EAI_SOCKTYPE:
        return HOOP_EAI_SOCKTYPE;
    case EAI_BADFLAGS:
        return -EINVAL;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_OVERFLOW:
        return -ENOBUFS;
    case EAI_SYSTEM:
        return error != 0 ? -error : HOOP_EAI_FAIL;
    default: /* EAI_NONAME, EAI_NODATA, EAI_ADDRFAMILY */
        return HOOP_EAI_NONAME;
    }
}

int sys_look_up(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_addresses)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    struct addrinfo *addresses;
    int code = getaddrinfo(host, service, hints, &addresses);
    int rc = from_resolver(code, errno);
    if (rc == 0)
        *ret_addresses = addresses;
    return rc;
}

int sys_look_up_name(const hoop_address *address, char *host, size_t host_size, char *service,
                     size_t service_size, int flags)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int code = getnameinfo(raw(address), address->size, host, (socklen_t)host_size, service,
                           (socklen_t)service_size, flags);
    return from_resolver(code, errno);
}
