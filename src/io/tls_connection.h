/* SPDX-License-Identifier: MIT
 *
 * The inside of a channel that speaks TLS. OpenSSL never blocks: what it has to send goes into
 * channel->out, and what it wants to receive the descriptor has, or it has to be called again.
 *
 * Each call of OpenSSL that may go deep, or into a program's callbacks, is made on the thread's
 * stack (hoop_call_on_thread_stack), where nothing can suspend.
 */
#ifndef IO_TLS_CONNECTION_H
#define IO_TLS_CONNECTION_H

#include <openssl/ssl.h>

#include "io/tls.h"
#include "io/tls_context.h"

struct handshake;

struct tls {
    struct channel *channel;
    hoop_tls *context; /* a reference */
    SSL *ssl;
    char *server_name; /* whom a client asked for, or NULL */
    char *alpn;        /* what was agreed on, or NULL */
    char *message;     /* what OpenSSL said of `error`, or NULL */
    int io_error;      /* why the channel took or gave nothing, negative; 0 */
    int error;         /* what ended reading, to be told (again) by the next read; 0 */
    size_t discarded;  /* bytes that came while the channel was being closed */
    bool is_cut;       /* the descriptor has no more to read */
    bool is_established;
    bool kernel_sends;           /* what goes to the descriptor is encrypted there (tls_kernel.c) */
    unsigned char record_kind;   /* then: of what OpenSSL writes next */
    bool goodbye_waits;          /* for room */
    struct handshake *handshake; /* the task that makes it, or NULL */
};

/* OpenSSL's call has failed with RESULT: -EAGAIN, 0 after the other end's goodbye, or an error. The
 * queue of errors must have been empty before the call. */
int tls_outcome(struct tls *tls, int result);

/* ---- sending by the kernel (tls_kernel.c) ---- */

/* With kernel_sends: after OpenSSL has read. It may have been asked for new keys, and would
 * answer with the next data; or it has failed, and would take no more. But data does not come
 * its way. */
void tls_kernel_received(struct tls *tls);
/* The BIO's commands that have to do with it; 0 for others. */
long tls_kernel_control(struct tls *tls, int command, long number, void *pointer);
/* With kernel_sends: what OpenSSL writes itself. How many bytes; -EAGAIN or another error. */
int64_t tls_kernel_write(struct tls *tls, const void *data, size_t size);

/* The channel is going: the task that makes the handshake, if there is one, gets -EBADF, and its
 * user is the former one again. */
void tls_handshake_give_up(struct tls *tls);

#endif
