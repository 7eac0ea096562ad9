/* SPDX-License-Identifier: MIT
 *
 * The load generator: the other end of a server under test. It never sleeps, since on a virtual
 * machine waking a process up costs more than a request, and it keeps to one processor, so that
 * the server has another to itself.
 *
 * What it measures is the processor time that the server's process takes for an operation. That
 * includes what the kernel does in its system calls, and depends little on the generator's own
 * speed. The operations a second are told beside.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/socket.h>
#include <sys/types.h>

#include "../bench.h"

struct load_options {
    const char *address; /* "tcp:PORT", "tls:PORT", "unix:PATH", "udp:PORT" */
    pid_t server;        /* whose processor time counts */
    int connections;
    size_t size;    /* bytes of a message */
    int lines;      /* of a message; each is an operation */
    int window;     /* datagrams of one socket that are under way at once */
    double warm;    /* seconds before the measurement */
    double seconds; /* of the measurement */
};

/* ---- meter.c: when a run begins and ends, and what the server spent ------- */

struct meter {
    pid_t server;
    int64_t warm_until; /* 0 once the measurement has begun */
    int64_t until;
    int64_t measure_ns; /* how long the measurement shall take */
    int64_t time;       /* at its beginning; then how long it took */
    int64_t cpu;        /* of the server, in ns: likewise */
    uint64_t count;     /* of operations: likewise */
};

void meter_start(struct meter *meter, const struct load_options *options);
/* To be asked after each turn with the operations so far. False: the measurement is over. */
int meter_goes_on(struct meter *meter, uint64_t count);
/* COUNT is the operations; LOST those that were not answered. */
void meter_print(const struct meter *meter, uint64_t lost);

/* ---- connect.c: sockets, with TLS or without ------------------------------ */

struct ssl_st;

struct connection {
    int fd;
    struct ssl_st *ssl; /* NULL: in the clear */
};

/* The address's socket address; the size of it. */
socklen_t load_address(const char *address, struct sockaddr_storage *ret_address);
/* Connects, which may wait, and makes the socket non-blocking. */
void connection_open(struct connection *connection, const char *address);
/* How many bytes were taken or came; 0: none for now. A connection that ends ends the program. */
size_t connection_send(struct connection *connection, const void *data, size_t size);
size_t connection_receive(struct connection *connection, void *buffer, size_t size);
/* FD's events are to be found in the epoll set POLLER as DATA, each change once. */
void load_watch(int poller, int fd, void *data);

/* ---- the modes: each runs until the meter says stop, and prints ----------- */

void load_echo(const struct load_options *options);
void load_udp(const struct load_options *options);
void load_accept(const struct load_options *options);
void load_sink(const struct load_options *options);
void load_http(const struct load_options *options);

#endif
