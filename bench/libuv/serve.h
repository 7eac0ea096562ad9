/* SPDX-License-Identifier: MIT
 *
 * What libuv's servers have in common.
 */
#ifndef BENCH_LIBUV_SERVE_H
#define BENCH_LIBUV_SERVE_H

#include <uv.h>

#include "../bench.h"

/* serve.c; libuv has no TLS. */
void serve_tcp(char **arguments);
void serve_unix(char **arguments);
void serve_udp(char **arguments);
void serve_sink(char **arguments);

#endif
