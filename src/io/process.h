/* SPDX-License-Identifier: MIT
 *
 * The inside of a process: a child, the streams at the other ends of its pipes, and the tasks
 * that wait for its end.
 *
 * Whoever frees it sends those tasks away first. One that communicates looks at it afterwards all
 * the same: so as long as there is one, the memory stays.
 */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include <hoop/process.h>

#include "io/buffer.h"
#include "io/local.h"
#include "loop/child.h"

struct hoop_process {
    struct io_item item; /* on the loop's list until the memory goes */
    hoop_loop *loop;
    struct child *child;     /* owned; NULL once it is closed */
    hoop_link waiters;       /* wait.observer.link */
    hoop_stream *streams[3]; /* owned; NULL where there is no pipe, or once taken or closed */

    /* process_communicate.c */
    struct buffer outputs[3]; /* of 1 and 2: what was read, for the call that reads their ends */
    uint64_t input_start;     /* bytes of the standard input's stream before the first call */
    bool has_input_start;
    bool is_communicating;
    bool is_closed; /* by its program, but somebody has to look at it still */

    struct process_listener
        *listener; /* process_protocol.c; NULL: it has streams, not transports */
};

#define PROCESS_SHELL "/bin/sh"

/* Who is told of a process in callbacks. */
struct process_user {
    const hoop_process_protocol *protocol;
    void *arg;
};

/* The end of hoop_create_subprocess_exec, for FUNCTION; with a USER, of hoop_subprocess_exec. */
int process_create(const char *const *argv, const hoop_process_options *options,
                   const struct process_user *user, hoop_process **ret_process,
                   const char *function);

/* 0, or why FUNCTION cannot be called by a task for PROCESS. */
int process_check(const hoop_process *process, const char *function);

/* The memory goes, and the child is let go if that was not done. */
void process_free(hoop_process *process);

/* ---- process_protocol.c ---- */

/* NULL without memory. */
struct process_listener *listener_new(hoop_process *process, const struct process_user *user);
/* A transport for END, ours of the pipe that is descriptor FD of the child. */
int listener_open_pipe(struct process_listener *listener, int fd, int end,
                       const hoop_stream_options *options);
/* The child has begun: from here on the protocol is told. */
void listener_begin(struct process_listener *listener);
/* The child has ended. */
void listener_queue(struct process_listener *listener);
/* The process is being closed by its program, or by the loop: it is freed once connection_lost
 * was called, or at once if the child has not begun. */
void listener_let_go(struct process_listener *listener);
void listener_loop_closes(struct process_listener *listener);

#endif
