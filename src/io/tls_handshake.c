/* SPDX-License-Identifier: MIT
 *
 * How a channel comes to speak TLS. While a task makes the handshake the channel's user is this
 * file, which wakes that task whenever there is something to read.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/timeout.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "io/tls_connection.h"
#include "task/wait.h"

/* In the frame of the task that waits. */
struct handshake {
    struct wait wait;
    struct tls *tls;                 /* NULL: the channel is gone */
    const struct channel_user *user; /* the channel's, before and after */
};

const char *tls_server_name(const SSL *ssl)
{
    const struct tls *tls = SSL_get_app_data(ssl);
    return tls->server_name;
}

/* ---- the beginning ---- */

static bool is_literal_address(const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

/* Whom a client asks for, and whom it believes. */
static int ask_for(struct tls *tls, const char *name)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(tls->ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_literal_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(rules, name) == 1 ? 0 : -EINVAL;
    if (X509_VERIFY_PARAM_set1_host(rules, name, 0) != 1 ||
        SSL_set_tlsext_host_name(tls->ssl, name) != 1)
        return -EINVAL;
    return 0;
}

static int set_up_client(struct tls *tls)
{
    SSL_set_connect_state(tls->ssl);
    if (tls->server_name == NULL)
        return tls->context->verifies ? -EINVAL : 0;
    int rc = ask_for(tls, tls->server_name);
    if (rc == 0)
        tls_session_resume(tls->context, tls->ssl, tls->server_name);
    return rc;
}

static int set_up(struct tls *tls)
{
    BIO *bio = BIO_new(tls->context->method);
    tls->ssl = SSL_new(tls->context->context);
    if (bio == NULL || tls->ssl == NULL) {
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    if (!tls->context->is_server)
        return set_up_client(tls);
    SSL_set_accept_state(tls->ssl);
    return 0;
}

struct attempt {
    struct tls *tls;
    int result;
};

static void start(void *arg)
{
    struct attempt *attempt = arg;
    attempt->result = set_up(attempt->tls);
    if (attempt->result < 0)
        SSL_free(attempt->tls->ssl);
}

/* NAME without the dot that may end it, which a certificate has not. */
static int copy_name(const char *name, char **ret_copy)
{
    size_t length = strlen(name);
    if (length == 0)
        return -EINVAL;
    char *copy = alloc_string(name);
    if (copy == NULL)
        return -ENOMEM;
    if (length > 1 && copy[length - 1] == '.')
        copy[length - 1] = '\0';
    *ret_copy = copy;
    return 0;
}

int tls_start(struct channel *channel, hoop_tls *context, const char *server_name)
{
    struct tls *tls = alloc_zeroed(sizeof *tls);
    if (tls == NULL)
        return -ENOMEM;
    *tls = (struct tls){
        .channel = channel, .context = context, .record_kind = SSL3_RT_APPLICATION_DATA};
    int rc = 0;
    if (!context->is_server && server_name != NULL)
        rc = copy_name(server_name, &tls->server_name);
    if (rc == 0) {
        struct attempt attempt = {tls, 0};
        hoop_call_on_thread_stack(start, &attempt);
        rc = attempt.result;
    }
    if (rc < 0) {
        alloc_free(tls->server_name);
        alloc_free(tls);
        return rc;
    }
    (void)hoop_tls_ref(context);
    channel->tls = tls;
    channel->kind = &channel_tls;
    return 0;
}

/* ---- the handshake ---- */

/* The protocol that was agreed on. */
static int keep_alpn(struct tls *tls)
{
    const unsigned char *name;
    unsigned size;
    SSL_get0_alpn_selected(tls->ssl, &name, &size);
    if (size == 0)
        return 0;
    tls->alpn = alloc_zeroed(size + 1);
    if (tls->alpn == NULL)
        return -ENOMEM;
    memcpy(tls->alpn, name, size);
    return 0;
}

/* As far as it goes: the result is 0 when it is done, -EAGAIN, or an error. */
static void step(void *arg)
{
    struct attempt *attempt = arg;
    struct tls *tls = attempt->tls;
    tls_clear_errors();
    int rc = SSL_do_handshake(tls->ssl);
    attempt->result = rc == 1 ? keep_alpn(tls) : tls_outcome(tls, rc);
    if (rc != 1 && attempt->result == 0) /* a goodbye instead of a handshake */
        attempt->result = HOOP_ECUT;
}

static const struct wait_kind handshake_wait = {"makes a TLS handshake", wait_cancel, NULL, NULL};

/* 0, or why it failed; of the handshake's task. */
static int go_on(struct handshake *handshake)
{
    while (handshake->tls != NULL) {
        struct channel *channel = handshake->tls->channel;
        struct attempt attempt = {handshake->tls, channel->write_error};
        if (attempt.result == 0)
            hoop_call_on_thread_stack(step, &attempt);
        /* Also when it has failed: the other end is told why. */
        int flushed = channel_flush(channel);
        if (attempt.result != -EAGAIN)
            return attempt.result;
        if (flushed < 0 && flushed != -EAGAIN)
            return flushed;
        wait_init(&handshake->wait, &handshake_wait);
        int rc = (int)wait_park(&handshake->wait);
        if (rc < 0)
            return rc;
    }
    return -EBADF;
}

static void wake(struct channel *channel)
{
    wait_wake(&channel->tls->handshake->wait, 0);
}

/* Never: the channel's user is the former one again by then (tls_handshake_give_up). */
static void closed(struct channel *channel, int error)
{
    (void)error;
    assert(channel == NULL);
    (void)channel;
}

static const struct channel_user handshake_user = {
    .readable = wake,
    .writable = wake,
    .closed = closed,
    .what = "a TLS handshake",
};

void tls_handshake_give_up(struct tls *tls)
{
    struct handshake *handshake = tls->handshake;
    if (handshake == NULL)
        return;
    tls->handshake = NULL;
    tls->channel->user = handshake->user;
    handshake->tls = NULL;
    if (!tls->channel->local->is_closing)
        wait_wake(&handshake->wait, 0);
}

/* The handshake is over, as RC says. */
static int leave(struct handshake *handshake, int rc)
{
    struct tls *tls = handshake->tls;
    if (tls == NULL)
        return -EBADF;
    struct channel *channel = tls->channel;
    tls->handshake = NULL;
    channel->user = handshake->user;
    if (channel->is_closing)
        return -EBADF;
    tls->is_established = rc == 0;
    return rc;
}

int tls_handshake(struct channel *channel)
{
    struct handshake handshake = {.tls = channel->tls, .user = channel->user};
    hoop_timeout timeout;
    int rc = hoop_timeout_enter(&timeout, (double)channel->tls_timeout);
    if (rc < 0)
        return wait_failed(rc);
    channel->tls->handshake = &handshake;
    channel->user = &handshake_user;
    rc = (int)hoop_timeout_exit(&timeout, go_on(&handshake));
    rc = leave(&handshake, rc);
    return rc < 0 ? tls_failed(channel, rc) : 0;
}
