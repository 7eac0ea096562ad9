/* SPDX-License-Identifier: MIT
 *
 * What a hoop_tls is made of: files, versions, application protocols, and other names of a
 * server.
 */
#include <fcntl.h>

#include "tls_pair.h"

/* ---- files ---- */

static void assert_not_made(hoop_tls *(*make)(const hoop_tls_options *), hoop_tls_options options,
                            int error)
{
    assert_null(make(&options));
    assert_int_equal(hoop_last_error(), error);
}

/* A file of the folder with this text. */
static const char *write_file(const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", identity_folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void a_file_that_is_missing_is_named_as_such(void **state)
{
    (void)state;
    const char *none = "/nowhere/to/be/found.pem";
    assert_not_made(hoop_tls_client_new, (hoop_tls_options){.authority = none}, -ENOENT);
    assert_not_made(hoop_tls_client_new, (hoop_tls_options){.certificate = none}, -ENOENT);
    assert_not_made(hoop_tls_server_new, (hoop_tls_options){.certificate = none}, -ENOENT);
    assert_not_made(hoop_tls_server_new,
                    (hoop_tls_options){.certificate = server_identity.path, .key = none}, -ENOENT);
}

static void a_file_with_something_else_is_an_error_of_tls(void **state)
{
    (void)state;
    const char *path = write_file("something.pem", "something else\n");
    assert_not_made(hoop_tls_client_new, (hoop_tls_options){.authority = path}, HOOP_ETLS);
    assert_not_made(hoop_tls_server_new, (hoop_tls_options){.certificate = path}, HOOP_ETLS);
    assert_non_null(strstr(hoop_tls_last_message(), "no start line"));
}

static void another_ones_key_is_an_error_of_tls(void **state)
{
    (void)state;
    assert_not_made(
        hoop_tls_server_new,
        (hoop_tls_options){.certificate = server_identity.path, .key = client_identity.path},
        HOOP_ETLS);
    assert_string_equal(hoop_tls_last_message(), "key values mismatch");
}

static void a_key_with_a_password_is_refused_and_asks_nobody(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/locked.pem", identity_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, server_identity.key, EVP_aes_128_cbc(),
                                          (const unsigned char *)"secret", 6, NULL, NULL),
                     1);
    fclose(file);
    assert_not_made(hoop_tls_server_new,
                    (hoop_tls_options){.certificate = server_identity.path, .key = path},
                    HOOP_ETLS);
}

IN_A_TASK(the_message_of_a_file_comes_with_the_error)
{
    assert_null(hoop_tls_server_new(
        &(hoop_tls_options){.certificate = server_identity.path, .key = client_identity.path}));
    assert_string_equal(hoop_error_message(), "key values mismatch");
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const char *empty[] = {"h2", "", NULL};
    const char *path = server_identity.path;
    assert_not_made(hoop_tls_server_new, (hoop_tls_options){0}, -EINVAL);
    assert_not_made(hoop_tls_server_new,
                    (hoop_tls_options){.certificate = path, .require_client = true}, -EINVAL);
    assert_not_made(hoop_tls_client_new, (hoop_tls_options){.key = path}, -EINVAL);
    assert_not_made(hoop_tls_client_new, (hoop_tls_options){.alpn = empty}, -EINVAL);
    assert_not_made(hoop_tls_client_new, (hoop_tls_options){.least = (hoop_tls_version)7}, -EINVAL);
}

static void a_null_is_no_reference(void **state)
{
    (void)state;
    assert_null(hoop_tls_ref(NULL));
    hoop_tls_unref(NULL);
}

/* ---- versions ---- */

static const char *version_of(hoop_tls_options client, hoop_tls_options server, int most)
{
    static char version[16];
    struct pair pair;
    pair_open_with(&pair, client_tls_with(client), server_tls_with(server), NULL);
    SSL_CTX_set_max_proto_version(hoop_tls_context(pair.client.tls), most);
    pair_start(&pair);
    snprintf(version, sizeof version, "%s",
             pair.client.result == 0 ? SSL_get_version(hoop_stream_ssl(pair.client.stream))
                                     : hoop_error_name(pair.client.result));
    pair_abort(&pair);
    return version;
}

IN_A_TASK(the_newest_version_of_both_is_spoken)
{
    hoop_tls_options any = {0}, newest = {.least = HOOP_TLS_1_3};
    assert_string_equal(version_of(any, any, 0), "TLSv1.3");
    assert_string_equal(version_of(any, any, TLS1_2_VERSION), "TLSv1.2");
    assert_string_equal(version_of(newest, newest, 0), "TLSv1.3");
}

IN_A_TASK(what_is_older_than_the_least_version_is_refused)
{
    hoop_tls_options any = {0}, newest = {.least = HOOP_TLS_1_3};
    assert_string_equal(version_of(any, newest, TLS1_2_VERSION), "HOOP_ETLS");
    assert_string_equal(version_of(any, any, TLS1_1_VERSION), "HOOP_ETLS");
}

IN_A_TASK(a_stream_without_tls_has_no_ssl_and_no_protocol)
{
    hoop_stream *one, *other;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    assert_null(hoop_stream_ssl(one));
    assert_string_equal(hoop_stream_alpn(one), "");
    hoop_stream_abort(one);
    hoop_stream_abort(other);
}

/* ---- application protocols ---- */

/* What both have agreed on; "HOOP_ETLS" if the handshake failed. */
static const char *agreed(const char *const *client, const char *const *server)
{
    static char protocol[16];
    struct pair pair;
    pair_open_with(&pair, client_tls_with((hoop_tls_options){.alpn = client}),
                   server_tls_with((hoop_tls_options){.alpn = server}), NULL);
    pair_start(&pair);
    if (pair.client.result == 0) {
        snprintf(protocol, sizeof protocol, "%s", hoop_stream_alpn(pair.client.stream));
        assert_string_equal(hoop_stream_alpn(pair.server.stream), protocol);
    } else {
        assert_int_equal(pair.server.result, HOOP_ETLS);
        snprintf(protocol, sizeof protocol, "%s", hoop_error_name(pair.client.result));
    }
    pair_abort(&pair);
    return protocol;
}

IN_A_TASK(the_servers_favourite_of_the_protocols_that_both_know_is_agreed_on)
{
    const char *const client[] = {"a", "http/1.1", "h2", NULL};
    const char *const server[] = {"h3", "h2", "http/1.1", NULL};
    assert_string_equal(agreed(client, server), "h2");
}

IN_A_TASK(without_a_protocol_on_one_side_none_is_agreed_on)
{
    const char *const some[] = {"h2", NULL};
    const char *const none[] = {NULL};
    assert_string_equal(agreed(some, NULL), "");
    assert_string_equal(agreed(NULL, some), "");
    assert_string_equal(agreed(none, some), "");
    assert_string_equal(agreed(NULL, NULL), "");
}

IN_A_TASK(a_client_that_knows_other_protocols_only_is_refused)
{
    const char *const client[] = {"h2", NULL};
    const char *const server[] = {"http/1.1", NULL};
    assert_string_equal(agreed(client, server), "HOOP_ETLS");
}

/* ---- names of a server ---- */

/* A server that is called NAME, with a certificate for it. */
static hoop_tls *server_called(const char *name, hoop_tls_options options)
{
    char subjects[64];
    snprintf(subjects, sizeof subjects, "DNS:%s", name);
    struct identity identity =
        identity_new(&(struct identity_request){.name = name, .subjects = subjects}, &authority);
    options.certificate = identity.path;
    hoop_tls *tls = server_tls_with(options);
    identity_free(&identity);
    return tls;
}

/* A client asks SERVER for NAME and gets the certificate of EXPECTED; NULL: one that it refuses.
 */
static void assert_answers(hoop_tls *server, const char *name, const char *expected)
{
    char subject[64] = "";
    struct pair pair;
    pair_open_with(&pair, client_tls_with((hoop_tls_options){0}), hoop_tls_ref(server), NULL);
    pair.client.name = name;
    pair_start(&pair);
    if (expected == NULL) {
        assert_int_equal(pair.client.result, HOOP_ECERTIFICATE);
    } else {
        pair_started(&pair);
        X509_NAME *peer =
            X509_get_subject_name(SSL_get0_peer_certificate(hoop_stream_ssl(pair.client.stream)));
        X509_NAME_get_text_by_NID(peer, NID_commonName, subject, sizeof subject);
        assert_string_equal(subject, expected);
    }
    pair_abort(&pair);
}

static void add_name(hoop_tls *tls, const char *name, const char *certificate)
{
    hoop_tls *other = server_called(certificate, (hoop_tls_options){0});
    assert_int_equal(hoop_tls_add_name(tls, name, other), 0);
    hoop_tls_unref(other);
}

IN_A_TASK(a_server_answers_with_the_certificate_for_the_name)
{
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    add_name(server, "one.example", "one.example");
    add_name(server, "*.two.example", "*.two.example");
    add_name(server, "special.two.example", "special.two.example");
    assert_answers(server, "example.org", "server");
    assert_answers(server, "one.example", "one.example");
    assert_answers(server, "ONE.example", "one.example");
    assert_answers(server, "www.two.example", "*.two.example");
    assert_answers(server, "special.two.example", "special.two.example");
    hoop_tls_unref(server);
}

IN_A_TASK(a_star_stands_for_one_label)
{
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    add_name(server, "*.two.example", "*.two.example");
    assert_answers(server, "two.example", NULL);
    assert_answers(server, "a.b.two.example", NULL);
    hoop_tls_unref(server);
}

IN_A_TASK(a_name_has_its_own_rules)
{
    static const char *const alpn[] = {"h2", NULL};
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    hoop_tls *strict = server_called(
        "strict.example",
        (hoop_tls_options){.alpn = alpn, .authority = authority.path, .require_client = true});
    assert_int_equal(hoop_tls_add_name(server, "strict.example", strict), 0);
    for (int i = 0; i < 2; i++) {
        struct pair pair;
        hoop_tls_options client = {.alpn = alpn,
                                   .certificate = i == 0 ? NULL : client_identity.path};
        pair_open_with(&pair, client_tls_with(client), hoop_tls_ref(server), NULL);
        pair.client.name = "strict.example";
        pair_start(&pair);
        assert_int_equal(pair.server.result, i == 0 ? HOOP_ECERTIFICATE : 0);
        assert_string_equal(hoop_stream_alpn(pair.client.stream), "h2");
        pair_abort(&pair);
    }
    hoop_tls_unref(strict);
    hoop_tls_unref(server);
}

static void a_name_needs_a_server_and_another_one(void **state)
{
    (void)state;
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    hoop_tls *other = server_tls_with((hoop_tls_options){0});
    hoop_tls *client = client_tls_with((hoop_tls_options){0});
    assert_int_equal(hoop_tls_add_name(server, "example.com", client), -EINVAL);
    assert_int_equal(hoop_tls_add_name(client, "example.com", server), -EINVAL);
    assert_int_equal(hoop_tls_add_name(server, "example.com", server), -EINVAL);
    assert_int_equal(hoop_tls_add_name(server, "", other), -EINVAL);
    assert_int_equal(hoop_tls_add_name(server, "example.com", other), 0);
    assert_int_equal(hoop_tls_add_name(other, "example.net", server), -EINVAL);
    hoop_tls_unref(server);
    hoop_tls_unref(other);
    hoop_tls_unref(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_file_that_is_missing_is_named_as_such),
        BEHAVIOUR(a_file_with_something_else_is_an_error_of_tls),
        BEHAVIOUR(another_ones_key_is_an_error_of_tls),
        BEHAVIOUR(a_key_with_a_password_is_refused_and_asks_nobody),
        BEHAVIOUR(the_message_of_a_file_comes_with_the_error),
        BEHAVIOUR(options_that_make_no_sense_are_refused),
        BEHAVIOUR(a_null_is_no_reference),
        BEHAVIOUR(the_newest_version_of_both_is_spoken),
        BEHAVIOUR(what_is_older_than_the_least_version_is_refused),
        BEHAVIOUR(a_stream_without_tls_has_no_ssl_and_no_protocol),
        BEHAVIOUR(the_servers_favourite_of_the_protocols_that_both_know_is_agreed_on),
        BEHAVIOUR(without_a_protocol_on_one_side_none_is_agreed_on),
        BEHAVIOUR(a_client_that_knows_other_protocols_only_is_refused),
        BEHAVIOUR(a_server_answers_with_the_certificate_for_the_name),
        BEHAVIOUR(a_star_stands_for_one_label),
        BEHAVIOUR(a_name_has_its_own_rules),
        BEHAVIOUR(a_name_needs_a_server_and_another_one),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
