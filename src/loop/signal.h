/* SPDX-License-Identifier: MIT
 *
 * Listening to signals. Whoever wants to hear of some has a `struct signal_listener` on the
 * loop's hub, and is told in the loop's thread.
 */
#ifndef LOOP_SIGNAL_H
#define LOOP_SIGNAL_H

#include <hoop/embed.h>
#include <hoop/signal.h>

/* Signals 1 to 64, a bit for each, the lowest one for 1. */
typedef uint64_t signal_set;

/* Embedded in whatever listens. For the layer above as well. */
struct signal_listener {
    hoop_link link;     /* on the hub's list while it listens */
    signal_set signals; /* what it listens to */
    bool is_default;    /* hears only of what nobody else in the process listens to, and only once:
                           the second such signal ends the process, whatever the loop does */
    /* WHICH of its signals have come. While the loop collects what is ready, or when somebody
     * begins or ends to listen: bound by the rule of hoop_watch.notify. */
    void (*notify)(struct signal_listener *listener, signal_set which);
    /* The loop is being closed; it listens no more: free it. */
    void (*close)(struct signal_listener *listener);
};

/* The set of SIGNAL alone; empty if nobody can listen to that. */
signal_set signal_set_of(int signal);
/* The lowest signal in SET, which is not empty. */
int signal_set_first(signal_set set);

/* LISTENER hears of its signals from now on; not of those that have come already. 0, -ENOMEM,
 * -EMFILE, and -EBUSY for a default one if the program has not left them at their default. */
int signal_listen(hoop_loop *loop, struct signal_listener *listener);

/* Ends that. What has come for it and it was not told yet, it is told now. */
void signal_unlisten(hoop_loop *loop, struct signal_listener *listener);

/* The first listener of LOOP with that NOTIFY whose signals are SET; NULL if there is none. */
struct signal_listener *signal_find(const hoop_loop *loop,
                                    void (*notify)(struct signal_listener *, signal_set),
                                    signal_set set);

/* The loop is being closed, and its tasks are gone. */
void signals_done(hoop_loop *loop);

#endif
