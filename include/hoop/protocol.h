/* SPDX-License-Identifier: MIT
 *
 * Protocols and transports: the network in callbacks, as in asyncio and Twisted, for those who
 * want no coroutine, and no stack, for each connection. A transport moves bytes; a protocol is
 * a table of functions that are told what happens to a connection.
 *
 * The order is asyncio's: connection_made, data_received any number of times, eof_received at
 * most once, connection_lost. pause_writing and resume_writing come in between, by turns. All
 * are called from the loop, not from a task, and may call every function of the transport.
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

/* Any but connection_made and one of data_received and get_buffer may be NULL. ARG is the
 * connection's own (hoop_protocol_factory). */
typedef struct hoop_protocol {
    /* TRANSPORT is valid until connection_lost returns. */
    void (*connection_made)(void *arg, hoop_transport *transport);
    /* DATA is valid during the call. */
    void (*data_received)(void *arg, const void *data, size_t size);
    /* The other end writes no more. True: keep the connection for writing; false, or NULL:
     * close it, as hoop_transport_close does. */
    bool (*eof_received)(void *arg);
    /* ERROR is 0 after an end or a close of our own, else what went wrong. */
    void (*connection_lost)(void *arg, int error);
    /* More than the high mark waits to be sent; and: no more than the low one. */
    void (*pause_writing)(void *arg);
    void (*resume_writing)(void *arg);
    /* The buffered kind, instead of data_received: where to receive, *RET_BUFFER, and how many
     * bytes there is room for, not 0; HINT is how many are worth while. Then how many came. */
    size_t (*get_buffer)(void *arg, size_t hint, void **ret_buffer);
    void (*buffer_updated)(void *arg, size_t size);
} hoop_protocol;

/* Connects as hoop_open_connection does, and calls connection_made(ARG, transport) before it
 * returns. PROTOCOL is borrowed for as long as the connection lives. */
HOOP_API HOOP_MUST_CHECK int hoop_create_connection(const hoop_protocol *protocol, void *arg,
                                                    const char *host, uint16_t port,
                                                    const hoop_connection_options *options,
                                                    hoop_transport **ret_transport);
HOOP_API HOOP_MUST_CHECK int hoop_create_unix_connection(const hoop_protocol *protocol, void *arg,
                                                         const char *path,
                                                         const hoop_connection_options *options,
                                                         hoop_transport **ret_transport);
/* Over a descriptor, as hoop_stream_open; does not suspend. */
HOOP_API HOOP_MUST_CHECK int hoop_transport_open(const hoop_protocol *protocol, void *arg, int fd,
                                                 const hoop_stream_options *options,
                                                 hoop_transport **ret_transport);

/* Makes the ARG of one more connection; NULL refuses it. */
typedef void *(*hoop_protocol_factory)(void *factory_arg);

/* A server whose connections have a protocol each. As hoop_start_server. */
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

/* Takes all SIZE bytes: sends what the system takes now, and the rest in the background. 0; -ENOMEM
 * and nothing was taken beyond what the system took, and the connection is aborted; -EPIPE after hoop_transport_write_eof or once it is closing or broken. */
HOOP_API int hoop_transport_write(hoop_transport *transport, const void *data, size_t size);
HOOP_API int hoop_transport_writev(hoop_transport *transport, const struct iovec *pieces,
                                   size_t count);
/* No more will be written (hoop_stream_write_eof). */
HOOP_API int hoop_transport_write_eof(hoop_transport *transport);

/* No data_received until hoop_transport_resume_reading. */
HOOP_API void hoop_transport_pause_reading(hoop_transport *transport);
HOOP_API void hoop_transport_resume_reading(hoop_transport *transport);

/* Sends what waits, then connection_lost(0) comes; data that still arrive are dropped. */
HOOP_API void hoop_transport_close(hoop_transport *transport);
/* Drops what waits to be sent; connection_lost comes in the next iteration. */
HOOP_API void hoop_transport_abort(hoop_transport *transport);
HOOP_API bool hoop_transport_is_closing(const hoop_transport *transport);

/* The marks of pause_writing and resume_writing; 0 for both: pause whenever anything waits.
 * -EINVAL if LOW is above HIGH. */
HOOP_API int hoop_transport_set_write_limits(hoop_transport *transport, size_t high, size_t low);
HOOP_API size_t hoop_transport_write_buffered(const hoop_transport *transport);

/* Hands the connection to another protocol, from the next call on. */
HOOP_API void hoop_transport_set_protocol(hoop_transport *transport, const hoop_protocol *protocol,
                                          void *arg);

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
