/* SPDX-License-Identifier: MIT
 *
 * The words that every other header uses: the opaque types, the two kinds of
 * function, and the annotations.
 *
 * The one rule to remember: a *callback* returns nothing and must not block or
 * await; a *coroutine* returns an int64_t, runs as a task, and may await.
 */
#ifndef HOOP_TYPES_H
#define HOOP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOOP_VERSION "0.1.0"

/* Part of the library's interface: all other symbols of it are hidden. */
#define HOOP_API __attribute__((visibility("default")))

/* The result tells of a failure or of a cancellation that the caller must not
 * overlook; compilers warn when it is dropped. */
#define HOOP_MUST_CHECK __attribute__((warn_unused_result))

#define HOOP_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_loop hoop_loop;
typedef struct hoop_task hoop_task;
typedef struct hoop_future hoop_future;
typedef struct hoop_context hoop_context;
typedef struct hoop_coroutine hoop_coroutine;

/* A callback: the loop calls it once, it returns soon. It may not await. */
typedef void (*hoop_callback_fn)(void *arg);

/* A coroutine: runs as a task on a stack of its own, and may await anywhere
 * below it. Returns a result >= 0, or a negative error code (see error.h). */
typedef int64_t (*hoop_coroutine_fn)(void *arg);

/* Names a scheduled callback, so that it can be cancelled. A value > 0 is a handle, 0
 * is none, a negative one is the error code of the call that should have made it.
 * A handle stays safe to use for as long as the loop lives: once its callback
 * has run or was cancelled, it just names nothing any more. */
typedef int64_t hoop_handle;

#ifdef __cplusplus
}
#endif

/* HOOP_CALLBACK_(fn) is fn, and refuses a coroutine when it is compiled. */
#define HOOP_NOT_A_CALLBACK_ \
    "coroutines cannot be used with call_soon(): pass " \
    "hoop_ensure_future and a coroutine object instead"

#ifdef __cplusplus
extern "C++" {
namespace hoop_detail {
template <class Function> struct is_coroutine {
    static const bool value = false;
};
template <class Result> struct is_coroutine<Result (*)(void *)> {
    static const bool value = true;
};
template <> struct is_coroutine<void (*)(void *)> {
    static const bool value = false;
};
template <class Function> inline Function callback(Function fn)
{
    static_assert(!is_coroutine<Function>::value, HOOP_NOT_A_CALLBACK_);
    return fn;
}
} /* namespace hoop_detail */
}
#define HOOP_CALLBACK_(fn) (hoop_detail::callback(fn))
#else
/* clang-format off */
#define HOOP_CALLBACK_(fn) \
    ((void)sizeof(struct { \
         _Static_assert(!_Generic((fn), hoop_coroutine_fn : 1, default : 0), \
                        HOOP_NOT_A_CALLBACK_); \
         int hoop_unused_; \
     }), \
     _Generic((fn), hoop_coroutine_fn : (hoop_callback_fn)0, default : (fn)))
/* clang-format on */
#endif

#endif
