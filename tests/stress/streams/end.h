/* SPDX-License-Identifier: MIT
 *
 * One end of a conversation: a stream, a task that writes to it and one that reads. Both may be
 * cancelled at any time, and go on.
 */
#ifndef TESTS_STRESS_STREAMS_END_H
#define TESTS_STRESS_STREAMS_END_H

#include <hoop.h>

#include "../random.h"

enum { PIECE_MAX = 200000 }; /* bytes of one call */

struct end {
    hoop_stream *stream;
    size_t limit;
    size_t write_high;
    uint64_t length; /* what it writes, and reads */
    uint64_t read;
    uint64_t random[2]; /* the writer's and the reader's */
    hoop_task *tasks[2];
    unsigned cancelled;
    size_t unasked; /* bytes of the last write_nowait, which no mark holds back */
    bool is_slow;   /* it reads little at a time, and rests */
};

/* The bytes that all ends write; before anything else. */
void make_pattern(void);

/* Of sizes that differ by orders of magnitude. */
size_t size_up_to(uint64_t *random, uint64_t max);

void end_start(struct end *end);
/* Has it done both? */
bool end_is_over(const struct end *end);
/* All has come, and the stream is closed. */
void end_finish(struct end *end);

/* It holds no more than it should. */
void end_check_memory(struct end *end);

#endif
