/* SPDX-License-Identifier: MIT
 *
 * Making a hoop_tls: OpenSSL's context with what the options say, and what is always so.
 */
#include "io/tls_context.h"

#include <errno.h>
#include <hoop/embed.h>
#include <hoop/error.h>
#include <openssl/err.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys_socket.h"

/* ---- files ---- */

/* What a password is asked with; OpenSSL's own way is the terminal. */
static int no_password(char *buffer, int size, int is_writing, void *arg)
{
    (void)buffer, (void)size, (void)is_writing, (void)arg;
    return -1;
}

static int load_certificate(SSL_CTX *context, const hoop_tls_options *options)
{
    const char *key = options->key != NULL ? options->key : options->certificate;
    if (options->certificate == NULL)
        return options->key != NULL ? -EINVAL : 0;
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return tls_take_error(NULL);
    return 0;
}

/* A server tells its clients whom it trusts, so that they can choose among their certificates. */
static int name_authorities(SSL_CTX *context, const char *path, bool is_folder)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    if (names == NULL)
        return -ENOMEM;
    int added = is_folder ? SSL_add_dir_cert_subjects_to_stack(names, path)
                          : SSL_add_file_cert_subjects_to_stack(names, path);
    if (added != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return tls_take_error(NULL);
    }
    SSL_CTX_set_client_CA_list(context, names);
    return 0;
}

static int load_authority(hoop_tls *tls, const char *path)
{
    int is_folder = sys_is_folder(path);
    if (is_folder < 0)
        return is_folder;
    if ((is_folder ? SSL_CTX_load_verify_dir(tls->context, path)
                   : SSL_CTX_load_verify_file(tls->context, path)) != 1)
        return tls_take_error(NULL);
    return tls->is_server ? name_authorities(tls->context, path, is_folder == 1) : 0;
}

/* ---- application protocols ---- */

/* On the wire each has its length before it. */
static int encode_alpn(hoop_tls *tls, const char *const *protocols)
{
    size_t size = 0;
    for (size_t i = 0; protocols[i] != NULL; i++) {
        size_t length = strlen(protocols[i]);
        if (length == 0 || length > 255)
            return -EINVAL;
        size += 1 + length;
    }
    if (size == 0 || size > 65535)
        return size == 0 ? 0 : -EINVAL;
    unsigned char *place = tls->alpn = alloc_array(NULL, size, 1);
    if (place == NULL)
        return -ENOMEM;
    tls->alpn_size = (unsigned)size;
    for (size_t i = 0; protocols[i] != NULL; i++) {
        size_t length = strlen(protocols[i]);
        *place++ = (unsigned char)length;
        memcpy(place, protocols[i], length);
        place += length;
    }
    return 0;
}

/* A server's choice: its most preferred one that the client offers. RFC 7301 wants a
 * connection with none refused. */
static int choose_alpn(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_size,
                       const unsigned char *offered, unsigned offered_size, void *arg)
{
    (void)ssl;
    const hoop_tls *tls = arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_size, tls->alpn, tls->alpn_size, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_chosen = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(hoop_tls *tls, const char *const *protocols)
{
    int rc = protocols != NULL ? encode_alpn(tls, protocols) : 0;
    if (rc < 0 || tls->alpn == NULL)
        return rc;
    if (tls->is_server)
        SSL_CTX_set_alpn_select_cb(tls->context, choose_alpn, tls);
    else if (SSL_CTX_set_alpn_protos(tls->context, tls->alpn, tls->alpn_size) != 0)
        return -ENOMEM;
    return 0;
}

/* ---- clients and servers ---- */

static int set_up_client(hoop_tls *tls, const hoop_tls_options *options)
{
    tls->verifies = !options->no_verify;
    SSL_CTX_set_verify(tls->context, tls->verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    tls_sessions_init(tls);
    if (options->authority != NULL)
        return load_authority(tls, options->authority);
    if (tls->verifies && SSL_CTX_set_default_verify_paths(tls->context) != 1)
        return tls_take_error(NULL);
    return 0;
}

/* A session belongs to the context that it began with: its number is not used again. */
static int set_session_context(SSL_CTX *context)
{
    static atomic_uint_fast64_t count;
    uint64_t number = atomic_fetch_add(&count, 1);
    return SSL_CTX_set_session_id_context(context, (unsigned char *)&number, sizeof number) == 1
               ? 0
               : tls_take_error(NULL);
}

static int set_up_server(hoop_tls *tls, const hoop_tls_options *options)
{
    if (options->certificate == NULL || (options->require_client && options->authority == NULL))
        return -EINVAL;
    int mode = options->authority != NULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
    if (options->require_client)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(tls->context, mode, NULL);
    /* Sessions are in the tickets that clients keep: nothing grows here. */
    SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
    if (options->no_tickets) {
        SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(tls->context, 0);
    }
    tls_names_init(tls);
    int rc = set_session_context(tls->context);
    if (rc == 0 && options->authority != NULL)
        rc = load_authority(tls, options->authority);
    return rc;
}

static int set_up(hoop_tls *tls, const hoop_tls_options *options)
{
    bool is_known = options->least == HOOP_TLS_1_2 || options->least == HOOP_TLS_1_3;
    if (!is_known)
        return -EINVAL;
    tls_clear_errors();
    tls->method = tls_method_new();
    tls->context = SSL_CTX_new(tls->is_server ? TLS_server_method() : TLS_client_method());
    if (tls->method == NULL || tls->context == NULL)
        return tls_take_error(NULL);
    SSL_CTX_set_app_data(tls->context, tls);
    SSL_CTX_set_default_passwd_cb(tls->context, no_password);
    SSL_CTX_set_min_proto_version(tls->context,
                                  options->least == HOOP_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(tls->context,
                        SSL_OP_NO_RENEGOTIATION | (options->kernel ? SSL_OP_ENABLE_KTLS : 0));
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(tls->context, 1);
    int rc = tls->is_server ? set_up_server(tls, options) : set_up_client(tls, options);
    if (rc == 0)
        rc = load_certificate(tls->context, options);
    return rc < 0 ? rc : set_alpn(tls, options->alpn);
}

/* ---- life ---- */

struct making {
    const hoop_tls_options *options;
    hoop_tls *tls;
    int result;
};

static void make(void *arg)
{
    struct making *making = arg;
    making->result = set_up(making->tls, making->options);
    if (making->result < 0)
        hoop_tls_unref(making->tls);
}

static hoop_tls *tls_new(bool is_server, const hoop_tls_options *options)
{
    static const hoop_tls_options defaults;
    hoop_tls *tls = alloc_zeroed(sizeof *tls);
    if (tls == NULL)
        return failed(-ENOMEM);
    atomic_init(&tls->references, 1);
    tls->is_server = is_server;
    list_init(&tls->sessions);
    struct making making = {options != NULL ? options : &defaults, tls, 0};
    hoop_call_on_thread_stack(make, &making);
    if (making.result == HOOP_ETLS)
        (void)hoop_error_set(HOOP_ETLS, "%s", hoop_tls_last_message());
    return making.result < 0 ? failed(making.result) : tls;
}

hoop_tls *hoop_tls_client_new(const hoop_tls_options *options)
{
    return tls_new(false, options);
}

hoop_tls *hoop_tls_server_new(const hoop_tls_options *options)
{
    return tls_new(true, options);
}

hoop_tls *hoop_tls_ref(hoop_tls *tls)
{
    if (tls != NULL)
        atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void hoop_tls_unref(hoop_tls *tls)
{
    if (tls == NULL || atomic_fetch_sub(&tls->references, 1) > 1)
        return;
    tls_names_done(tls);
    tls_sessions_done(tls);
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    alloc_free(tls->alpn);
    alloc_free(tls);
}

struct ssl_ctx_st *hoop_tls_context(hoop_tls *tls)
{
    return tls->context;
}
