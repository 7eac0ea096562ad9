/* SPDX-License-Identifier: MIT
 *
 * Futures: see hoop/future.h for what they mean, future.h for what they are made of.
 */
#include "task/future.h"

#include <errno.h>
#include <hoop/error.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "loop/slow.h"
#include "task/scheduler.h"

static void drop_callbacks(hoop_future *future);

/* ---- the inside ---- */

void future_resolve(hoop_future *future, int64_t result)
{
    assert(!future->done);
    if (future->message != NULL && result != future->result)
        future_set_message(future, result, NULL); /* it told of another error */
    future->result = result;
    future->done = true;
    for (hoop_link *link; (link = list_pop(&future->observers)) != NULL;) {
        struct observer *observer = CONTAINER_OF(link, struct observer, link);
        observer->notify(observer);
    }
}

void wait_observe(hoop_future *future, struct observer *observer)
{
    assert(!future->done);
    list_append(&future->observers, &observer->link);
}

void future_set_message(hoop_future *future, int64_t code, char *message)
{
    alloc_free(future->message);
    future->message = message;
    future->result = code;
}

/* An error that nobody retrieved: somebody should hear of it. The future lives while its
 * handler looks at it, and goes on living if that has taken a reference. */
static void report_unretrieved(hoop_future *future)
{
    future->retrieved = true;
    future->references = 1;
    hoop_exception exception = {
        .message =
            future->is_task ? "task error was never retrieved" : "future error was never retrieved",
        .error = future->result,
        .error_message = future->message,
        .task = future->is_task ? CONTAINER_OF(future, hoop_task, future) : NULL,
        .future = future,
        .origin = future->origin,
    };
    hoop_call_exception_handler(future->loop, &exception);
    future->references--;
}

void future_orphan(hoop_future *future)
{
    while (list_pop(&future->observers) != NULL)
        ; /* tasks and callbacks went before; who else watches is not told */
    list_remove(&future->link);
    future->loop = NULL;
}

/* ---- life and outcome ---- */

hoop_future *hoop_future_new(hoop_loop *loop)
{
    if (loop == NULL)
        loop = running_loop;
    int rc = loop_check(loop, __func__);
    if (rc < 0)
        return failed(rc);
    struct scheduler *scheduler = scheduler_of(loop);
    hoop_future *future = scheduler != NULL ? alloc_zeroed(sizeof *future) : NULL;
    if (future == NULL)
        return failed(-ENOMEM);
    future->origin = loop->debug ? origin_capture() : NULL;
    list_init(&future->observers);
    list_append(&scheduler->futures, &future->link);
    future->loop = loop;
    future->references = 1;
    return future;
}

hoop_future *hoop_future_ref(hoop_future *future)
{
    future->references++;
    return future;
}

void hoop_future_unref(hoop_future *future)
{
    if (future != NULL)
        future_unref(future);
}

void future_end(hoop_future *future)
{
    if (UNLIKELY(future->done && future->result < 0) && !future->retrieved &&
        future->result != -ECANCELED) {
        report_unretrieved(future);
        if (future->references > 0)
            return;
    }
    if (UNLIKELY(!list_is_empty(&future->observers)))
        drop_callbacks(future);
    if (UNLIKELY(future->message != NULL))
        future_set_message(future, future->result, NULL);
    if (UNLIKELY(future->origin != NULL)) {
        origin_free(future->origin);
        future->origin = NULL;
    }
    list_remove(&future->link);
    if (LIKELY(future->is_task))
        task_free(CONTAINER_OF(future, hoop_task, future));
    else
        alloc_free(future);
}

/* 0, or why the outcome cannot be set from outside. */
static int check_settable(const hoop_future *future, const char *function)
{
    if (future->is_task)
        return HOOP_ENOTFUTURE;
    int rc = future->loop != NULL ? loop_check_thread(future->loop, function) : 0;
    return rc < 0 ? rc : future->done ? HOOP_EDONE : 0;
}

int hoop_future_set_result(hoop_future *future, int64_t result)
{
    int rc = result < 0 ? -EINVAL : check_settable(future, __func__);
    if (rc == 0)
        future_resolve(future, result);
    return rc;
}

int hoop_future_set_error(hoop_future *future, int64_t code, const char *format, ...)
{
    int rc = code >= 0 ? -EINVAL : check_settable(future, __func__);
    if (rc < 0)
        return rc;
    char *message = NULL;
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        message = alloc_format(format, arguments);
        va_end(arguments);
    }
    future_set_message(future, code, message);
    future_resolve(future, code);
    return 0;
}

bool hoop_future_cancel(hoop_future *future)
{
    if (future->is_task)
        return hoop_task_cancel(CONTAINER_OF(future, hoop_task, future));
    if (future->done || (future->loop != NULL && loop_check_thread(future->loop, __func__) < 0))
        return false;
    future_resolve(future, -ECANCELED);
    return true;
}

bool hoop_future_is_done(const hoop_future *future)
{
    return future->done;
}

bool hoop_future_is_cancelled(const hoop_future *future)
{
    return future->done && future->result == -ECANCELED;
}

int64_t hoop_future_result(hoop_future *future)
{
    if (!future->done)
        return HOOP_EPENDING;
    future->retrieved = true;
    return future->result;
}

const char *hoop_future_error_message(const hoop_future *future)
{
    return future->done && future->message != NULL ? future->message : "";
}

hoop_task *hoop_future_task(hoop_future *future)
{
    return future != NULL && future->is_task ? CONTAINER_OF(future, hoop_task, future) : NULL;
}

hoop_loop *hoop_future_loop(const hoop_future *future)
{
    return future->loop;
}

/* ---- done callbacks ---- */

struct done_callback {
    struct observer observer; /* on the future until it is done */
    hoop_ready ready;         /* then on the loop's queue */
    hoop_link link;           /* on scheduler->callbacks, all the time */
    hoop_future *future;      /* borrowed until it is done, a reference from then on */
    bool owns_reference;
    hoop_done_fn fn;
    void *arg;
    hoop_context *context;
};

static void done_callback_free(struct done_callback *callback)
{
    hoop_context *context = callback->context;
    list_remove(&callback->observer.link);
    hoop_ready_remove(&callback->ready);
    list_remove(&callback->link);
    alloc_free(callback);
    context_unref(context); /* last: it may run a program's code */
}

static void done_callback_run(hoop_ready *ready)
{
    struct done_callback *callback = CONTAINER_OF(ready, struct done_callback, ready);
    hoop_future *future = callback->future;
    hoop_done_fn fn = callback->fn;
    void *arg = callback->arg;
    hoop_context *context = context_ref(callback->context);
    done_callback_free(callback);
    int64_t start = running_loop->debug ? slow_begin() : 0;
    hoop_context **outer = context_enter(&context);
    fn(future, arg);
    context_enter(outer);
    double seconds = start != 0 ? slow_took(running_loop, start) : 0;
    if (seconds > 0)
        slow_report_callback((const void *)(uintptr_t)fn, seconds);
    context_unref(context);
    hoop_future_unref(future);
}

static void done_callback_notify(struct observer *observer)
{
    struct done_callback *callback = CONTAINER_OF(observer, struct done_callback, observer);
    hoop_future_ref(callback->future);
    callback->owns_reference = true;
    hoop_ready_push(callback->future->loop, &callback->ready);
}

int hoop_future_add_done_callback(hoop_future *future, hoop_done_fn fn, void *arg)
{
    if (fn == NULL)
        return -EINVAL;
    if (future->loop == NULL)
        return HOOP_ECLOSED;
    int rc = loop_check(future->loop, __func__);
    if (rc < 0)
        return rc;
    struct done_callback *callback = alloc_zeroed(sizeof *callback);
    if (callback == NULL)
        return -ENOMEM;
    *callback = (struct done_callback){
        .observer.notify = done_callback_notify,
        .future = future,
        .fn = fn,
        .arg = arg,
        .context = context_capture(),
    };
    list_init(&callback->observer.link);
    hoop_ready_init(&callback->ready, done_callback_run);
    list_append(&scheduler_of(future->loop)->callbacks, &callback->link);
    if (future->done)
        done_callback_notify(&callback->observer);
    else
        list_append(&future->observers, &callback->observer.link);
    return 0;
}

/* The first callback that is not yet scheduled with this FN and ARG, or NULL. */
static struct done_callback *done_callback_find(hoop_future *future, hoop_done_fn fn, void *arg)
{
    const hoop_link *observers = &future->observers;
    for (hoop_link *link = observers->next; link != observers; link = link->next) {
        struct observer *observer = CONTAINER_OF(link, struct observer, link);
        struct done_callback *callback = CONTAINER_OF(observer, struct done_callback, observer);
        if (observer->notify == done_callback_notify && callback->fn == fn && callback->arg == arg)
            return callback;
    }
    return NULL;
}

int hoop_future_remove_done_callback(hoop_future *future, hoop_done_fn fn, void *arg)
{
    int removed = 0;
    struct done_callback *callback;
    /* Looks anew each time: to free one may run a program's code, which may remove more. */
    while ((callback = done_callback_find(future, fn, arg)) != NULL) {
        removed++;
        done_callback_free(callback);
    }
    return removed;
}

/* A future that goes before it is done takes its callbacks with it; a task that waited
 * for it would hold a reference. */
static void drop_callbacks(hoop_future *future)
{
    while (!list_is_empty(&future->observers)) {
        struct observer *observer = CONTAINER_OF(future->observers.next, struct observer, link);
        assert(observer->notify == done_callback_notify);
        done_callback_free(CONTAINER_OF(observer, struct done_callback, observer));
    }
}

void future_callbacks_drop(struct scheduler *scheduler)
{
    while (!list_is_empty(&scheduler->callbacks)) {
        struct done_callback *callback =
            CONTAINER_OF(scheduler->callbacks.next, struct done_callback, link);
        hoop_future *reference = callback->owns_reference ? callback->future : NULL;
        done_callback_free(callback);
        hoop_future_unref(reference);
    }
}
