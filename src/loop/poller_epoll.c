/* SPDX-License-Identifier: MIT
 *
 * The epoll poller. The watch's address is the event's data, so an event costs no
 * look-up.
 */
#include <errno.h>

#include "base/sys.h"
#include "loop/poller.h"

/* How many events one wait takes; more are there at the next one. */
#define EVENTS_PER_WAIT 256

static uint32_t events_for(const hoop_watch *watch)
{
    return poller_events_for(watch->interest) | (watch->edge ? (uint32_t)EPOLLET : 0);
}

static int epoll_open(struct poller *poller)
{
    poller->fd = sys_epoll_create();
    return poller->fd < 0 ? poller->fd : 0;
}

static void epoll_close(struct poller *poller)
{
    sys_close(poller->fd);
    poller->fd = -1;
}

static int epoll_add(struct poller *poller, hoop_watch *watch)
{
    return sys_epoll_control(poller->fd, EPOLL_CTL_ADD, watch->fd, events_for(watch), watch);
}

static int epoll_change(struct poller *poller, hoop_watch *watch)
{
    int rc = sys_epoll_control(poller->fd, EPOLL_CTL_MOD, watch->fd, events_for(watch), watch);
    /* The descriptor was closed behind our back, and its number has come again. */
    return rc == -ENOENT ? epoll_add(poller, watch) : rc;
}

static void epoll_remove(struct poller *poller, hoop_watch *watch)
{
    sys_epoll_forget(poller->fd, watch->fd);
    for (int i = 0; i < poller->event_count; i++)
        if (poller->events[i].data.ptr == watch)
            poller->events[i].data.ptr = NULL;
}

static int epoll_wait_for(struct poller *poller, int64_t timeout)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = sys_epoll_wait(poller->fd, events, EVENTS_PER_WAIT, timeout);
    poller->events = events;
    poller->event_count = count > 0 ? count : 0;
    for (int i = 0; i < count; i++) {
        hoop_watch *watch = events[i].data.ptr;
        if (watch == NULL)
            continue; /* removed by the notify of another one */
        unsigned flags = poller_flags_from(events[i].events, watch->interest);
        watch->ready |= flags;
        watch->notify(watch, flags);
    }
    poller->events = NULL;
    poller->event_count = 0;
    return count;
}

const struct poller_ops poller_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .add = epoll_add,
    .change = epoll_change,
    .remove = epoll_remove,
    .wait = epoll_wait_for,
};
