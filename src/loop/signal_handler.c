/* SPDX-License-Identifier: MIT
 *
 * Callbacks for signals (hoop_add_signal_handler): listeners that put a node on the ready queue.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/context.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "loop/slow.h"

struct signal_callback {
    struct signal_listener listener; /* to one signal */
    hoop_ready ready;                /* queued while the callback is due */
    hoop_loop *loop;
    hoop_callback_fn fn;
    void *arg;
    hoop_context *context; /* a reference, or NULL */
};

static void signal_callback_run(hoop_ready *ready)
{
    struct signal_callback *callback = CONTAINER_OF(ready, struct signal_callback, ready);
    /* It may remove itself. */
    loop_call(callback->loop, context_ref(callback->context), callback->fn, callback->arg);
}

static void signal_callback_notify(struct signal_listener *listener, signal_set which)
{
    struct signal_callback *callback = CONTAINER_OF(listener, struct signal_callback, listener);
    (void)which;
    hoop_ready_push(callback->loop, &callback->ready);
}

/* It listens no more. To drop the context may run a program's code, so that comes last. */
static void signal_callback_free(struct signal_listener *listener)
{
    struct signal_callback *callback = CONTAINER_OF(listener, struct signal_callback, listener);
    hoop_context *context = callback->context;
    hoop_ready_remove(&callback->ready);
    alloc_free(callback);
    context_unref(context);
}

static struct signal_callback *signal_callback_find(const hoop_loop *loop, signal_set set)
{
    struct signal_listener *listener = signal_find(loop, signal_callback_notify, set);
    return listener == NULL ? NULL : CONTAINER_OF(listener, struct signal_callback, listener);
}

/* One that does nothing yet but listen. */
static int signal_callback_new(hoop_loop *loop, signal_set set,
                               struct signal_callback **ret_callback)
{
    struct signal_callback *callback = alloc_zeroed(sizeof *callback);
    if (callback == NULL)
        return -ENOMEM;
    callback->loop = loop;
    callback->listener.signals = set;
    callback->listener.notify = signal_callback_notify;
    callback->listener.close = signal_callback_free;
    hoop_ready_init(&callback->ready, signal_callback_run);
    int rc = signal_listen(loop, &callback->listener);
    if (rc < 0)
        alloc_free(callback);
    else
        *ret_callback = callback;
    return rc;
}

int(hoop_add_signal_handler)(hoop_loop *loop, int signal, hoop_callback_fn fn, void *arg)
{
    int rc = loop_check(loop, __func__);
    if (rc < 0)
        return rc;
    signal_set set = signal_set_of(signal);
    if (fn == NULL || set == 0)
        return misuse(loop->debug, -EINVAL, __func__);
    struct signal_callback *callback = signal_callback_find(loop, set);
    if (callback == NULL && (rc = signal_callback_new(loop, set, &callback)) < 0)
        return rc == -EINVAL ? misuse(loop->debug, rc, __func__) : rc;
    hoop_context *old = callback->context;
    callback->fn = fn;
    callback->arg = arg;
    callback->context = context_capture();
    context_unref(old);
    return 0;
}

int hoop_remove_signal_handler(hoop_loop *loop, int signal)
{
    int rc = loop_check(loop, __func__);
    if (rc < 0)
        return rc;
    signal_set set = signal_set_of(signal);
    struct signal_callback *callback = set != 0 ? signal_callback_find(loop, set) : NULL;
    if (callback == NULL)
        return 0;
    signal_unlisten(loop, &callback->listener);
    signal_callback_free(&callback->listener);
    return 1;
}
