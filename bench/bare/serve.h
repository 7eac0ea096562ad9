/* SPDX-License-Identifier: MIT
 *
 * What the floor's servers have in common.
 */
#ifndef BENCH_BARE_SERVE_H
#define BENCH_BARE_SERVE_H

#include "../bench.h"

/* streams.c */
void serve_tcp(char **arguments);
void serve_unix(char **arguments);
void serve_sink(char **arguments);
int listen_at(const char *port, int type); /* a socket bound to PORT of 127.0.0.1 */

/* tls.c */
void serve_tls(char **arguments);

/* datagrams.c */
void serve_udp(char **arguments);

#endif
