/* SPDX-License-Identifier: MIT
 *
 * The kernel encrypts what is sent, if it can: OpenSSL hands its keys over at the end of the
 * handshake. From then on what goes to the descriptor, and what waits in channel->out, is
 * plaintext, and each send makes whole records of it. Receiving stays OpenSSL's.
 *
 * OpenSSL's own records go to the descriptor at once, with their kind, which is said to the BIO
 * before. They may overtake what waits in `out`, as that is not yet part of a record; the goodbye,
 * which may not, comes once `out` is sent.
 *
 * New keys in the middle of a connection cannot be given to the kernel. So once the other end asks
 * for them, before the next data (RFC 8446, 4.6.3), nothing more can be sent: HOOP_ETLS.
 */
#include <errno.h>
#include <hoop/error.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/sys_socket.h"
#include "io/tls_connection.h"

/* OpenSSL keeps these numbers for itself: bio.h has them in a comment. */
enum command {
    SET_KEYS = 72,
    SET_RECORD_KIND = 74,
    CLEAR_RECORD_KIND = 75,
};

/* To ask once: an unknown kind of protocol makes the kernel look for a module. */
static atomic_bool kernel_cannot;

/* What is in `out` was encrypted with other keys, or with none. */
static bool is_ready(struct channel *channel)
{
    if (!channel->is_socket || atomic_load_explicit(&kernel_cannot, memory_order_relaxed))
        return false;
    int rc = sys_tls_attach(channel->watch.fd);
    if (rc == -ENOENT)
        atomic_store_explicit(&kernel_cannot, true, memory_order_relaxed);
    return rc == 0 && channel_flush(channel) == 0;
}

/* What KEYS look like only OpenSSL's own BIO for sockets knows. */
static bool hand_over(const struct channel *channel, void *keys)
{
    BIO *socket = BIO_new_socket(channel->watch.fd, BIO_NOCLOSE);
    if (socket == NULL)
        return false;
    bool is_done = BIO_ctrl(socket, SET_KEYS, 1, keys) > 0;
    BIO_free(socket);
    return is_done;
}

long tls_kernel_control(struct tls *tls, int command, long number, void *pointer)
{
    switch (command) {
    case SET_KEYS: /* for sending if NUMBER is not 0 */
        if (number == 0 || tls->kernel_sends || !is_ready(tls->channel))
            return 0;
        tls->kernel_sends = hand_over(tls->channel, pointer);
        return tls->kernel_sends;
    case BIO_CTRL_GET_KTLS_SEND:
        return tls->kernel_sends;
    case SET_RECORD_KIND:
        tls->record_kind = (unsigned char)number;
        return 0;
    case CLEAR_RECORD_KIND:
        tls->record_kind = SSL3_RT_APPLICATION_DATA;
        return 0;
    default:
        return 0;
    }
}

/* After this record OpenSSL would use other keys than the kernel. */
static bool announces_new_keys(const struct tls *tls, const unsigned char *data, size_t size)
{
    return tls->is_established && tls->record_kind == SSL3_RT_HANDSHAKE && size > 0 &&
           data[0] == SSL3_MT_KEY_UPDATE;
}

/* Nothing more is sent; what comes can be read on. */
static int refuse_new_keys(struct tls *tls)
{
    if (tls->message == NULL)
        tls->message = alloc_string("new keys were asked for, which the kernel cannot be given");
    if (tls->channel->write_error == 0)
        tls->channel->write_error = HOOP_ETLS;
    return HOOP_ETLS;
}

void tls_kernel_received(struct tls *tls)
{
    if (SSL_get_key_update_type(tls->ssl) != SSL_KEY_UPDATE_NONE)
        (void)refuse_new_keys(tls);
    if (tls->error == HOOP_ETLS && tls->channel->write_error == 0)
        tls->channel->write_error = HOOP_ETLS;
}

int64_t tls_kernel_write(struct tls *tls, const void *data, size_t size)
{
    struct channel *channel = tls->channel;
    if (announces_new_keys(tls, data, size))
        return refuse_new_keys(tls);
    int64_t sent = -EAGAIN;
    if (channel->watch.ready & HOOP_WRITABLE)
        sent = sys_tls_send(channel->watch.fd, tls->record_kind, data, size);
    if (sent == -EAGAIN) {
        hoop_watch_clear(&channel->watch, HOOP_WRITABLE);
        channel->is_full = true; /* a handshake waits to be told */
    }
    if (sent == (int64_t)size)
        tls->record_kind = SSL3_RT_APPLICATION_DATA;
    return sent;
}
