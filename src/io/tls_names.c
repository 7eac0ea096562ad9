/* SPDX-License-Identifier: MIT
 *
 * Servers with several certificates: which one is for the name that a client asks for (SNI).
 *
 * The choice is made before OpenSSL looks at anything else in the client's greeting, so that
 * the rules of the chosen one hold for all that follows: a session that began under another
 * name, where no client's certificate was asked for, cannot be resumed here.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "io/tls_context.h"

/* ---- the client's greeting ---- */

#define NAME_MAX_SIZE 256

static size_t number_at(const unsigned char *data)
{
    return (size_t)data[0] << 8 | data[1];
}

/* The name in the extension: a list's size, and of its first entry the kind, which is 0, the
 * name's size and the name. A greeting that is malformed has none, and OpenSSL will refuse it. */
static bool parse_name(const unsigned char *data, size_t size, char name[NAME_MAX_SIZE])
{
    if (size < 5 || number_at(data) != size - 2 || data[2] != 0)
        return false;
    size_t length = number_at(data + 3);
    if (length == 0 || length > size - 5 || length >= NAME_MAX_SIZE)
        return false;
    if (memchr(data + 5, '\0', length) != NULL)
        return false;
    memcpy(name, data + 5, length);
    name[length] = '\0';
    return true;
}

/* ---- choosing ---- */

static bool is_for(const char *pattern, const char *name)
{
    const char *dot = strchr(name, '.');
    if (pattern[0] == '*' && pattern[1] == '.')
        return dot != NULL && dot != name && strcasecmp(pattern + 1, dot) == 0;
    return strcasecmp(pattern, name) == 0;
}

/* The one for NAME, better its own than by a star; NULL if there is none. */
static hoop_tls *find(const hoop_tls *tls, const char *name)
{
    hoop_tls *found = NULL;
    for (size_t i = 0; i < tls->name_count; i++) {
        const struct tls_name *candidate = &tls->names[i];
        if (!is_for(candidate->name, name))
            continue;
        if (candidate->name[0] != '*')
            return candidate->other;
        if (found == NULL)
            found = candidate->other;
    }
    return found;
}

/* Goes on by the rules of OTHER; most of them OpenSSL copies when a connection is made, and not
 * when its context is changed. */
static bool go_on_with(SSL *ssl, const hoop_tls *other)
{
    SSL_CTX *context = other->context;
    if (SSL_set_SSL_CTX(ssl, context) == NULL)
        return false;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), SSL_CTX_get_verify_callback(context));
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(context));
    SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(context));
    SSL_set_options(ssl, SSL_CTX_get_options(context));
    return SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(context)) == 1 &&
           SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(context)) == 1;
}

static int greeted(SSL *ssl, int *alert, void *arg)
{
    const hoop_tls *tls = arg;
    const unsigned char *data;
    size_t size;
    char name[NAME_MAX_SIZE];
    if (tls->name_count == 0 ||
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1 ||
        !parse_name(data, size, name))
        return SSL_CLIENT_HELLO_SUCCESS;
    const hoop_tls *other = find(tls, name);
    if (other == NULL || go_on_with(ssl, other))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

/* ---- the names ---- */

static int add(hoop_tls *tls, char *name, hoop_tls *other)
{
    if (name == NULL)
        return -ENOMEM;
    struct tls_name *names = alloc_array(tls->names, tls->name_count + 1, sizeof *names);
    if (names == NULL) {
        alloc_free(name);
        return -ENOMEM;
    }
    tls->names = names;
    names[tls->name_count++] = (struct tls_name){name, hoop_tls_ref(other)};
    return 0;
}

/* As OTHER has no names of its own, references cannot go round in a circle. */
int hoop_tls_add_name(hoop_tls *tls, const char *name, hoop_tls *other)
{
    if (!tls->is_server || !other->is_server || other->name_count > 0 || tls == other ||
        name[0] == '\0' || strlen(name) >= NAME_MAX_SIZE)
        return -EINVAL;
    return add(tls, alloc_string(name), other);
}

void tls_names_init(hoop_tls *tls)
{
    SSL_CTX_set_client_hello_cb(tls->context, greeted, tls);
}

void tls_names_done(hoop_tls *tls)
{
    for (size_t i = 0; i < tls->name_count; i++) {
        alloc_free(tls->names[i].name);
        hoop_tls_unref(tls->names[i].other);
    }
    alloc_free(tls->names);
}
