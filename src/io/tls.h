/* SPDX-License-Identifier: MIT
 *
 * TLS on a channel, for those who connect, accept and stream: a channel begins plain and goes on
 * in TLS after tls_start. They see nothing of OpenSSL.
 *
 *     rc = tls_start(channel, options->tls, host);
 *     if (rc == 0)
 *         rc = tls_handshake(channel);
 *
 * What OpenSSL does it does on the thread's own stack: it may want more than a task has.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <hoop/tls.h>

#include "io/channel.h"

extern const struct channel_kind channel_tls;

/* CHANNEL, which is open and plain and has nothing in `out`, goes on in TLS, as the client or the
 * server that CONTEXT is for. SERVER_NAME is the client's, a name or a literal address; NULL only
 * if it verifies nothing. Sends nothing yet; until the handshake is done nothing can be received
 * or sent. 0, -EINVAL, -ENOMEM: then CHANNEL is as it was. */
int tls_start(struct channel *channel, hoop_tls *context, const char *server_name);

/* Suspends the running task until the handshake is done, at most channel->tls_timeout. 0; HOOP_ETLS
 * or HOOP_ECERTIFICATE, with a message (hoop_error_message), HOOP_ECUT, -ETIMEDOUT,
 * -ECANCELED, what the connection says: then CHANNEL is fit for channel_abort only. -EBADF: it was
 * closed by another task meanwhile, and may be gone. While it lasts the channel's user hears
 * of nothing but `closed`; after it there may be something to receive that nothing tells of. */
int tls_handshake(struct channel *channel);

/* Returns CODE, an error of an await's on CHANNEL, as wait_failed does. If it is one of TLS, what
 * OpenSSL said of it becomes the task's message; else CHANNEL is not looked at. */
int tls_failed(const struct channel *channel, int code);

/* OpenSSL's SSL, and the protocol that ALPN has agreed on or ""; NULL and "" without TLS. */
struct ssl_st *tls_ssl(const struct channel *channel);
const char *tls_alpn(const struct channel *channel);

/* Whether the kernel encrypts what is sent: then it can send files. */
bool tls_in_kernel(const struct channel *channel);

#endif
