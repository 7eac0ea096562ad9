/* SPDX-License-Identifier: MIT
 *
 * Executors that libraries keep for each loop: threads of their own, made for the first function
 * that needs one, and gone with the loop.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "exec/executor.h"

/* How long the end of a loop waits for these threads at most, in nanoseconds. */
#define IDLE_END_LIMIT 1000000000
#define BUSY_END_LIMIT 10000000

struct library_local {
    hoop_local local;
    hoop_executor *executor;
};

static bool is_busy(hoop_executor *executor)
{
    spinlock_take(&executor->lock);
    bool is_busy = executor->working > 0 || executor->pending > 0;
    spinlock_give(&executor->lock);
    return is_busy;
}

/* Threads without work end at once, and are waited for, so that nothing of the library's is left
 * when the program ends. Who is busy may be about to be through, or hang. */
static void local_close(hoop_local *base)
{
    struct library_local *local = CONTAINER_OF(base, struct library_local, local);
    int64_t limit = is_busy(local->executor) ? BUSY_END_LIMIT : IDLE_END_LIMIT;
    (void)executor_wait_for_end(local->executor, limit);
    hoop_executor_free(local->executor);
    alloc_free(local);
}

hoop_executor *hoop_library_executor(const void *key, const hoop_executor_options *options)
{
    hoop_loop *loop = hoop_running_loop();
    if (loop == NULL)
        return failed(HOOP_ENOLOOP);
    hoop_local *base = hoop_local_find(loop, key);
    if (base != NULL)
        return CONTAINER_OF(base, struct library_local, local)->executor;
    hoop_executor *executor = hoop_executor_new(options);
    if (executor == NULL)
        return NULL;
    struct library_local *local = alloc_zeroed(sizeof *local);
    if (local == NULL) {
        hoop_executor_free(executor);
        return failed(-ENOMEM);
    }
    local->local = (hoop_local){.key = key, .close = local_close};
    local->executor = executor;
    hoop_local_add(loop, &local->local);
    return executor;
}
