/* SPDX-License-Identifier: MIT
 *
 * The kind of channel that speaks TLS: how bytes move through OpenSSL once the handshake
 * (tls_handshake.c) is done.
 *
 * OpenSSL receives as much as there is and keeps what is left over of it, which the
 * descriptor then does not announce: so receiving goes on until OpenSSL wants more.
 */
#include <errno.h>
#include <hoop/error.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "io/tls_connection.h"
#include "task/wait.h"

/* The most that goes into a record, and by how much that grows at most; a little more than
 * SSL3_RT_MAX_ENCRYPTED_OVERHEAD and a header. */
#define RECORD_SIZE ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)
#define RECORD_OVERHEAD ((size_t)384)

/* How much of what still comes a closing channel reads to find the other end's goodbye. */
#define DISCARDED_MAX ((size_t)1 << 20)

/* ---- what OpenSSL says ---- */

static bool is_of_tls(int code)
{
    return code == HOOP_ETLS || code == HOOP_ECERTIFICATE;
}

int tls_outcome(struct tls *tls, int result)
{
    int outcome = SSL_get_error(tls->ssl, result);
    if (tls->io_error != 0)
        return tls->io_error;
    if (outcome == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (outcome == SSL_ERROR_WANT_READ || outcome == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    if (tls->is_cut)
        return HOOP_ECUT;
    int code = tls_take_error(tls->ssl);
    if (is_of_tls(code) && tls->message == NULL)
        tls->message = alloc_string(hoop_tls_last_message());
    return code;
}

int tls_failed(const struct channel *channel, int code)
{
    (void)wait_failed(code);
    if (is_of_tls(code) && channel->tls != NULL && channel->tls->message != NULL)
        (void)hoop_error_set(tls_note_error(code, channel->tls->message), "%s",
                             channel->tls->message);
    return code;
}

/* ---- receiving ---- */

struct receiving {
    struct channel *channel;
    char *buffer;
    size_t size;
    int64_t received; /* or an error */
};

/* Sends what OpenSSL has answered by itself; if that cannot be done the next write finds out. */
static void send_answers(struct channel *channel)
{
    if (UNLIKELY(channel->out.size > 0))
        (void)channel_flush(channel);
}

static void receive_now(void *arg)
{
    struct receiving *receiving = arg;
    struct tls *tls = receiving->channel->tls;
    size_t total = 0;
    int rc = 1;
    tls_clear_errors();
    while (rc > 0 && total < receiving->size) {
        size_t size = 0;
        rc = SSL_read_ex(tls->ssl, receiving->buffer + total, receiving->size - total, &size);
        total += size;
    }
    if (rc <= 0)
        rc = tls_outcome(tls, rc);
    if (rc < 0 && rc != -EAGAIN)
        tls->error = rc;
    receiving->received = total > 0 ? (int64_t)total : rc;
    if (UNLIKELY(tls->kernel_sends))
        tls_kernel_received(tls);
    send_answers(receiving->channel);
}

static int64_t tls_receive(struct channel *channel, void *buffer, size_t size)
{
    struct tls *tls = channel->tls;
    if (UNLIKELY(tls->error != 0))
        return tls->error;
    if (UNLIKELY(!tls->is_established))
        return -EAGAIN;
    struct receiving receiving = {channel, buffer, size, 0};
    hoop_call_on_thread_stack(receive_now, &receiving);
    return receiving.received;
}

/* ---- sending ---- */

/* Encrypts SIZE bytes at most, of which there is one at least, into `out`: how many, or an
 * error. The room is made first, as a record that was encrypted cannot be taken back. */
static int64_t encrypt(struct channel *channel, const void *data, size_t size)
{
    size_t written;
    if (size > RECORD_SIZE)
        size = RECORD_SIZE;
    if (buffer_reserve(&channel->out, size + RECORD_OVERHEAD) == NULL)
        return -ENOMEM;
    tls_clear_errors();
    int rc = SSL_write_ex(channel->tls->ssl, data, size, &written);
    if (LIKELY(rc == 1))
        return (int64_t)written;
    rc = tls_outcome(channel->tls, rc);
    /* After the other end's goodbye; and writing never waits for reading without renegotiation. */
    return rc < 0 && rc != -EAGAIN ? rc : HOOP_ETLS;
}

struct sending {
    struct channel *channel;
    const struct iovec *pieces;
    size_t count;
    size_t offset; /* of the first piece, taken already */
    int64_t sent;  /* or an error */
};

static size_t first_size(const struct sending *sending)
{
    return sending->pieces->iov_len - sending->offset;
}

static void advance(struct sending *sending, size_t size)
{
    sending->offset += size;
    while (sending->count > 0 && sending->offset >= sending->pieces->iov_len) {
        sending->offset -= sending->pieces->iov_len;
        sending->pieces++;
        sending->count--;
    }
}

/* Small pieces share a record: copies to RECORD what fits into one. How many bytes. */
static size_t gather(struct sending *sending, char *record)
{
    size_t size = 0;
    while (sending->count > 0 && size < RECORD_SIZE) {
        size_t part = first_size(sending);
        if (part > RECORD_SIZE - size)
            part = RECORD_SIZE - size;
        memcpy(record + size, (const char *)sending->pieces->iov_base + sending->offset, part);
        size += part;
        advance(sending, part);
    }
    return size;
}

/* The next record of what is to be sent: how many bytes, or an error. */
static int64_t send_record(struct sending *sending)
{
    char record[RECORD_SIZE]; /* not on a task's stack */
    if (sending->count > 1 && first_size(sending) < RECORD_SIZE) {
        size_t size = gather(sending, record), done = 0;
        while (done < size) {
            int64_t part = encrypt(sending->channel, record + done, size - done);
            if (part < 0)
                return part;
            done += (size_t)part;
        }
        return (int64_t)size;
    }
    const char *data = (const char *)sending->pieces->iov_base + sending->offset;
    int64_t size = encrypt(sending->channel, data, first_size(sending));
    if (size > 0)
        advance(sending, (size_t)size);
    return size;
}

static bool has_room(const struct channel *channel)
{
    return channel->out.size == 0 || channel->out.size < channel->write_high;
}

static void send_now(void *arg)
{
    struct sending *sending = arg;
    struct channel *channel = sending->channel;
    int rc = 0;
    advance(sending, 0); /* past empty pieces */
    while (rc == 0 && sending->count > 0) {
        while (sending->count > 0 && has_room(channel)) {
            int64_t size = send_record(sending);
            if (UNLIKELY(size < 0)) {
                sending->sent = size;
                return;
            }
            sending->sent += size;
        }
        rc = channel_flush(channel);
    }
    if (rc < 0 && rc != -EAGAIN)
        sending->sent = rc;
}

static int64_t tls_send(struct channel *channel, const struct iovec *pieces, size_t count)
{
    if (UNLIKELY(!channel->tls->is_established))
        return 0;
    if (channel->tls->kernel_sends)
        return channel_plain.send(channel, pieces, count);
    struct sending sending = {channel, pieces, count, 0, 0};
    hoop_call_on_thread_stack(send_now, &sending);
    return sending.sent;
}

struct appending {
    struct channel *channel;
    const char *data;
    size_t size;
    int result;
};

static void append_now(void *arg)
{
    struct appending *appending = arg;
    while (appending->result == 0 && appending->size > 0) {
        int64_t size = encrypt(appending->channel, appending->data, appending->size);
        if (size < 0) {
            appending->result = (int)size;
            return;
        }
        appending->data += size;
        appending->size -= (size_t)size;
    }
}

static int tls_append(struct channel *channel, const void *data, size_t size)
{
    if (!channel->tls->is_established)
        return -EBUSY;
    if (channel->tls->kernel_sends)
        return channel_plain.append(channel, data, size);
    size_t records = size / RECORD_SIZE + 1;
    if (buffer_reserve(&channel->out, size + records * RECORD_OVERHEAD) == NULL)
        return -ENOMEM;
    struct appending appending = {channel, data, size, 0};
    hoop_call_on_thread_stack(append_now, &appending);
    /* OpenSSL failed, not we: whatever the code, a part may have been taken. */
    if (UNLIKELY(appending.result < 0))
        channel->write_error = appending.result;
    return appending.result;
}

/* ---- the end ---- */

struct ending {
    struct tls *tls;
    int result;
};

/* The goodbye goes into `out`, once; or to the kernel, which may have no room: -EAGAIN. */
static int say_goodbye(struct tls *tls)
{
    bool is_said = (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) != 0 && !tls->goodbye_waits;
    if (!tls->is_established || is_said)
        return 0;
    tls_clear_errors();
    if (SSL_in_init(tls->ssl)) /* a program has asked for new keys, which go out first */
        (void)SSL_do_handshake(tls->ssl);
    int rc = SSL_shutdown(tls->ssl);
    rc = rc < 0 ? tls_outcome(tls, rc) : 0;
    tls->goodbye_waits = rc == -EAGAIN;
    return rc;
}

static void end_now(void *arg)
{
    struct ending *ending = arg;
    ending->result = say_goodbye(ending->tls);
}

static int tls_end(struct channel *channel)
{
    struct ending ending = {channel->tls, 0};
    hoop_call_on_thread_stack(end_now, &ending);
    return ending.result;
}

/* Reads and drops what still comes, until the other end has said goodbye or is gone, which is
 * all the same now. Who sends on and on does not wait for us to hear it out. */
static int await_goodbye(struct tls *tls)
{
    char dropped[4096];
    int rc = 1;
    tls_clear_errors();
    while (rc > 0 && tls->discarded < DISCARDED_MAX) {
        size_t size = 0;
        rc = SSL_read_ex(tls->ssl, dropped, sizeof dropped, &size);
        tls->discarded += size;
    }
    return rc <= 0 && tls_outcome(tls, rc) == -EAGAIN ? -EAGAIN : 0;
}

static void finish_now(void *arg)
{
    struct ending *ending = arg;
    struct tls *tls = ending->tls;
    int rc = say_goodbye(tls);
    if (rc == 0)
        rc = channel_flush(tls->channel);
    /* All data went out before: nobody is harmed if the goodbye does not. */
    ending->result = rc < 0 ? (rc == -EAGAIN ? -EAGAIN : 0) : await_goodbye(tls);
}

static int tls_finish(struct channel *channel)
{
    struct tls *tls = channel->tls;
    if (!tls->is_established || tls->error != 0 || tls->io_error != 0)
        return 0;
    struct ending ending = {tls, 0};
    hoop_call_on_thread_stack(finish_now, &ending);
    return ending.result;
}

static void forget(void *arg)
{
    struct tls *tls = arg;
    SSL_free(tls->ssl);
    hoop_tls_unref(tls->context);
}

static void tls_done(struct channel *channel)
{
    struct tls *tls = channel->tls;
    tls_handshake_give_up(tls);
    hoop_call_on_thread_stack(forget, tls);
    alloc_free(tls->server_name);
    alloc_free(tls->alpn);
    alloc_free(tls->message);
    alloc_free(tls);
    channel->tls = NULL;
}

const struct channel_kind channel_tls = {
    .receive = tls_receive,
    .send = tls_send,
    .append = tls_append,
    .end = tls_end,
    .finish = tls_finish,
    .done = tls_done,
};

/* ---- questions ---- */

struct ssl_st *tls_ssl(const struct channel *channel)
{
    return channel->tls != NULL ? channel->tls->ssl : NULL;
}

bool tls_in_kernel(const struct channel *channel)
{
    return channel->tls != NULL && channel->tls->is_established && channel->tls->kernel_sends;
}

const char *tls_alpn(const struct channel *channel)
{
    return channel->tls != NULL && channel->tls->alpn != NULL ? channel->tls->alpn : "";
}
