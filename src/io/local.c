/* SPDX-License-Identifier: MIT
 *
 * What this layer keeps for each loop: all that is open, so that it can be closed with the
 * loop, and the one buffer into which everybody receives.
 */
#include "io/local.h"

#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/wait.h"

static const char key;

void io_add(struct io_local *local, struct io_item *item)
{
    list_append(&local->items, &item->link);
}

/* ---- closing in the background ---- */

void io_lingers(struct io_local *local)
{
    local->lingering++;
}

void io_lingered(struct io_local *local)
{
    assert(local->lingering > 0);
    if (--local->lingering == 0 && local->last_waits != NULL && !local->is_closing)
        wait_wake(local->last_waits, 0);
}

static const struct wait_kind linger_wait = {"waits for connections to close", wait_cancel, NULL,
                                             NULL};

/* What is being closed in the background may end; each has its limit of time. */
static void local_shutdown(hoop_local *base)
{
    struct io_local *local = CONTAINER_OF(base, struct io_local, local);
    if (local->lingering == 0 || local->last_waits != NULL)
        return;
    struct wait wait;
    wait_init(&wait, &linger_wait);
    local->last_waits = &wait;
    (void)wait_park(&wait);
    local->last_waits = NULL;
}

/* ---- the end of the loop ---- */

static void report_left(hoop_loop *loop, const char *what)
{
    hoop_exception exception = {
        .message = "something is still open, but the loop is closed",
        .error_message = what,
    };
    hoop_call_exception_handler(loop, &exception);
}

static void local_close(hoop_local *base)
{
    struct io_local *local = CONTAINER_OF(base, struct io_local, local);
    local->is_closing = true;
    while (!list_is_empty(&local->items)) {
        struct io_item *item = CONTAINER_OF(local->items.next, struct io_item, link);
        const char *what = hoop_get_debug(local->loop) ? item->describe(item) : NULL;
        if (what != NULL)
            report_left(local->loop, what);
        item->close(item);
        assert(local->items.next != &item->link);
    }
    alloc_free(local->scratch);
    alloc_free(local);
}

struct io_local *io_local_of(hoop_loop *loop)
{
    hoop_local *base = hoop_local_find(loop, &key);
    if (base != NULL)
        return CONTAINER_OF(base, struct io_local, local);
    struct io_local *local = alloc_zeroed(sizeof *local);
    if (local == NULL)
        return NULL;
    local->local = (hoop_local){.key = &key, .shutdown = local_shutdown, .close = local_close};
    local->loop = loop;
    list_init(&local->items);
    hoop_local_add(loop, &local->local);
    return local;
}

char *io_scratch(struct io_local *local)
{
    if (UNLIKELY(local->scratch == NULL))
        local->scratch = alloc_array(NULL, IO_SCRATCH_SIZE, 1);
    return local->scratch;
}

int io_check_task(const char *function)
{
    return LIKELY(turn.task != NULL) ? 0 : wait_without_task(function);
}

int io_check_loop(const char *function)
{
    return hoop_running_loop() != NULL ? 0 : misuse(false, HOOP_ENOLOOP, function);
}
