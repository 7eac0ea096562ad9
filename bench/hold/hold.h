/* SPDX-License-Identifier: MIT
 *
 * Many connections held open at once by one process, and what memory each of them takes.
 */
#ifndef BENCH_HOLD_H
#define BENCH_HOLD_H

#include "../bench.h"

enum {
    HOLD_CONNECTIONS = 20000,
    HOLD_SECONDS = 3, /* each connection says something once in them */
    HOLD_MESSAGE = 64,
    HOLD_TALKER_CONNECTIONS = 4000, /* of one talking process */
    HOLD_SPARE_DESCRIPTORS =
        1000, /* what a loop gets less than the limit: the system's spread is uneven */
};

/* talk.c: starts processes which, once talk_begin is called, open COUNT connections to PORT and
 * talk on them until this process ends. One that meets an error says so and ends. To be called
 * before there are other threads. */
void talk_start(uint16_t port, int count);
void talk_begin(void);
/* Ends this process if one of them has ended. */
void talk_check(void);

#endif
