/* SPDX-License-Identifier: MIT
 *
 * See sys.h. Linux with glibc; other systems go here and nowhere else.
 */
#include "base/sys.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/sys_result.h"
#include "base/sys_signal.h"
#include "base/sys_socket.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13, include/uapi/asm-generic/mman-common.h */
#endif

#define NS_PER_SECOND 1000000000
#define NS_PER_MS 1000000

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

int sys_duplicate(int fd)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

int sys_move_up(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int moved = sys_duplicate(fd);
    close(fd);
    return moved;
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

int sys_thread_start(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg)
{
    if (fails())
        return -HOOP_TESTING_ERRNO;
    sigset_t before;
    sys_signals_block(&before);
    int rc = pthread_create(ret_thread, NULL, fn, arg);
    sys_signals_restore(&before);
    return -rc;
}

void sys_thread_name(const char *name)
{
    char short_name[16] = "";
    strncpy(short_name, name, sizeof short_name - 1);
    pthread_setname_np(pthread_self(), short_name);
}

int sys_process_id(void)
{
    return getpid();
}

int sys_thread_id(void)
{
    return gettid();
}

bool sys_semaphore_wait(sem_t *semaphore, int64_t deadline)
{
    struct timespec limit = {deadline / NS_PER_SECOND, deadline % NS_PER_SECOND};
    int rc;
    while ((rc = sem_clockwait(semaphore, CLOCK_MONOTONIC, &limit)) != 0 && errno == EINTR)
        ;
    return rc == 0;
}

bool sys_is_main_thread(void)
{
    return gettid() == getpid();
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

void sys_complain(const char *text, size_t length)
{
    ssize_t ignored = write(STDERR_FILENO, text, length);
    (void)ignored;
}

const char *sys_errno_name(int number)
{
    return strerrorname_np(number);
}

const char *sys_errno_text(int number)
{
    return strerrordesc_np(number);
}

size_t sys_backtrace(void **ret_addresses, size_t capacity)
{
    int count = backtrace(ret_addresses, capacity > INT32_MAX ? INT32_MAX : (int)capacity);
    return count > 0 ? (size_t)count : 0;
}

struct module_search {
    uintptr_t address;
    struct sys_module *module;
    bool is_past_program; /* the program itself comes first, and has no name */
};

static bool module_contains(const struct dl_phdr_info *info, uintptr_t address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD &&
            address - (info->dlpi_addr + header->p_vaddr) < header->p_memsz)
            return true;
    }
    return false;
}

static void copy_string(char *copy, size_t size, const char *string)
{
    size_t length = strnlen(string, size - 1);
    memcpy(copy, string, length);
    copy[length] = '\0';
}

/* /proc's link is true wherever the program goes; how it was called is the second best. */
static void copy_program_path(char *path, size_t size)
{
    ssize_t length = fails() ? -1 : readlink("/proc/self/exe", path, size - 1);
    if (length > 0) {
        path[length] = '\0';
        return;
    }
    const char *called = (const char *)getauxval(AT_EXECFN);
    copy_string(path, size, called != NULL ? called : "program");
}

/* Is called under the dynamic linker's lock, so that nothing is unloaded meanwhile. */
static int copy_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct module_search *search = arg;
    struct sys_module *module = search->module;
    bool is_program = !search->is_past_program;
    search->is_past_program = true;
    if (!module_contains(info, search->address))
        return 0;
    size_t headers_size = info->dlpi_phnum * sizeof(ElfW(Phdr));
    module->base = info->dlpi_addr;
    module->headers_size =
        headers_size < SYS_MODULE_HEADERS_MAX ? headers_size : SYS_MODULE_HEADERS_MAX;
    memcpy(module->headers, info->dlpi_phdr, module->headers_size);
    if (is_program)
        copy_program_path(module->path, sizeof module->path);
    else
        copy_string(module->path, sizeof module->path,
                    info->dlpi_name[0] != '\0' ? info->dlpi_name : "[vdso]");
    return 1;
}

/* Not by dladdr: its lock is held all through a library's constructor, and whoever asks may
 * want to know where just that one hangs. */
bool sys_find_module(uintptr_t address, struct sys_module *ret_module)
{
    struct module_search search = {.address = address, .module = ret_module};
    return dl_iterate_phdr(copy_module, &search) != 0;
}

static int map_descriptor(int fd, void **ret_bytes, size_t *ret_size)
{
    uint64_t size;
    int rc = sys_file_size(fd, &size);
    if (rc < 0)
        return rc;
    if (fails())
        return -HOOP_TESTING_ERRNO;
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return -errno; /* so it is for an empty file */
    *ret_bytes = bytes;
    *ret_size = (size_t)size;
    return 0;
}

int sys_map_file(const char *path, void **ret_bytes, size_t *ret_size)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY; /* whatever is there */
    int fd = fails() ? -HOOP_TESTING_ERRNO : checked(open(path, flags));
    if (fd < 0)
        return fd;
    int rc = map_descriptor(fd, ret_bytes, ret_size);
    close(fd);
    return rc;
}
