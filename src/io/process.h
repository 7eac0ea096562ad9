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
    bool is_closed; /* by its program, under the task that communicates */
};

/* 0, or why FUNCTION cannot be called by a task for PROCESS. */
int process_check(const hoop_process *process, const char *function);

/* The memory goes. */
void process_free(hoop_process *process);

#endif
