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
#include <hoop/loop.h>
#include <sys/epoll.h>

struct poller {
    const struct poller_ops *ops;
    int fd; /* polls readable when wait would return at once; -1 once it is closed */
    struct epoll_event *events; /* poller_epoll.c: what wait is handing out, or NULL */
    int event_count;
    struct uring *uring; /* poller_uring.c: owned */
};

struct poller_ops {
    const char *name;
    /* All results: 0 or more, or a negative errno. */
    int (*open)(struct poller *poller);
    void (*close)(struct poller *poller);
    /* The same in the child of a fork: what the kernel knows is the parent's, and stays. NULL: as
     * close. */
    void (*abandon)(struct poller *poller);
    /* Registers watch->fd for watch->interest, edge- or level-triggered as watch->edge
     * says. */
    int (*add)(struct poller *poller, hoop_watch *watch);
    /* Takes over a changed interest, or a new watch for the same descriptor. */
    int (*change)(struct poller *poller, hoop_watch *watch);
    /* The descriptor may be closed right after. */
    void (*remove)(struct poller *poller, hoop_watch *watch);
    /* Waits TIMEOUT nanoseconds at most (INT64_MAX: no limit). How many were notified; or an
     * error, be it that some were. */
    int (*wait)(struct poller *poller, int64_t timeout);
    /* Tells the kernel what otherwise only the next wait would, so that `fd` can be relied on. NULL
     * if nothing is ever put off. */
    int (*settle)(struct poller *poller);
};

extern const struct poller_ops poller_epoll;
extern const struct poller_ops poller_uring;

/* Opens the poller that was asked for; or if that is HOOP_POLLER_DEFAULT, the one that the
 * environment names, unless the system has not got it. In DEBUG mode it says so then. */
int poller_open(struct poller *poller, hoop_poller which, bool debug);

/* While the loop does not run: after add, and when a run ends. */
static inline int poller_settle(struct poller *poller)
{
    return poller->ops->settle == NULL ? 0 : poller->ops->settle(poller);
}

/* What to ask the kernel for, in epoll's words, which are those of poll as well. */
static inline uint32_t poller_events_for(unsigned interest)
{
    return (interest & HOOP_READABLE ? (uint32_t)(EPOLLIN | EPOLLRDHUP) : 0) |
           (interest & HOOP_WRITABLE ? (uint32_t)EPOLLOUT : 0);
}

/* What to tell a watch with INTEREST. Errors and hang-ups make a descriptor ready both ways: the
 * syscall that follows tells what happened. */
static inline unsigned poller_flags_from(uint32_t events, unsigned interest)
{
    unsigned flags = 0;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        flags |= HOOP_READABLE;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        flags |= HOOP_WRITABLE;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        flags |= HOOP_HANGUP;
    return flags & (interest | HOOP_HANGUP);
}

#endif
