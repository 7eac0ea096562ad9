/* SPDX-License-Identifier: MIT
 *
 * A helper: the process that runs a pool's jobs, one after another, and the messages of which
 * each takes two. What lies in shared memory comes as a descriptor, the rest in the message.
 */
#ifndef EXEC_JOB_SERVER_H
#define EXEC_JOB_SERVER_H

#include <hoop/process_pool.h>

/* How many bytes of input, and of output, come in a message: more are cheaper to share. */
#define JOB_MESSAGE_MAX ((size_t)64 << 10)

/* What a pool's helpers are born with. */
struct job_setup {
    hoop_job_fn *functions;
    size_t count;
    void (*begin)(void *arg);
    void *arg;
    size_t max_memory;
    char name[16];
};

/* The input follows, or the descriptor of its memory is passed; so for the output. As it is
 * sent: no padding. */
struct job_request {
    uint32_t function; /* its number in the setup */
    uint16_t input_is_shared;
    uint16_t output_is_shared;
    uint64_t input_size;
    uint64_t input_offset; /* in its memory */
    uint64_t room;
    uint64_t output_offset;
};

enum job_end {
    JOB_DONE,     /* the result is the function's */
    JOB_TOO_MUCH, /* the result is how much it says to have written */
    JOB_REFUSED,  /* the result is why it could not begin */
};

/* The output follows, if it is not shared. */
struct job_reply {
    int64_t result;
    uint64_t end; /* enum job_end */
};

/* In a child of SERVER: serves CHANNEL until its other end is closed. */
_Noreturn void job_serve(int channel, const struct job_setup *setup, int server);

#endif
