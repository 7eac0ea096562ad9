/* SPDX-License-Identifier: MIT
 *
 * See sys_fork.h. Linux with glibc.
 */
#include "base/sys_fork.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_result.h"
#include "base/sys_signal.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* Linux 5.9, the same on all processors */
#endif

/* For a kernel that cannot tell which descriptors are open. */
#define DESCRIPTORS_MAX 65536

#define CHANNEL_BUFFER (256 << 10)

/* ---- processes ---- */

int sys_fork(void)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    sigset_t old;
    sys_signals_block(&old);
    int pid = checked(fork());
    if (pid != 0)
        sys_signals_restore(&old);
    return pid;
}

_Noreturn void sys_exit(int status)
{
    _exit(status);
}

int sys_end_child(int pid, int *ret_status)
{
    siginfo_t info;
    int rc = checked(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT));
    if (rc < 0)
        return rc; /* who knows whose number that is now */
    kill(pid, SIGKILL);
    do
        rc = checked(waitpid(pid, ret_status, 0));
    while (rc == -EINTR);
    return rc < 0 ? rc : 0;
}

const char *sys_signal_text(int signal)
{
    return sigdescr_np(signal);
}

/* ---- in a child ---- */

void sys_end_with_parent(int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
}

/* For kernels before 5.9. */
static void close_each(int keep)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS_MAX; fd++)
            if (fd != keep)
                close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (fd > STDERR_FILENO && fd != keep && fd != dirfd(directory))
            close(fd);
    }
    closedir(directory);
}

void sys_close_others(int keep)
{
    if ((keep > STDERR_FILENO + 1 &&
         syscall(SYS_close_range, STDERR_FILENO + 1, keep - 1, 0) < 0) ||
        syscall(SYS_close_range, keep + 1, ~0U, 0) < 0)
        close_each(keep);
}

static int fd_of_this_process = -1;

static void close_in_fork(void)
{
    close(fd_of_this_process);
}

int sys_close_in_forks(int fd)
{
    fd_of_this_process = fd;
    return fails() ? -HOOP_TESTING_ERRNO : -pthread_atfork(NULL, NULL, close_in_fork);
}

/* Of /proc/self/status, as the kernel counts it for the limit; -1 if it does not say. */
static long long private_kib(void)
{
    char line[128];
    long long kib = -1;
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmData:", 7) == 0)
            kib = atoll(line + 7);
    fclose(file);
    return kib;
}

int sys_limit_memory(size_t more)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    long long kib = private_kib();
    struct rlimit limit;
    if (kib < 0)
        return -ENOENT;
    getrlimit(RLIMIT_DATA, &limit);
    rlim_t wanted = (rlim_t)kib * 1024 + more;
    limit.rlim_cur = wanted < limit.rlim_cur ? wanted : limit.rlim_cur;
    return checked(setrlimit(RLIMIT_DATA, &limit));
}

/* ---- channels ---- */

int sys_channel_pair(int ret_fds[2])
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        ends[i] = sys_move_up(ends[i]);
    if (ends[0] < 0 || ends[1] < 0) {
        close(ends[0]);
        close(ends[1]);
        return ends[0] < 0 ? ends[0] : ends[1];
    }
    for (int i = 0; i < 2; i++) { /* as a rule there is that much room anyway */
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &(int){CHANNEL_BUFFER}, sizeof(int));
        ret_fds[i] = ends[i];
    }
    return 0;
}

union descriptors {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(SYS_CHANNEL_FDS_MAX * sizeof(int))];
};

static int send_message(int channel, const struct iovec *pieces, size_t count, const int *fds,
                        size_t fd_count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
    union descriptors control = {0};
    if (fd_count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof *fds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof *fds);
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof *fds);
    }
    int rc;
    do
        rc = checked((int)sendmsg(channel, &message, MSG_NOSIGNAL));
    while (rc == -EINTR);
    return rc < 0 ? rc : 0;
}

static size_t take_descriptors(struct msghdr *message, int *ret_fds)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS)
        return 0;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *ret_fds;
    memcpy(ret_fds, CMSG_DATA(header), count * sizeof *ret_fds);
    return count;
}

static int64_t receive_message(int channel, const struct iovec *pieces, size_t count, int *ret_fds,
                               size_t *ret_fd_count)
{
    union descriptors control;
    struct msghdr message;
    int64_t size;
    do {
        message = (struct msghdr){.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
        if (ret_fds != NULL) {
            message.msg_control = &control;
            message.msg_controllen = sizeof control;
        }
        size = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    if (ret_fds != NULL)
        *ret_fd_count = take_descriptors(&message, ret_fds);
    return (message.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : size;
}

int sys_channel_send(int channel, const struct iovec *pieces, size_t count, const int *fds,
                     size_t fd_count)
{
    return fails() ? -HOOP_TESTING_ERRNO : send_message(channel, pieces, count, fds, fd_count);
}

int64_t sys_channel_receive(int channel, const struct iovec *pieces, size_t count, int *ret_fds,
                            size_t *ret_fd_count)
{
    return fails() ? -HOOP_TESTING_ERRNO
                   : receive_message(channel, pieces, count, ret_fds, ret_fd_count);
}

/* One call, so that no answer is left behind which would be taken for that to a later question. */
int sys_channel_ask(int channel, const void *question, size_t size, int fd, void *ret_answer,
                    size_t answer_size)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int rc = send_message(channel, &(struct iovec){(void *)question, size}, 1, &fd, fd >= 0);
    if (rc < 0)
        return rc == -ECONNRESET ? -EPIPE : rc;
    const struct iovec answer = {ret_answer, answer_size};
    if (receive_message(channel, &answer, 1, NULL, NULL) == (int64_t)answer_size)
        return 0;
    shutdown(channel, SHUT_RDWR);
    return -EPIPE;
}

void sys_channel_hang_up(int channel)
{
    shutdown(channel, SHUT_RDWR);
}

/* ---- shared memory ---- */

/* Where memory cannot have a descriptor: a file without a name. Its room is taken now, as to find
 * none when a page is touched would be fatal. */
static int memory_file(size_t size)
{
    int fd = checked(open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd < 0)
        fd = checked(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd < 0)
        return fd;
    int rc = -posix_fallocate(fd, 0, (off_t)size);
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int sys_memory_create(size_t size)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    if (size > INT64_MAX)
        return -ENOMEM;
    int fd = checked(memfd_create("hoop", MFD_CLOEXEC));
    if (fd == -ENOSYS || fd == -EPERM)
        return memory_file(size);
    int rc = fd < 0 ? fd : checked(ftruncate(fd, (off_t)size));
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int sys_memory_map(int memory, uint64_t offset, size_t size, unsigned flags, void **ret_bytes)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int protection = (flags & SYS_MEMORY_WRITABLE) != 0 ? PROT_READ | PROT_WRITE : PROT_READ;
    int how = (flags & SYS_MEMORY_NOW) != 0 ? MAP_SHARED | MAP_POPULATE : MAP_SHARED;
    void *bytes = mmap(NULL, size, protection, how, memory, (off_t)offset);
    if (bytes == MAP_FAILED)
        return -errno;
    *ret_bytes = bytes;
    return 0;
}
