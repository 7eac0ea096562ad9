/* SPDX-License-Identifier: MIT
 *
 * Datagrams: UDP, and Unix sockets that keep messages apart. Either with coroutines, one
 * datagram at a time or a batch in one system call, or with callbacks.
 *
 *     hoop_address here;
 *     int rc = hoop_address_parse("127.0.0.1", 9999, &here);
 *     hoop_datagram *socket;
 *     if (rc == 0)
 *         rc = hoop_open_datagram(&here, NULL, NULL, &socket);
 *
 * All functions are the loop thread's.
 */
#ifndef HOOP_DATAGRAM_H
#define HOOP_DATAGRAM_H

#include "address.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_datagram hoop_datagram;

/* All zero is the default. */
typedef struct hoop_datagram_options {
    bool reuse_port;    /* several sockets share the address, and the system spreads the load */
    bool broadcast;     /* allow sending to broadcast addresses */
    bool ipv6_only;     /* an IPv6 socket takes no IPv4 */
    int receive_buffer; /* bytes of the system's buffers; 0: the system's defaults */
    int send_buffer;
} hoop_datagram_options;

/* Opens a socket of the running loop, bound to LOCAL (NULL: any port of REMOTE's family) and,
 * if REMOTE is not NULL, connected to it: it then sends there and receives from there only. One
 * of the two must be given. Does not suspend. 0, -EADDRINUSE, -EINVAL (other
 * families, negative sizes), HOOP_ENOLOOP, -ENOMEM,
 * -EMFILE ... */
HOOP_API HOOP_MUST_CHECK int hoop_open_datagram(const hoop_address *local,
                                                const hoop_address *remote,
                                                const hoop_datagram_options *options,
                                                hoop_datagram **ret_socket);
/* The same for a descriptor, which is taken over: also when this fails it is closed. -EINVAL
 * for the socket of a stream. */
HOOP_API HOOP_MUST_CHECK int hoop_open_datagram_fd(int fd, hoop_datagram **ret_socket);

/* One of a batch. */
typedef struct hoop_message {
    void *data;            /* borrowed; sending does not write to it */
    size_t size;           /* of the data to send; or of the room, then of what was received */
    hoop_address *address; /* where to, or written: where from. May be NULL */
    bool is_truncated;     /* received: it was longer than the room */
} hoop_message;

/* Receives a datagram: its size, which may be 0; what does not fit is cut off. RET_FROM may be
 * NULL. Suspends until there is one; a cancellation point. One task at a time may receive
 * (-EBUSY). -ECONNREFUSED and the like tell of an earlier datagram to a connected address, and
 * disturb no other. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_datagram_recv(hoop_datagram *socket, void *buffer,
                                                    size_t size, hoop_address *ret_from);
/* Receives up to COUNT at once, no more than 64: how many, at least 1. -EINVAL for a COUNT of 0. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_datagram_recv_many(hoop_datagram *socket,
                                                         hoop_message *messages, size_t count);

/* Sends a datagram to TO, which is NULL for a connected socket: SIZE. Suspends while the system
 * has no room. A cancellation point; of several tasks each waits its turn. -EMSGSIZE,
 * -EDESTADDRREQ, -ECONNREFUSED (of an earlier one) ... */
HOOP_API HOOP_MUST_CHECK int64_t hoop_datagram_send(hoop_datagram *socket, const void *data,
                                                    size_t size, const hoop_address *to);
/* Sends COUNT datagrams: COUNT; or, if one fails after others were sent, how many were: the
 * next call, from there on, tells why if that lasts. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_datagram_send_many(hoop_datagram *socket,
                                                         const hoop_message *messages,
                                                         size_t count);

HOOP_API int hoop_datagram_fd(const hoop_datagram *socket);
HOOP_API HOOP_MUST_CHECK int hoop_datagram_local_address(const hoop_datagram *socket,
                                                         hoop_address *ret_address);
HOOP_API HOOP_MUST_CHECK int hoop_datagram_remote_address(const hoop_datagram *socket,
                                                          hoop_address *ret_address);

/* Closes and frees it. No task may be in a call of it (in debug mode that is explained; tasks
 * that wait get -EBADF). For one with a protocol connection_lost follows in the next iteration;
 * what it has still to send is dropped. NULL is allowed. */
HOOP_API void hoop_datagram_close(hoop_datagram *socket);

/* ---- with callbacks ------------------------------------------------------- */

/* asyncio's DatagramProtocol. ARG is what hoop_create_datagram_endpoint was given. Any but
 * datagram_received may be NULL. Called from the loop, not from a task, with the context
 * variables of who made the socket, which is not for the functions above that send and receive
 * (-EBUSY). */
typedef struct hoop_datagram_protocol {
    void (*connection_made)(void *arg, hoop_datagram *socket);
    /* DATA is valid during the call; 64 KiB at most, as no datagram over IP is longer. */
    void (*datagram_received)(void *arg, const void *data, size_t size, const hoop_address *from);
    /* Of an earlier datagram: -ECONNREFUSED ... Or one that waited could not be sent. */
    void (*error_received)(void *arg, int error);
    /* The last call, with 0, or with HOOP_ECLOSED if the loop was closed; SOCKET is gone. */
    void (*connection_lost)(void *arg, int error);
} hoop_datagram_protocol;

/* Opens a socket as hoop_open_datagram does, whose datagrams go to PROTOCOL, borrowed;
 * connection_made is called before this returns. */
HOOP_API HOOP_MUST_CHECK int hoop_create_datagram_endpoint(const hoop_datagram_protocol *protocol,
                                                           void *arg, const hoop_address *local,
                                                           const hoop_address *remote,
                                                           const hoop_datagram_options *options,
                                                           hoop_datagram **ret_socket);

/* Sends on a socket with a protocol, which need not be called in a task: never suspends. What
 * the system does not take now is copied and sent later, up to 64 KiB and 1024 datagrams; beyond
 * that -EAGAIN, and the datagram is not taken. 0, -EMSGSIZE, -EBADF after a close ...; the error
 * of an earlier datagram goes to error_received. */
HOOP_API HOOP_MUST_CHECK int hoop_datagram_sendto(hoop_datagram *socket, const void *data,
                                                  size_t size, const hoop_address *to);

#ifdef __cplusplus
}
#endif

#endif
