/* SPDX-License-Identifier: MIT
 *
 * The kinds of connection that two ends may have.
 */
#ifndef TESTS_STRESS_STREAMS_KINDS_H
#define TESTS_STRESS_STREAMS_KINDS_H

#include <hoop.h>

struct kind {
    const char *name;
    void (*connect)(int ret_fds[2]);
    /* Goes on in TLS, of a random version; NULL: in the clear. In a task. */
    void (*secure)(hoop_stream *const streams[2], uint64_t *random);
};

enum { KINDS = 3 };
extern const struct kind kinds[KINDS];

/* Before the first and after the last connection: certificates are made, and go. */
void kinds_begin(void);
void kinds_end(void);

#endif
