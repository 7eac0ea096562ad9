/* SPDX-License-Identifier: MIT
 *
 * What io keeps for each loop.
 */
#ifndef IO_LOCAL_H
#define IO_LOCAL_H

#include <hoop/embed.h>

/* Something of io that is open, and has to be closed with the loop. */
struct io_item {
    hoop_link link; /* on io_local.items */
    /* What it is, "a stream", for debug mode to complain; NULL: nobody is to blame. */
    const char *(*describe)(const struct io_item *item);
    /* The loop is being closed: takes it off the list, closes and frees it. Nothing may be woken
     * or scheduled any more. */
    void (*close)(struct io_item *item);
};

/* Of the buffer into which is received what nobody has a large buffer for. */
#define IO_SCRATCH_SIZE ((size_t)65536)

struct io_local {
    hoop_local local;
    hoop_loop *loop;
    hoop_link items;
    char *scratch;           /* IO_SCRATCH_SIZE bytes, or NULL until they are needed; free to use
                                until somebody suspends or calls a program */
    size_t lingering;        /* items that are being closed in the background */
    struct wait *last_waits; /* the runner's, for the last of these; or NULL */
    bool is_closing;         /* the loop is being closed */
};

/* LOOP's, made if there is none; NULL without memory. */
struct io_local *io_local_of(hoop_loop *loop);

void io_add(struct io_local *local, struct io_item *item);

/* An item begins, and ends, to be closed in the background. */
void io_lingers(struct io_local *local);
void io_lingered(struct io_local *local);

/* The scratch buffer, made if need be; NULL without memory. Whoever keeps it sets
 * local->scratch to NULL. */
char *io_scratch(struct io_local *local);

/* 0, or the error for calling FUNCTION where no task, or no loop, runs. */
int io_check_task(const char *function);
int io_check_loop(const char *function);

#endif
