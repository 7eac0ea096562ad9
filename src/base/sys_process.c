/* SPDX-License-Identifier: MIT
 *
 * See sys_process.h. Linux with glibc 2.35 or newer.
 */
#include "base/sys_process.h"

#include <errno.h>
#include <fcntl.h>
#include <hoop/process.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_result.h"

/* Linux 5.1 and 5.3; the same numbers everywhere. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define FIRST_FREE 3                 /* the first descriptor that is not a standard one */
#define WAIT_FOR_PIDFD ((idtype_t)3) /* P_PIDFD, Linux 5.4 */

/* ---- starting ---- */

/* The lowest number of those to inherit that is at least LOW; INT_MAX if there is none. */
static int next_inherited(const struct sys_spawn *spawn, int low)
{
    int next = INT_MAX;
    for (size_t i = 0; i < spawn->inherit_count; i++)
        if (spawn->inherit[i] >= low && spawn->inherit[i] < next)
            next = spawn->inherit[i];
    return next;
}

/* In the child: the descriptors that it is to have, and no others. */
static int add_descriptors(posix_spawn_file_actions_t *actions, const struct sys_spawn *spawn)
{
    int rc = 0;
    for (int i = 0; i < FIRST_FREE && rc == 0; i++)
        if (spawn->stdio[i] >= 0)
            rc = posix_spawn_file_actions_adddup2(actions, spawn->stdio[i], i);
    int fd = FIRST_FREE;
    for (int next; rc == 0 && (next = next_inherited(spawn, fd)) != INT_MAX; fd++) {
        for (; fd < next && rc == 0; fd++)
            rc = posix_spawn_file_actions_addclose(actions, fd);
        if (rc == 0) /* onto itself: it stays open */
            rc = posix_spawn_file_actions_adddup2(actions, fd, fd);
    }
    return rc == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, fd) : rc;
}

/* The directory last, as the descriptors' numbers need not be kept for it. */
static int add_actions(posix_spawn_file_actions_t *actions, const struct sys_spawn *spawn)
{
    int rc = add_descriptors(actions, spawn);
    if (rc == 0 && spawn->directory != NULL)
        rc = posix_spawn_file_actions_addchdir_np(actions, spawn->directory);
    return rc;
}

static void set_attributes(posix_spawnattr_t *attributes, const struct sys_spawn *spawn)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(attributes, &signals);
    sigaddset(&signals, SIGPIPE); /* libraries like to ignore it; programs are not made for that */
    posix_spawnattr_setsigdefault(attributes, &signals);
    if (spawn->new_session)
        flags |= POSIX_SPAWN_SETSID;
    if (spawn->group >= 0)
        flags |= POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setpgroup(attributes, spawn->group >= 0 ? spawn->group : 0);
    posix_spawnattr_setflags(attributes, flags);
}

/* posix_spawn takes strings that may be written to, and does not write. */
static char *const *unwritten(const char *const *strings)
{
    return (char *const *)(const void *)strings;
}

int sys_spawn(const struct sys_spawn *spawn)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    char *const *environment = spawn->environment != NULL ? unwritten(spawn->environment) : environ;
    posix_spawn_file_actions_init(&actions); /* neither of these two fails in glibc */
    posix_spawnattr_init(&attributes);
    set_attributes(&attributes, spawn);
    int rc = add_actions(&actions, spawn);
    if (rc == 0)
        rc = posix_spawnp(&pid, spawn->program, &actions, &attributes, unwritten(spawn->argv),
                          environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc != 0 ? -rc : pid;
}

int sys_check_directory(const char *path)
{
    int fd = fails() ? -HOOP_TESTING_ERRNO : checked(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return fd;
    close(fd);
    return fails() ? -HOOP_TESTING_ERRNO : checked(faccessat(AT_FDCWD, path, X_OK, AT_EACCESS));
}

/* ---- descriptors ---- */

int sys_pipe(int ret_fds[2])
{
    int fds[2];
    int rc = fails() ? -HOOP_TESTING_ERRNO : checked(pipe2(fds, O_CLOEXEC));
    if (rc < 0)
        return rc;
    fds[0] = sys_move_up(fds[0]);
    fds[1] = sys_move_up(fds[1]);
    if (fds[0] >= 0 && fds[1] >= 0) {
        ret_fds[0] = fds[0];
        ret_fds[1] = fds[1];
        return 0;
    }
    rc = fds[0] < 0 ? fds[0] : fds[1];
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    return rc;
}

int sys_open_null(void)
{
    return sys_move_up(fails() ? -HOOP_TESTING_ERRNO
                               : checked(open("/dev/null", O_RDWR | O_CLOEXEC)));
}

/* ---- a child's end ---- */

int sys_pidfd_open(int pid)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked((int)syscall(SYS_pidfd_open, pid, 0));
}

static int send_signal(int pid, int pidfd, int signal)
{
    int rc = -ENOSYS;
    if (pidfd >= 0)
        rc = checked((int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
    return rc == -ENOSYS ? checked(kill(pid, signal)) : rc;
}

int sys_process_signal(int pid, int pidfd, int signal)
{
    return fails() ? -HOOP_TESTING_ERRNO : send_signal(pid, pidfd, signal);
}

void sys_process_kill(int pid, int pidfd)
{
    (void)send_signal(pid, pidfd, SIGKILL);
}

/* waitid, made again when a signal interrupts it. */
static int wait_for(idtype_t type, int id, siginfo_t *info, int options)
{
    int rc;
    do {
        info->si_pid = 0;
        rc = checked(waitid(type, (id_t)id, info, options));
    } while (rc == -EINTR);
    return rc;
}

int sys_process_reap(int pid, int pidfd, bool wait)
{
    siginfo_t info;
    int options = WEXITED | (wait ? 0 : WNOHANG);
    int rc = pidfd >= 0 ? wait_for(WAIT_FOR_PIDFD, pidfd, &info, options) : -EINVAL;
    if (rc == -EINVAL)
        rc = wait_for(P_PID, pid, &info, options);
    if (rc < 0)
        return rc;
    if (info.si_pid == 0)
        return -EAGAIN;
    return info.si_code == CLD_EXITED ? info.si_status : HOOP_EXIT_SIGNAL + info.si_status;
}

void sys_process_await(int pid)
{
    siginfo_t info;
    (void)wait_for(P_PID, pid, &info, WEXITED | WNOWAIT);
}
