/* SPDX-License-Identifier: MIT
 *
 * Events. While one is set nobody waits for it.
 */
#include <hoop/event.h>

#include "base/alloc.h"
#include "sync/waiters.h"

struct hoop_event {
    hoop_link waiters;
    bool is_set;
};

static const struct wait_kind event_wait = {"waits for an event", wait_cancel, NULL, NULL};

hoop_event *hoop_event_new(void)
{
    hoop_event *event = alloc_zeroed(sizeof *event);
    if (event == NULL)
        return failed(-ENOMEM);
    list_init(&event->waiters);
    return event;
}

int hoop_event_free(hoop_event *event)
{
    if (event == NULL)
        return 0;
    if (!list_is_empty(&event->waiters))
        return misuse_here(-EBUSY, __func__);
    alloc_free(event);
    return 0;
}

void hoop_event_set(hoop_event *event)
{
    event->is_set = true;
    waiters_wake_all(&event->waiters, 0);
}

void hoop_event_clear(hoop_event *event)
{
    event->is_set = false;
}

bool hoop_event_is_set(const hoop_event *event)
{
    return event->is_set;
}

int hoop_event_wait(hoop_event *event)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    if (!event->is_set)
        return (int)waiters_park(&event->waiters, &event_wait);
    wait_spend();
    return 0;
}
