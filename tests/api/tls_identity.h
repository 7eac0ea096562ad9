/* SPDX-License-Identifier: MIT
 *
 * Certificates for tests, made when a program starts: an authority, and those whom it vouches
 * for, each in a file of a temporary folder that goes at the end.
 */
#ifndef TESTS_API_TLS_IDENTITY_H
#define TESTS_API_TLS_IDENTITY_H

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static char identity_folder[64];

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char path[128]; /* of a file with both */
};

/* What is special about one. */
struct identity_request {
    const char *name;        /* of the file and the subject */
    const char *subjects;    /* "DNS:example.org,IP:127.0.0.1" */
    bool is_authority;       /* signs others */
    long begins_in, ends_in; /* seconds from now; both 0: it is valid for an hour */
};

static inline void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void set_subject(X509 *certificate, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
}

static inline void identity_write(struct identity *identity, const char *name)
{
    snprintf(identity->path, sizeof identity->path, "%s/%s.pem", identity_folder, name);
    FILE *file = fopen(identity->path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    fclose(file);
}

/* Signed by ISSUER; NULL: by itself. */
static inline struct identity identity_new(const struct identity_request *request,
                                           const struct identity *issuer)
{
    static long serial = 1;
    struct identity identity = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    assert_non_null(identity.key);
    if (issuer == NULL)
        issuer = &identity;
    X509 *certificate = identity.certificate;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    bool is_usual = request->begins_in == 0 && request->ends_in == 0;
    X509_gmtime_adj(X509_getm_notBefore(certificate), is_usual ? -3600 : request->begins_in);
    X509_gmtime_adj(X509_getm_notAfter(certificate), is_usual ? 3600 : request->ends_in);
    X509_set_pubkey(certificate, identity.key);
    set_subject(certificate, request->name);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    add_extension(certificate, issuer->certificate, NID_basic_constraints,
                  request->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (request->subjects != NULL)
        add_extension(certificate, issuer->certificate, NID_subject_alt_name, request->subjects);
    assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
    identity_write(&identity, request->name);
    return identity;
}

static inline void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* ---- those whom most tests need ---- */

/* authority vouches for server (example.org and 127.0.0.1) and client; nobody for stranger. */
static struct identity authority, server_identity, client_identity, stranger;

/* A group's set-up and tear-down. */
static inline int identities_make(void **state)
{
    (void)state;
    snprintf(identity_folder, sizeof identity_folder, "/tmp/hoop-tls-XXXXXX");
    assert_non_null(mkdtemp(identity_folder));
    authority =
        identity_new(&(struct identity_request){.name = "authority", .is_authority = true}, NULL);
    server_identity = identity_new(
        &(struct identity_request){
            .name = "server", .subjects = "DNS:example.org,DNS:*.example.net,IP:127.0.0.1,IP:::1"},
        &authority);
    client_identity = identity_new(&(struct identity_request){.name = "client"}, &authority);
    stranger = identity_new(
        &(struct identity_request){.name = "stranger", .subjects = "DNS:example.org"}, NULL);
    return 0;
}

static inline int identities_forget(void **state)
{
    (void)state;
    char path[512];
    identity_free(&authority);
    identity_free(&server_identity);
    identity_free(&client_identity);
    identity_free(&stranger);
    DIR *folder = opendir(identity_folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", identity_folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(folder);
    return rmdir(identity_folder);
}

/* ---- what is made of them ---- */

static inline hoop_tls *client_tls_with(hoop_tls_options options)
{
    if (options.authority == NULL)
        options.authority = authority.path;
    hoop_tls *tls = hoop_tls_client_new(&options);
    assert_non_null(tls);
    return tls;
}

static inline hoop_tls *server_tls_with(hoop_tls_options options)
{
    if (options.certificate == NULL)
        options.certificate = server_identity.path;
    hoop_tls *tls = hoop_tls_server_new(&options);
    assert_non_null(tls);
    return tls;
}

#endif
