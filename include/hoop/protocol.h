/* SPDX-License-Identifier: MIT
 *
 * Protocols and transports: the network in callbacks, as in asyncio and Twisted, for those who
 * want no coroutine, and no stack, for each connection. A transport moves bytes; a protocol is
 * a table of functions that are told what happens to a connection.
 *
 * The order is asyncio's: connection_made, data_received any number of times, eof_received at
 * most once, connection_lost. pause_writing and resume_writing come in between, by turns.
 *
 * All are called outside of tasks, so none can await, and in the context (hoop/context.h) that
 * was current where the transport was made. They may call every function of every transport.
 * connection_made comes within the call that makes the transport, pause_writing within the write
 * that was too much; all others from the loop, one receive of a connection in an iteration.
 * connection_lost is the last, always comes, and never from within a call of the transport.
 */
#ifndef HOOP_PROTOCOL_H
#define HOOP_PROTOCOL_H

#include "server.h"
#include "stream.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_transport hoop_transport;

/* Any but connection_made, and data_received or else both of the buffered kind, may be NULL. ARG
 * is the connection's own (hoop_protocol_factory). */
typedef struct hoop_protocol {
    /* TRANSPORT is valid until connection_lost returns. */
    void (*connection_made)(void *arg, hoop_transport *transport);
    /* DATA is valid during the call. */
    void (*data_received)(void *arg, const void *data, size_t size);
    /* The other end writes no more. True: keep the connection for writing; false, or NULL:
     * close it, as hoop_transport_close does. */
    bool (*eof_received)(void *arg);
    /* ERROR is 0 after an end, or a close or abort of our own; HOOP_ECLOSED if the loop was closed
     * before; else what went wrong, such as -ECONNRESET, -EPIPE, -ETIMEDOUT (what waited could
     * not be sent within close_timeout). */
    void (*connection_lost)(void *arg, int error);
    /* More than the high mark waits to be sent; and: no more than the low one. */
    void (*pause_writing)(void *arg);
    void (*resume_writing)(void *arg);
    /* The buffered kind, instead of data_received: where to receive, *RET_BUFFER, and how many
     * bytes there is room for; HINT is how many are worth while. Without room the connection is
     * lost (-ENOBUFS). Then, if any came, how many. */
    size_t (*get_buffer)(void *arg, size_t hint, void **ret_buffer);
    void (*buffer_updated)(void *arg, size_t size);
} hoop_protocol;

/* Connects as hoop_open_connection does, and calls connection_made(ARG, transport) before it
 * returns. PROTOCOL is borrowed for as long as the connection lives. On failure ARG is never
 * called with. -EINVAL for a protocol that is not complete. */
HOOP_API HOOP_MUST_CHECK int hoop_create_connection(const hoop_protocol *protocol, void *arg,
                                                    const char *host, uint16_t port,
                                                    const hoop_connection_options *options,
                                                    hoop_transport **ret_transport);
HOOP_API HOOP_MUST_CHECK int hoop_create_unix_connection(const hoop_protocol *protocol, void *arg,
                                                         const char *path,
                                                         const hoop_connection_options *options,
                                                         hoop_transport **ret_transport);
/* Over a descriptor, as hoop_stream_open; does not suspend. A pipe's end for writing is lost when
 * nobody reads from the other end any more, and one for reading cannot be written to (-EBADF). */
HOOP_API HOOP_MUST_CHECK int hoop_transport_open(const hoop_protocol *protocol, void *arg, int fd,
                                                 const hoop_stream_options *options,
                                                 hoop_transport **ret_transport);

/* Makes the ARG of one more connection, after the TLS handshake if there is one; NULL refuses the
 * connection. connection_made follows. */
typedef void *(*hoop_protocol_factory)(void *factory_arg);

/* A server whose connections have a protocol each. As hoop_start_server; hoop_server_shutdown
 * closes the transports that are left when time is up, as hoop_transport_close. A client is counted
 * until its connection_lost has returned. */
HOOP_API HOOP_MUST_CHECK int hoop_create_server(const hoop_protocol *protocol,
                                                hoop_protocol_factory factory, void *factory_arg,
                                                const char *host, uint16_t port,
                                                const hoop_server_options *options,
                                                hoop_server **ret_server);
HOOP_API HOOP_MUST_CHECK int hoop_create_unix_server(const hoop_protocol *protocol,
                                                     hoop_protocol_factory factory,
                                                     void *factory_arg, const char *path,
                                                     const hoop_server_options *options,
                                                     hoop_server **ret_server);

/* ---- what a protocol does with its transport; nothing here suspends -------- */

/* Takes all SIZE bytes: sends what the system takes now, and the rest in the background. 0; -EPIPE
 * after hoop_transport_write_eof, or once it is closing; what broke the connection, or -ENOMEM:
 * then it is lost, as connection_lost will tell. */
HOOP_API int hoop_transport_write(hoop_transport *transport, const void *data, size_t size);
/* The same for several pieces, at most 1024 (-EINVAL). */
HOOP_API int hoop_transport_writev(hoop_transport *transport, const struct iovec *pieces,
                                   size_t count);
/* No more will be written (hoop_stream_write_eof). */
HOOP_API int hoop_transport_write_eof(hoop_transport *transport);

/* No data_received, and no eof_received, until hoop_transport_resume_reading. */
HOOP_API void hoop_transport_pause_reading(hoop_transport *transport);
HOOP_API void hoop_transport_resume_reading(hoop_transport *transport);
/* Neither paused nor closing nor at the end of what comes? */
HOOP_API bool hoop_transport_is_reading(const hoop_transport *transport);

/* Sends what waits, then connection_lost(0) comes; data that still arrive are dropped. */
HOOP_API void hoop_transport_close(hoop_transport *transport);
/* Drops what waits to be sent; connection_lost(0) comes in the next iteration. */
HOOP_API void hoop_transport_abort(hoop_transport *transport);
HOOP_API bool hoop_transport_is_closing(const hoop_transport *transport);

/* The marks of pause_writing and resume_writing; 0 for both: pause whenever anything waits.
 * -EINVAL if LOW is above HIGH. */
HOOP_API int hoop_transport_set_write_limits(hoop_transport *transport, size_t high, size_t low);
HOOP_API size_t hoop_transport_write_buffered(const hoop_transport *transport);

/* Hands the connection to another protocol, from the next call on; its connection_made is not
 * called. */
HOOP_API void hoop_transport_set_protocol(hoop_transport *transport, const hoop_protocol *protocol,
                                          void *arg);

/* Borrowed; -EBADF once the connection is lost. */
HOOP_API int hoop_transport_fd(const hoop_transport *transport);
HOOP_API HOOP_MUST_CHECK int hoop_transport_local_address(const hoop_transport *transport,
                                                          hoop_address *ret_address);
HOOP_API HOOP_MUST_CHECK int hoop_transport_remote_address(const hoop_transport *transport,
                                                           hoop_address *ret_address);
/* As hoop_stream_ssl and hoop_stream_alpn. */
HOOP_API struct ssl_st *hoop_transport_ssl(const hoop_transport *transport);
HOOP_API const char *hoop_transport_alpn(const hoop_transport *transport);

#ifdef __cplusplus
}
#endif

#endif
