/* SPDX-License-Identifier: MIT
 *
 * Tells AddressSanitizer, ThreadSanitizer and Valgrind of stacks and of switches
 * between them. In a build without them all of this is nothing, but for Valgrind's
 * requests: a few instructions when a stack is first made.
 */
#ifndef CORO_SANITIZER_H
#define CORO_SANITIZER_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORO_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define CORO_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CORO_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define CORO_TSAN 1
#endif

/* ---- memory that becomes a stack, and stops being one ---- */

#ifdef HOOP_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif
#ifdef CORO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

/* Returns an id for sanitizer_stack_removed. */
static inline unsigned sanitizer_stack_added(char *low, size_t size)
{
#ifdef CORO_ASAN
    __lsan_register_root_region(low, size); /* a suspended frame may hold the only pointer */
#endif
#ifdef HOOP_HAVE_VALGRIND
    return VALGRIND_STACK_REGISTER(low, low + size);
#else
    (void)low;
    (void)size;
    return 0;
#endif
}

static inline void sanitizer_stack_removed(char *low, size_t size, unsigned id)
{
#ifdef CORO_ASAN
    __lsan_unregister_root_region(low, size);
#endif
#ifdef HOOP_HAVE_VALGRIND
    VALGRIND_STACK_DEREGISTER(id);
#endif
    (void)low;
    (void)size;
    (void)id;
}

/* A stack whose last owner never returned still has poisoned frames. */
static inline void sanitizer_stack_reused(char *low, size_t size)
{
#ifdef CORO_ASAN
    __asan_unpoison_memory_region(low, size);
#endif
    (void)low;
    (void)size;
}

/* ---- switches ---- */

/* For a function that ends in another coroutine than it began in. */
#if defined(CORO_TSAN)
#define SANITIZER_UNTRACED __attribute__((no_sanitize_thread, noinline))
#elif defined(CORO_ASAN)
#define SANITIZER_UNTRACED __attribute__((no_sanitize_address, noinline))
#else
#define SANITIZER_UNTRACED
#endif

#if defined(CORO_ASAN)

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>

#define SANITIZER_STATE \
    void *fake_stack; \
    const void *stack_low; \
    size_t stack_size;
#define sanitizer_coro_made(coro, low, size) \
    ((coro)->fake_stack = NULL, (coro)->stack_low = (low), (coro)->stack_size = (size))
#define sanitizer_coro_gone(coro) ((void)0)
#define sanitizer_leaving(from, to) \
    __sanitizer_start_switch_fiber(&(from)->fake_stack, (to)->stack_low, (to)->stack_size)
#define sanitizer_leaving_for_good(to) \
    __sanitizer_start_switch_fiber(NULL, (to)->stack_low, (to)->stack_size)
#define sanitizer_arrived(coro) __sanitizer_finish_switch_fiber((coro)->fake_stack, NULL, NULL)

static inline void sanitizer_thread_bounds(const void **ret_low, size_t *ret_size)
{
    pthread_attr_t attributes;
    void *low = NULL;
    *ret_size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &low, ret_size);
        pthread_attr_destroy(&attributes);
    }
    *ret_low = low;
}
#define sanitizer_thread_adopted(coro) \
    sanitizer_thread_bounds(&(coro)->stack_low, &(coro)->stack_size)

#elif defined(CORO_TSAN)

#include <sanitizer/tsan_interface.h>

#define SANITIZER_STATE void *fiber;
#define sanitizer_coro_made(coro, low, size) ((coro)->fiber = __tsan_create_fiber(0))
#define sanitizer_coro_gone(coro) __tsan_destroy_fiber((coro)->fiber)
#define sanitizer_leaving(from, to) __tsan_switch_to_fiber((to)->fiber, 0)
#define sanitizer_leaving_for_good(to) __tsan_switch_to_fiber((to)->fiber, 0)
#define sanitizer_arrived(coro) ((void)0)
#define sanitizer_thread_adopted(coro) ((coro)->fiber = __tsan_get_current_fiber())

#else

#define SANITIZER_STATE
#define sanitizer_coro_made(coro, low, size) ((void)0)
#define sanitizer_coro_gone(coro) ((void)0)
#define sanitizer_leaving(from, to) ((void)0)
#define sanitizer_leaving_for_good(to) ((void)0)
#define sanitizer_arrived(coro) ((void)0)
#define sanitizer_thread_adopted(coro) ((void)0)

#endif

#endif
