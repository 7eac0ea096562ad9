/* SPDX-License-Identifier: MIT
 *
 * See sys.h. Linux with glibc; other systems go here and nowhere else.
 */
#include "base/sys.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13, include/uapi/asm-generic/mman-common.h */
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51 /* Linux 5.14, include/uapi/linux/auxvec.h */
#endif

#define NS_PER_SECOND 1000000000
#define NS_PER_MS 1000000

/* The result of a syscall in hoop's convention. */
static int checked(int result)
{
    return result < 0 ? -errno : result;
}

static bool fails(void)
{
    return fault_hits(HOOP_FAIL_SYSCALL);
}

int sys_epoll_create(void)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(epoll_create1(EPOLL_CLOEXEC));
}

int sys_epoll_control(int epoll, int op, int fd, uint32_t events, void *data)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    struct epoll_event event = {.events = events, .data.ptr = data};
    return checked(epoll_ctl(epoll, op, fd, &event));
}

void sys_epoll_forget(int epoll, int fd)
{
    epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* For kernels before 5.11: whole milliseconds, rounded up so as not to spin. */
static int epoll_wait_ms(int epoll, struct epoll_event *events, int capacity, int64_t timeout)
{
    int64_t ms = timeout / NS_PER_MS + (timeout % NS_PER_MS != 0);
    if (timeout == INT64_MAX)
        ms = -1;
    else if (ms > INT32_MAX)
        ms = INT32_MAX;
    return checked(epoll_wait(epoll, events, capacity, (int)ms));
}

int sys_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t timeout)
{
    static atomic_bool has_no_pwait2;
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int count = -ENOSYS;
    if (timeout != 0 && !atomic_load_explicit(&has_no_pwait2, memory_order_relaxed)) {
        struct timespec limit = {timeout / NS_PER_SECOND, timeout % NS_PER_SECOND};
        count = checked(
            epoll_pwait2(epoll, events, capacity, timeout == INT64_MAX ? NULL : &limit, NULL));
        if (count == -ENOSYS)
            atomic_store_explicit(&has_no_pwait2, true, memory_order_relaxed);
    }
    if (count == -ENOSYS)
        count = epoll_wait_ms(epoll, events, capacity, timeout);
    return count == -EINTR ? 0 : count;
}

int sys_eventfd(void)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void sys_eventfd_signal(int fd)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void sys_close(int fd)
{
    close(fd);
}

int sys_check_open(int fd)
{
    int flags = fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_GETFD));
    return flags < 0 ? flags : 0;
}

int64_t sys_monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

void sys_yield(void)
{
    sched_yield();
}

void sys_sleep(int64_t duration)
{
    nanosleep(&(struct timespec){.tv_nsec = duration}, NULL);
}

int sys_thread_start(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg, const char *name)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int rc = pthread_create(ret_thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (rc != 0)
        return -rc;
    char short_name[16] = "";
    strncpy(short_name, name, sizeof short_name - 1);
    pthread_setname_np(*ret_thread, short_name);
    return 0;
}

unsigned sys_processor_count(void)
{
    static atomic_uint known;
    unsigned count = atomic_load_explicit(&known, memory_order_relaxed);
    if (count > 0)
        return count;
    cpu_set_t set;
    count = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set)
                                                        : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    atomic_store_explicit(&known, count, memory_order_relaxed);
    return count;
}

size_t sys_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t sys_round_to_pages(size_t size)
{
    size_t page_size = sys_page_size();
    return (size + page_size - 1) / page_size * page_size;
}

void *sys_map_lazily(size_t size)
{
    if (fails())
        return NULL;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_NOHUGEPAGE); /* EINVAL where there are no huge pages: fine */
    return memory;
}

void sys_unmap(void *memory, size_t size)
{
    munmap(memory, size);
}

/* Asks the kernel, which answers with an error where a look of ours would be fatal. What it
 * reads is how long to sleep; memory that was never touched says not at all. */
static bool is_readable(const void *memory)
{
    return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, memory, NULL) == 0;
}

int sys_guard_install(void *memory, size_t size)
{
    static atomic_bool is_proven;
    if (fails())
        return -HOOP_TESTING_ERRNO;
    int rc = checked(madvise(memory, size, MADV_GUARD_INSTALL));
    if (rc < 0 || atomic_load_explicit(&is_proven, memory_order_relaxed))
        return rc;
    if (is_readable(memory))
        return -EOPNOTSUPP; /* an emulator that says yes to any advice */
    atomic_store_explicit(&is_proven, true, memory_order_relaxed);
    return 0;
}

int sys_guard_protect(void *memory, size_t size)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(mprotect(memory, size, PROT_NONE));
}

void sys_trim(void *memory, size_t size)
{
    madvise(memory, size, MADV_DONTNEED);
}

int sys_signal_action(int signal, const struct sigaction *action, struct sigaction *ret_old)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(sigaction(signal, action, ret_old));
}

int sys_signal_stack(const stack_t *stack, stack_t *ret_old)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(sigaltstack(stack, ret_old));
}

size_t sys_signal_stack_size(void)
{
    size_t frame = getauxval(AT_MINSIGSTKSZ); /* 11 KiB and more with AVX-512 and AMX */
    return 65536 + frame;
}

void sys_complain(const char *text, size_t length)
{
    ssize_t ignored = write(STDERR_FILENO, text, length);
    (void)ignored;
}

void sys_print_backtrace(void)
{
    void *addresses[32];
    backtrace_symbols_fd(addresses, backtrace(addresses, 32), STDERR_FILENO);
}

const char *sys_errno_name(int number)
{
    return strerrorname_np(number);
}

const char *sys_errno_text(int number)
{
    return strerrordesc_np(number);
}
