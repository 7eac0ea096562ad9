/* SPDX-License-Identifier: MIT
 *
 * The only way to the kernel, and the only file that asks which system it is on.
 * Each function returns its result, or the negative errno; tests make each of them
 * fail in turn (fault.h). What cannot fail in practice (closing, unmapping, reading
 * the clock) has no result.
 */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoll_event;

/* ---- waiting for events ---- */
int sys_epoll_create(void);
/* OP is EPOLL_CTL_ADD or _MOD; EVENTS and DATA make the epoll_event. */
int sys_epoll_control(int epoll, int op, int fd, uint32_t events, void *data);
/* The descriptor may be closed already, and is then forgotten already. */
void sys_epoll_forget(int epoll, int fd);
/* Waits TIMEOUT nanoseconds (0: not at all, INT64_MAX: no limit). How many events;
 * 0 also when a signal interrupted the wait. */
int sys_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t timeout);

/* A non-blocking eventfd, and the write that makes it readable. */
int sys_eventfd(void);
void sys_eventfd_signal(int fd);

void sys_close(int fd);
/* 0 if FD is open, else -EBADF. */
int sys_check_open(int fd);
/* The same open file description once more; closed on exec, and none of the standard
 * descriptors, even if one of these was closed. */
int sys_duplicate(int fd);
/* FD, or if that has become one of the standard descriptors, another one in its place. An error
 * as FD is handed on. */
int sys_move_up(int fd);

/* ---- time, in nanoseconds ---- */
int64_t sys_monotonic_now(void);
/* Let other threads run: those that are ready, or all for less than a second. */
void sys_yield(void);
void sys_sleep(int64_t duration);

/* ---- threads and processors ---- */
/* A thread that runs FN(ARG); it gets no signals. */
int sys_thread_start(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg);
/* Names the calling thread; 15 bytes are kept. */
void sys_thread_name(const char *name);
bool sys_is_main_thread(void);
int sys_process_id(void);
/* The calling thread's number, which the kernel knows it by. */
int sys_thread_id(void);
/* Waits for SEMAPHORE until DEADLINE of the monotonic clock. False if that has passed. */
bool sys_semaphore_wait(sem_t *semaphore, int64_t deadline);
/* On how many processors this process may run: read once. */
unsigned sys_processor_count(void);
/* Tells the processor that we spin. */
static inline void sys_relax(void);

/* A thread-local OBJECT, which GETTER() finds, out of line. A compiler may keep its address over a
 * switch to another task; but the loop, and with it a task that waits, may go on in another thread.
 * Where each access is relative to a register that is the thread's own, nothing is kept. */
#if defined(__x86_64__)
#define SYS_THREADS_OWN(object, getter) (object)
#else
#define SYS_THREADS_OWN(object, getter) (*getter())
#endif

/* ---- memory for stacks ---- */
size_t sys_page_size(void);
size_t sys_round_to_pages(size_t size);
/* Address space that takes memory when it is touched, never as huge pages. NULL if
 * there is none. */
void *sys_map_lazily(size_t size);
void sys_unmap(void *memory, size_t size);
/* Make a range fault when it is touched: by a marker in the page table (Linux 6.13),
 * or by a mapping of its own. */
int sys_guard_install(void *memory, size_t size);
int sys_guard_protect(void *memory, size_t size);
/* Gives the pages back; they read as zero afterwards. Guards stay. */
void sys_trim(void *memory, size_t size);

/* ---- errors ---- */
/* To stderr, from anywhere, signal handlers included. */
void sys_complain(const char *text, size_t length);
/* "ENOENT" and "No such file or directory", static; NULL for an unknown errno. */
const char *sys_errno_name(int number);
const char *sys_errno_text(int number);

/* ---- the program and its libraries ---- */
/* The return addresses of the call chain that leads here, innermost first; how many. The
 * first call loads a library, which allocates. */
size_t sys_backtrace(void **ret_addresses, size_t capacity);

#define SYS_MODULE_PATH_MAX 4096
#define SYS_MODULE_HEADERS_MAX ((size_t)1024)

/* The program, or a library of it; too large for a small stack. */
struct sys_module {
    uintptr_t base;      /* what loading added to the addresses that the file speaks of */
    size_t headers_size; /* bytes of HEADERS: all program headers, or as many as fit */
    unsigned char headers[SYS_MODULE_HEADERS_MAX]; /* as in the file, if it is still the same */
    char path[SYS_MODULE_PATH_MAX];                /* need not exist; never empty */
};
/* The module that ADDRESS is in. A copy, as modules can be unloaded at any time. */
bool sys_find_module(uintptr_t address, struct sys_module *ret_module);

/* A regular file's bytes, to read, until sys_unmap. */
int sys_map_file(const char *path, void **ret_bytes, size_t *ret_size);

static inline void sys_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* a longer pause than yield, which most take for a nop */
#endif
}

#endif
