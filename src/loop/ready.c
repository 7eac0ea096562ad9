/* SPDX-License-Identifier: MIT
 *
 * The ready queue, and callbacks on it and on timers (call_soon, call_later, call_at).
 *
 * A scheduled callback is a `struct handle` in a pool. The program gets its number: the
 * slot in the low half, the slot's generation in the high half. The generation changes
 * whenever the slot is given back, so a stale number finds nothing.
 */
#include <errno.h>
#include <math.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/context.h"
#include "loop/loop.h"
#include "loop/slow.h"

#define HANDLES_PER_CHUNK 256
#define LAST_GENERATION 0x7fffffffu /* keeps handles >= 0; the first is 1: no handle is 0 */

struct handle {
    hoop_ready ready;    /* queued once the callback is due */
    hoop_callback_fn fn; /* NULL while the slot is free */
    union {
        void *arg;
        struct handle *next_free;
    };
    hoop_context *context; /* a reference, or NULL */
    hoop_timer timer;      /* armed for call_later and call_at until it expires */
    hoop_loop *loop;
    uint32_t slot;
    uint32_t generation;
};

/* ---- nodes ---- */

void hoop_ready_init(hoop_ready *ready, void (*run)(hoop_ready *ready))
{
    list_init(&ready->link);
    ready->run = run;
}

void hoop_ready_push(hoop_loop *loop, hoop_ready *ready)
{
    (void)loop_check_thread(loop, __func__);
    if (!list_is_linked(&ready->link))
        loop_push(loop, ready);
}

void hoop_ready_remove(hoop_ready *ready)
{
    list_remove(&ready->link);
}

bool hoop_ready_is_queued(const hoop_ready *ready)
{
    return list_is_linked(&ready->link);
}

/* ---- the pool ---- */

static hoop_handle handle_name(const struct handle *handle)
{
    return (int64_t)handle->generation << 32 | handle->slot;
}

/* Gives the slot back; its name is stale from now on. Returns the context's reference: to
 * drop it may run a program's code, so that comes last. */
static hoop_context *handle_release(struct handle *handle)
{
    struct handle_pool *pool = &handle->loop->handles;
    hoop_context *context = handle->context;
    handle->context = NULL;
    handle->fn = NULL;
    handle->generation = handle->generation == LAST_GENERATION ? 1 : handle->generation + 1;
    handle->next_free = pool->free;
    pool->free = handle;
    return context;
}

static void handle_run(hoop_ready *ready)
{
    struct handle *handle = CONTAINER_OF(ready, struct handle, ready);
    hoop_callback_fn fn = handle->fn;
    void *arg = handle->arg;
    hoop_loop *loop = handle->loop;
    loop_call(loop, handle_release(handle), fn, arg); /* released first: it cannot cancel itself */
}

static void handle_expire(hoop_timer *timer)
{
    struct handle *handle = CONTAINER_OF(timer, struct handle, timer);
    hoop_ready_push(handle->loop, &handle->ready);
}

static int add_chunk(hoop_loop *loop)
{
    struct handle_pool *pool = &loop->handles;
    if (pool->chunk_count == pool->chunk_capacity) {
        size_t capacity = pool->chunk_capacity == 0 ? 16 : pool->chunk_capacity * 2;
        struct handle **chunks = alloc_array(pool->chunks, capacity, sizeof *chunks);
        if (chunks == NULL)
            return -ENOMEM;
        pool->chunks = chunks;
        pool->chunk_capacity = capacity;
    }
    struct handle *chunk = alloc_zeroed(HANDLES_PER_CHUNK * sizeof *chunk);
    if (chunk == NULL)
        return -ENOMEM;
    for (uint32_t i = HANDLES_PER_CHUNK; i-- > 0;) {
        struct handle *handle = &chunk[i];
        handle->loop = loop;
        handle->slot = (uint32_t)(pool->chunk_count * HANDLES_PER_CHUNK) + i;
        handle->generation = 1;
        hoop_ready_init(&handle->ready, handle_run);
        hoop_timer_init(&handle->timer, handle_expire);
        handle->next_free = pool->free;
        pool->free = handle;
    }
    pool->chunks[pool->chunk_count++] = chunk;
    return 0;
}

/* A handle for FN(ARG) in the current context, on no queue yet; NULL without memory. */
static struct handle *handle_new(hoop_loop *loop, hoop_callback_fn fn, void *arg)
{
    struct handle_pool *pool = &loop->handles;
    if (UNLIKELY(pool->free == NULL) && add_chunk(loop) < 0)
        return NULL;
    struct handle *handle = pool->free;
    pool->free = handle->next_free;
    handle->fn = fn;
    handle->arg = arg;
    handle->context = context_capture();
    return handle;
}

/* The pending handle with that name, or NULL. */
static struct handle *handle_find(const hoop_loop *loop, hoop_handle name)
{
    uint32_t slot = (uint32_t)name;
    if (name < 0 || loop->closed || slot / HANDLES_PER_CHUNK >= loop->handles.chunk_count)
        return NULL;
    struct handle *handle =
        &loop->handles.chunks[slot / HANDLES_PER_CHUNK][slot % HANDLES_PER_CHUNK];
    return handle->fn != NULL && handle_name(handle) == name ? handle : NULL;
}

void handle_pool_done(hoop_loop *loop)
{
    struct handle_pool *pool = &loop->handles;
    for (size_t i = 0; i < pool->chunk_count; i++) {
        for (size_t j = 0; j < HANDLES_PER_CHUNK; j++)
            context_unref(pool->chunks[i][j].context);
        alloc_free(pool->chunks[i]);
    }
    alloc_free(pool->chunks);
    *pool = (struct handle_pool){0};
}

/* ---- scheduling ---- */

static inline int check_callback(hoop_loop *loop, hoop_callback_fn fn, const char *function)
{
    int rc = loop_check(loop, function);
    return rc < 0 ? rc : LIKELY(fn != NULL) ? 0 : misuse(loop->debug, -EINVAL, function);
}

hoop_handle(hoop_call_soon)(hoop_loop *loop, hoop_callback_fn fn, void *arg)
{
    int rc = check_callback(loop, fn, __func__);
    if (UNLIKELY(rc < 0))
        return rc;
    struct handle *handle = handle_new(loop, fn, arg);
    if (UNLIKELY(handle == NULL))
        return -ENOMEM;
    loop_push(loop, &handle->ready);
    return handle_name(handle);
}

static hoop_handle schedule_at(hoop_loop *loop, int64_t deadline, hoop_callback_fn fn, void *arg)
{
    struct handle *handle = handle_new(loop, fn, arg);
    if (UNLIKELY(handle == NULL))
        return -ENOMEM;
    int rc = hoop_timer_start(loop, &handle->timer, deadline);
    if (UNLIKELY(rc < 0)) {
        context_unref(handle_release(handle));
        return rc;
    }
    return handle_name(handle);
}

hoop_handle(hoop_call_later)(hoop_loop *loop, double delay, hoop_callback_fn fn, void *arg)
{
    int rc = check_callback(loop, fn, __func__);
    if (UNLIKELY(rc < 0))
        return rc;
    int64_t deadline = loop_deadline(loop, delay);
    if (UNLIKELY(deadline < 0))
        return misuse(loop->debug, (int)deadline, __func__);
    return schedule_at(loop, deadline, fn, arg);
}

hoop_handle(hoop_call_at)(hoop_loop *loop, double when, hoop_callback_fn fn, void *arg)
{
    int rc = check_callback(loop, fn, __func__);
    if (UNLIKELY(rc < 0))
        return rc;
    if (UNLIKELY(isnan(when)))
        return misuse(loop->debug, -EINVAL, __func__);
    return schedule_at(loop, clock_from_seconds(when), fn, arg);
}

/* ---- handles ---- */

int hoop_handle_cancel(hoop_loop *loop, hoop_handle name)
{
    int rc = loop_check_thread(loop, __func__);
    struct handle *handle = rc == 0 ? handle_find(loop, name) : NULL;
    if (handle == NULL)
        return rc;
    hoop_timer_stop(loop, &handle->timer);
    hoop_ready_remove(&handle->ready);
    context_unref(handle_release(handle));
    return 1;
}

bool hoop_handle_is_pending(const hoop_loop *loop, hoop_handle name)
{
    return handle_find(loop, name) != NULL;
}

int hoop_handle_when(const hoop_loop *loop, hoop_handle name, double *ret_when)
{
    const struct handle *handle = handle_find(loop, name);
    if (handle == NULL || handle->timer.position == 0)
        return -ENOENT;
    *ret_when = clock_to_seconds(handle->timer.deadline);
    return 0;
}
