/* SPDX-License-Identifier: MIT
 *
 * Sessions that a client may resume: a handshake with a server that knows us is shorter, and
 * needs no certificates. A server offers them at any time after the handshake, so OpenSSL calls
 * here from within a read.
 *
 * They are kept by the server's name: its certificate was verified for that name and by the
 * rules of this context when the session began.
 */
#include <openssl/ssl.h>
#include <strings.h>

#include "base/alloc.h"
#include "io/tls_context.h"

/* Of all servers, and of one. */
#define SESSIONS_MAX 64
#define SESSIONS_OF_ONE_MAX 4

struct session {
    hoop_link link; /* on tls->sessions */
    SSL_SESSION *session;
    char *name;
};

static void session_free(struct session *session)
{
    SSL_SESSION_free(session->session);
    alloc_free(session->name);
    alloc_free(session);
}

static void sessions_free(hoop_link *list)
{
    for (hoop_link *link = list_pop(list); link != NULL; link = list_pop(list))
        session_free(CONTAINER_OF(link, struct session, link));
}

/* Moves to EXCESS the sessions that are too many, the oldest ones. Under the lock. */
static void sessions_trim(hoop_tls *tls, const char *name, hoop_link *excess)
{
    unsigned all = 0, of_one = 0;
    for (hoop_link *link = tls->sessions.next, *next; link != &tls->sessions; link = next) {
        const struct session *session = CONTAINER_OF(link, struct session, link);
        next = link->next;
        bool is_same = strcasecmp(session->name, name) == 0;
        if (all == SESSIONS_MAX || (is_same && of_one == SESSIONS_OF_ONE_MAX)) {
            list_remove(link);
            list_append(excess, link);
            continue;
        }
        all++;
        of_one += is_same;
    }
}

/* OpenSSL has a session for us: 1 if we keep the reference. Without memory the next handshake
 * is a full one. */
static int session_add(SSL *ssl, SSL_SESSION *offered)
{
    hoop_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = tls_server_name(ssl);
    struct session *session = name != NULL ? alloc_zeroed(sizeof *session) : NULL;
    if (session == NULL)
        return 0;
    session->name = alloc_string(name);
    if (session->name == NULL) {
        alloc_free(session);
        return 0;
    }
    session->session = offered;
    hoop_link excess;
    list_init(&excess);
    spinlock_take(&tls->lock);
    list_append(tls->sessions.next, &session->link); /* before the first */
    sessions_trim(tls, name, &excess);
    spinlock_give(&tls->lock);
    sessions_free(&excess);
    return 1;
}

/* A ticket of TLS 1.3 is used once, or who listens could tell that two connections are the same
 * client's (RFC 8446, C.4). */
static bool is_used_once(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

/* The newest session of NAME, a reference, or NULL; what is of no more use goes to EXCESS. Under
 * the lock. */
static SSL_SESSION *sessions_find(hoop_tls *tls, const char *name, hoop_link *excess)
{
    for (hoop_link *link = tls->sessions.next, *next; link != &tls->sessions; link = next) {
        struct session *session = CONTAINER_OF(link, struct session, link);
        next = link->next;
        if (strcasecmp(session->name, name) != 0)
            continue;
        bool is_good = SSL_SESSION_is_resumable(session->session);
        if (!is_good || is_used_once(session->session)) {
            list_remove(link);
            list_append(excess, link);
        }
        if (is_good && SSL_SESSION_up_ref(session->session) == 1)
            return session->session;
    }
    return NULL;
}

void tls_session_resume(hoop_tls *tls, SSL *ssl, const char *name)
{
    hoop_link excess;
    list_init(&excess);
    spinlock_take(&tls->lock);
    SSL_SESSION *session = sessions_find(tls, name, &excess);
    spinlock_give(&tls->lock);
    sessions_free(&excess);
    if (session == NULL)
        return;
    (void)SSL_set_session(ssl, session); /* if it will not do the handshake is a full one */
    SSL_SESSION_free(session);
}

void tls_sessions_init(hoop_tls *tls)
{
    SSL_CTX_set_session_cache_mode(tls->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls->context, session_add);
}

void tls_sessions_done(hoop_tls *tls)
{
    sessions_free(&tls->sessions);
}
