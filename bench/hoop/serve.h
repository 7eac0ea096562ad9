/* SPDX-License-Identifier: MIT
 *
 * The servers of hoop's benchmark program, by the file they are in.
 */
#ifndef BENCH_HOOP_SERVE_H
#define BENCH_HOOP_SERVE_H

#include <hoop.h>

#include "../bench.h"

/* Runs MAIN(ARG) until the process is killed. */
_Noreturn static inline void serve_run(hoop_coroutine_fn main, void *arg)
{
    int64_t result = hoop_run(main, arg);
    bench_fail(hoop_strerror((int)result));
}

/* streams.c */
void serve_tcp(char **arguments);
void serve_tcp_readline(char **arguments);
void serve_tcp_uring(char **arguments);
void serve_unix(char **arguments);
void serve_tls(char **arguments);
void serve_sink(char **arguments);
/* Does the system have what serve_tcp_uring needs? */
bool has_uring(void);

/* protocols.c */
void serve_tcp_protocol(char **arguments);

/* datagrams.c */
void serve_udp(char **arguments);

#endif
