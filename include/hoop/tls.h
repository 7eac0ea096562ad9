/* SPDX-License-Identifier: MIT
 *
 * TLS, by OpenSSL 3: what a connection or a server needs to know of certificates and keys. A
 * hoop_tls is made once, and given to hoop_open_connection, hoop_start_server,
 * hoop_stream_start_tls and their like in their options, by any number of loops and threads.
 *
 * What is on by default is the safe choice. A client verifies the server's certificate against
 * the system's authorities, and that it is made for the host it asked for; TLS 1.2 is the least;
 * a connection that is cut without TLS's own goodbye is an error (HOOP_ECUT), not an end.
 */
#ifndef HOOP_TLS_H
#define HOOP_TLS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_tls hoop_tls;

typedef enum hoop_tls_version {
    HOOP_TLS_1_2 = 0,
    HOOP_TLS_1_3 = 1,
} hoop_tls_version;

/* All zero is the default. Strings are used during the call only. */
typedef struct hoop_tls_options {
    /* A file with our certificate and its chain, PEM; a server needs one, a client may be asked
     * for one. */
    const char *certificate;
    /* A file with its private key, PEM, without a password; NULL: it is in the CERTIFICATE
     * file. */
    const char *key;
    /* A file, or a folder (as c_rehash makes it), with the certificates of those whom we trust,
     * PEM; NULL: a client trusts the system's, a server nobody. A server that has one asks its
     * clients for certificates, and takes those without one unless REQUIRE_CLIENT is set. */
    const char *authority;
    bool no_verify;      /* a client takes any certificate: for tests, an attacker may listen */
    bool require_client; /* a server takes only clients whose certificate AUTHORITY has signed */
    bool no_tickets;     /* a server lets no session be resumed */
    /* The kernel encrypts what is sent through a TCP socket, if it can (Linux with the module
     * `tls`, which is loaded before the first connection, and knows the cipher):
     * hoop_stream_sendfile then copies nothing. Not the default, as a connection whose other end
     * asks for new keys can send no more (HOOP_ETLS). */
    bool kernel;
    hoop_tls_version least;
    /* Application protocols, the preferred one first, NULL at the end: {"h2", "http/1.1", NULL};
     * NULL: none. The server's preference counts; a client that offers others only is refused. */
    const char *const *alpn;
} hoop_tls_options;

/* For clients, and for servers. OPTIONS may be NULL for a client. NULL on failure:
 * hoop_last_error is -ENOENT or -EACCES (a file), HOOP_ETLS (what is in it; hoop_error_message
 * in a task and hoop_tls_last_message tell more), -EINVAL, -ENOMEM. Reads files: blocks.
 * Callable from any thread. */
HOOP_API HOOP_MUST_CHECK hoop_tls *hoop_tls_client_new(const hoop_tls_options *options);
HOOP_API HOOP_MUST_CHECK hoop_tls *hoop_tls_server_new(const hoop_tls_options *options);

/* What a server is for a client that asks for NAME (SNI; "*.example.org" stands for one label):
 * OTHER, with its certificate and its options. Who asks for another name, or none, gets TLS
 * itself. OTHER is a server's without such names, and stays alive as long as TLS. 0, -EINVAL,
 * -ENOMEM. Not while connections are made with it. */
HOOP_API HOOP_MUST_CHECK int hoop_tls_add_name(hoop_tls *tls, const char *name, hoop_tls *other);

/* The OpenSSL context behind it, an SSL_CTX, borrowed, for settings that are not here. Not
 * while connections are made with it. Callbacks that are set there cannot await; the app data
 * is hoop's. */
HOOP_API struct ssl_ctx_st *hoop_tls_context(hoop_tls *tls);

/* One more reference, and one less; connections hold their own. From any thread; NULL is
 * allowed. */
HOOP_API hoop_tls *hoop_tls_ref(hoop_tls *tls);
HOOP_API void hoop_tls_unref(hoop_tls *tls);

/* What OpenSSL said of the last HOOP_ETLS or HOOP_ECERTIFICATE of this thread; "" if nothing. */
HOOP_API const char *hoop_tls_last_message(void);

#ifdef __cplusplus
}
#endif

#endif
