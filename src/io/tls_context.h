/* SPDX-License-Identifier: MIT
 *
 * The inside of a hoop_tls: OpenSSL's context, the other certificates of a server and the
 * sessions that a client may resume. What went wrong, in words.
 *
 * A context does not change while connections are made with it, but for the sessions, which
 * have a lock.
 */
#ifndef IO_TLS_CONTEXT_H
#define IO_TLS_CONTEXT_H

#include <hoop/tls.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/spinlock.h"

/* Another certificate of a server. */
struct tls_name {
    char *name;
    hoop_tls *other; /* a reference */
};

struct hoop_tls {
    atomic_size_t references;
    SSL_CTX *context;
    BIO_METHOD *method; /* of its connections (tls_bio.c) */
    bool is_server;
    bool verifies;       /* a client's */
    unsigned char *alpn; /* our protocols in the form of the wire; NULL: none */
    unsigned alpn_size;
    struct tls_name *names; /* a server's */
    size_t name_count;
    struct spinlock lock; /* over sessions, a client's */
    hoop_link sessions;   /* struct session, the newest first */
};

/* ---- what went wrong (tls_error.c) ---- */

/* What OpenSSL's queue of errors tells: -ENOMEM, a system call's error, HOOP_ECERTIFICATE or
 * HOOP_ETLS. Keeps the message for hoop_tls_last_message. SSL is the connection, or NULL. */
int tls_take_error(SSL *ssl);

/* The same for an error that is known: keeps MESSAGE, and returns CODE. */
int tls_note_error(int code, const char *message);

/* Empties OpenSSL's queue of errors; before each call whose errors are to be told. */
void tls_clear_errors(void);

/* ---- sessions to resume (tls_sessions.c) ---- */

/* TLS is a client's, and collects the sessions that servers offer. */
void tls_sessions_init(hoop_tls *tls);
/* Asks to go on with a session of the server NAME, if there is one. */
void tls_session_resume(hoop_tls *tls, SSL *ssl, const char *name);
void tls_sessions_done(hoop_tls *tls);

/* ---- servers with several certificates (tls_names.c) ---- */

/* From now on TLS chooses among its names when a client asks for one. */
void tls_names_init(hoop_tls *tls);
void tls_names_done(hoop_tls *tls);

/* ---- connections ---- */

/* The way of a connection to its channel, NULL without memory. The BIOs' data is a struct tls. */
BIO_METHOD *tls_method_new(void);

/* Who a connection asked for, which is the name of its sessions; NULL if nobody. */
const char *tls_server_name(const SSL *ssl);

#endif
