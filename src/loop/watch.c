/* SPDX-License-Identifier: MIT
 *
 * Watching file descriptors, in two ways: edge-triggered watches that remember what is
 * ready, for those who do their own I/O on the loop (embed.h); and level-triggered
 * callbacks for other libraries' descriptors (add_reader, add_writer).
 */
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/backtrace.h"
#include "base/context.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "loop/slow.h"

/* Hands a new watch to the poller; while the loop does not run, as far as to the kernel. */
static int poller_add(hoop_loop *loop, hoop_watch *watch)
{
    struct poller *poller = &loop->poller;
    int rc = poller->ops->add(poller, watch);
    if (rc < 0 || loop->running || (rc = poller_settle(poller)) == 0)
        return rc;
    poller->ops->remove(poller, watch);
    return rc;
}

/* ---- watches ---- */

void hoop_watch_init(hoop_watch *watch, void (*notify)(hoop_watch *, unsigned events))
{
    *watch = (hoop_watch){.fd = -1, .notify = notify};
}

static int watch_start(hoop_loop *loop, hoop_watch *watch, int fd, bool edge, unsigned interest,
                       const char *function)
{
    int rc = loop_check(loop, function);
    if (rc < 0)
        return rc;
    assert(watch->fd == -1);
    watch->fd = fd;
    watch->edge = edge;
    watch->interest = interest;
    watch->ready = 0;
    rc = poller_add(loop, watch);
    if (rc < 0)
        watch->fd = -1;
    return rc;
}

int hoop_watch_start(hoop_loop *loop, hoop_watch *watch, int fd)
{
    return watch_start(loop, watch, fd, true, HOOP_READABLE | HOOP_WRITABLE, __func__);
}

int hoop_watch_start_level(hoop_loop *loop, hoop_watch *watch, int fd, unsigned interest)
{
    return watch_start(loop, watch, fd, false, interest, __func__);
}

int hoop_watch_change(hoop_loop *loop, hoop_watch *watch, unsigned interest)
{
    int rc = loop_check(loop, __func__);
    if (rc < 0)
        return rc;
    assert(watch->fd >= 0 && !watch->edge);
    unsigned before = watch->interest;
    watch->interest = interest;
    rc = loop->poller.ops->change(&loop->poller, watch);
    if (rc < 0)
        watch->interest = before;
    return rc;
}

void hoop_watch_clear(hoop_watch *watch, unsigned flags)
{
    watch->ready &= ~flags;
}

void hoop_watch_stop(hoop_loop *loop, hoop_watch *watch)
{
    (void)loop_check_thread(loop, __func__);
    if (watch->fd < 0)
        return;
    if (loop->poller.fd >= 0)
        loop->poller.ops->remove(&loop->poller, watch);
    watch->fd = -1;
    watch->ready = 0;
}

/* ---- readers and writers ---- */

/* One direction of a descriptor; on the ready queue while its callback is due. */
struct fd_callback {
    hoop_ready ready;
    hoop_callback_fn fn; /* NULL: nobody watches this direction */
    void *arg;
    hoop_context *context; /* a reference, or NULL */
};

struct fd_callbacks {
    hoop_watch watch; /* level-triggered, for the directions that have a callback */
    hoop_loop *loop;
    struct fd_callback reader;
    struct fd_callback writer;
};

static void fd_callback_run(hoop_ready *ready)
{
    struct fd_callback *callback = CONTAINER_OF(ready, struct fd_callback, ready);
    /* It may remove this very watch. */
    loop_call(running_loop, context_ref(callback->context), callback->fn, callback->arg);
}

static void descriptor_notify(hoop_watch *watch, unsigned events)
{
    struct fd_callbacks *descriptor = CONTAINER_OF(watch, struct fd_callbacks, watch);
    watch->ready = 0; /* the kernel tells again at each poll */
    if ((events & HOOP_READABLE) && descriptor->reader.fn != NULL)
        hoop_ready_push(descriptor->loop, &descriptor->reader.ready);
    if ((events & HOOP_WRITABLE) && descriptor->writer.fn != NULL)
        hoop_ready_push(descriptor->loop, &descriptor->writer.ready);
}

static struct fd_callbacks *descriptor_find(const hoop_loop *loop, int fd)
{
    return fd >= 0 && (size_t)fd < loop->descriptor_capacity ? loop->descriptors[fd] : NULL;
}

static int grow_table(hoop_loop *loop, int fd)
{
    size_t capacity = loop->descriptor_capacity == 0 ? 64 : loop->descriptor_capacity;
    while (capacity <= (size_t)fd)
        capacity *= 2;
    struct fd_callbacks **table = alloc_array(loop->descriptors, capacity, sizeof(void *));
    if (table == NULL)
        return -ENOMEM;
    for (size_t i = loop->descriptor_capacity; i < capacity; i++)
        table[i] = NULL;
    loop->descriptors = table;
    loop->descriptor_capacity = capacity;
    return 0;
}

/* The entry of FD, new and not registered if there was none; NULL without memory. */
static struct fd_callbacks *descriptor_get(hoop_loop *loop, int fd)
{
    struct fd_callbacks *descriptor = descriptor_find(loop, fd);
    if (descriptor != NULL)
        return descriptor;
    if ((size_t)fd >= loop->descriptor_capacity && grow_table(loop, fd) < 0)
        return NULL;
    descriptor = alloc_zeroed(sizeof *descriptor);
    if (descriptor == NULL)
        return NULL;
    descriptor->loop = loop;
    hoop_watch_init(&descriptor->watch, descriptor_notify);
    hoop_ready_init(&descriptor->reader.ready, fd_callback_run);
    hoop_ready_init(&descriptor->writer.ready, fd_callback_run);
    return loop->descriptors[fd] = descriptor;
}

/* Replaces the callback, by none if FN is NULL. Returns the old one's context: to drop it may
 * run a program's code, so the caller does that last. */
static hoop_context *fd_callback_set(struct fd_callback *callback, hoop_callback_fn fn, void *arg,
                                     hoop_context *context)
{
    hoop_context *old = callback->context;
    hoop_ready_remove(&callback->ready);
    callback->fn = fn;
    callback->arg = arg;
    callback->context = context;
    return old;
}

/* Both directions must be without a callback. */
static void descriptor_free(hoop_loop *loop, struct fd_callbacks *descriptor, int fd)
{
    assert(descriptor->reader.context == NULL && descriptor->writer.context == NULL);
    loop->descriptors[fd] = NULL;
    alloc_free(descriptor);
}

/* Tells the poller which directions are watched now. */
static int descriptor_update(struct fd_callbacks *descriptor, int fd, unsigned interest)
{
    hoop_loop *loop = descriptor->loop;
    hoop_watch *watch = &descriptor->watch;
    hoop_watch before = *watch;
    watch->fd = fd;
    watch->interest = interest;
    int rc =
        before.fd < 0 ? poller_add(loop, watch) : loop->poller.ops->change(&loop->poller, watch);
    if (rc < 0)
        *watch = before;
    return rc;
}

static struct fd_callback *direction_of(struct fd_callbacks *descriptor, unsigned direction)
{
    return direction == HOOP_READABLE ? &descriptor->reader : &descriptor->writer;
}

static unsigned interest_of(const struct fd_callbacks *descriptor)
{
    return (descriptor->reader.fn != NULL ? (unsigned)HOOP_READABLE : 0) |
           (descriptor->writer.fn != NULL ? (unsigned)HOOP_WRITABLE : 0);
}

/* For FUNCTION, which the program called. */
static int add_callback(hoop_loop *loop, int fd, unsigned direction, hoop_callback_fn fn, void *arg,
                        const char *function)
{
    int rc = loop_check(loop, function);
    if (rc < 0)
        return rc;
    if (fn == NULL)
        return misuse(loop->debug, -EINVAL, function);
    /* A number far out of range must not make the table grow. */
    if ((size_t)fd >= loop->descriptor_capacity && (rc = sys_check_open(fd)) < 0)
        return misuse(loop->debug, rc, function);
    struct fd_callbacks *descriptor = descriptor_get(loop, fd);
    if (descriptor == NULL)
        return -ENOMEM;
    rc = descriptor_update(descriptor, fd, interest_of(descriptor) | direction);
    if (rc < 0) {
        if (descriptor->watch.fd < 0)
            descriptor_free(loop, descriptor, fd);
        return rc;
    }
    context_unref(fd_callback_set(direction_of(descriptor, direction), fn, arg, context_capture()));
    return 0;
}

int(hoop_add_reader)(hoop_loop *loop, int fd, hoop_callback_fn fn, void *arg)
{
    return add_callback(loop, fd, HOOP_READABLE, fn, arg, __func__);
}

int(hoop_add_writer)(hoop_loop *loop, int fd, hoop_callback_fn fn, void *arg)
{
    return add_callback(loop, fd, HOOP_WRITABLE, fn, arg, __func__);
}

bool descriptor_is_watched(const hoop_loop *loop, int fd, unsigned direction)
{
    struct fd_callbacks *descriptor = descriptor_find(loop, fd);
    return descriptor != NULL && direction_of(descriptor, direction)->fn != NULL;
}

int descriptor_remove(hoop_loop *loop, int fd, unsigned direction)
{
    if (!descriptor_is_watched(loop, fd, direction))
        return 0;
    struct fd_callbacks *descriptor = descriptor_find(loop, fd);
    hoop_context *context = fd_callback_set(direction_of(descriptor, direction), NULL, NULL, NULL);
    if (interest_of(descriptor) != 0) {
        /* If the kernel refuses, it goes on telling of both; nobody listens to one. */
        (void)descriptor_update(descriptor, fd, interest_of(descriptor));
    } else {
        hoop_watch_stop(loop, &descriptor->watch);
        descriptor_free(loop, descriptor, fd);
    }
    context_unref(context);
    return 1;
}

int hoop_remove_reader(hoop_loop *loop, int fd)
{
    int rc = loop_check(loop, __func__);
    return rc < 0 ? rc : descriptor_remove(loop, fd, HOOP_READABLE);
}

int hoop_remove_writer(hoop_loop *loop, int fd)
{
    int rc = loop_check(loop, __func__);
    return rc < 0 ? rc : descriptor_remove(loop, fd, HOOP_WRITABLE);
}

/* In debug mode: somebody has forgotten to remove CALLBACK. */
static void report_left(hoop_loop *loop, size_t fd, const struct fd_callback *callback)
{
    char what[320], name[256];
    if (callback->fn == NULL)
        return;
    backtrace_name((const void *)(uintptr_t)callback->fn, name, sizeof name);
    snprintf(what, sizeof what, "descriptor %zu, %s", fd, name);
    hoop_exception exception = {
        .message = "a descriptor is still watched, but the loop is closed",
        .error_message = what,
    };
    hoop_call_exception_handler(loop, &exception);
}

void descriptors_done(hoop_loop *loop)
{
    for (size_t fd = 0; fd < loop->descriptor_capacity; fd++) {
        if (loop->descriptors[fd] == NULL)
            continue;
        struct fd_callbacks *descriptor = loop->descriptors[fd];
        hoop_watch_stop(loop, &descriptor->watch);
        if (loop->debug) {
            report_left(loop, fd, &descriptor->reader);
            report_left(loop, fd, &descriptor->writer);
        }
        context_unref(fd_callback_set(&descriptor->reader, NULL, NULL, NULL));
        context_unref(fd_callback_set(&descriptor->writer, NULL, NULL, NULL));
        descriptor_free(loop, descriptor, (int)fd);
    }
    alloc_free(loop->descriptors);
    loop->descriptors = NULL;
    loop->descriptor_capacity = 0;
}
