/* SPDX-License-Identifier: MIT
 *
 * What a poller is: the part of the loop that asks the kernel which descriptors are
 * ready. A back end is one file that defines a `const struct poller_ops`.
 *
 * The contract: descriptors are registered once with the address of their hoop_watch
 * and an interest; wait calls watch->notify for each that has news, after recording
 * the news in watch->ready. notify may remove any watch, its own or one whose event is
 * still to be handed out; that one is not notified any more.
 */
#ifndef LOOP_POLLER_H
#define LOOP_POLLER_H

#include <hoop/embed.h>

struct poller {
    const struct poller_ops *ops;
    int fd; /* polls readable when wait would return at once; -1 once it is closed */
    struct epoll_event *events; /* poller_epoll.c: what wait is handing out, or NULL */
    int event_count;
};

struct poller_ops {
    const char *name;
    /* All results: 0 or more, or a negative errno. */
    int (*open)(struct poller *poller);
    void (*close)(struct poller *poller);
    /* Registers watch->fd for watch->interest, edge- or level-triggered as watch->edge
     * says. */
    int (*add)(struct poller *poller, hoop_watch *watch);
    /* Takes over a changed interest, or a new watch for the same descriptor. */
    int (*change)(struct poller *poller, hoop_watch *watch);
    void (*remove)(struct poller *poller, hoop_watch *watch);
    /* Waits TIMEOUT nanoseconds at most (INT64_MAX: no limit). */
    int (*wait)(struct poller *poller, int64_t timeout);
};

extern const struct poller_ops poller_epoll;

#endif
