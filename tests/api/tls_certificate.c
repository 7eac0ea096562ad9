/* SPDX-License-Identifier: MIT
 *
 * Whom a client and a server believe, and what they say of whom they do not.
 */
#include "tls_pair.h"

static hoop_tls *server_of(const struct identity *identity)
{
    return server_tls_with((hoop_tls_options){.certificate = identity->path});
}

/* The client asks for NAME, and SERVER answers. */
static void assert_client_says(hoop_tls *client, hoop_tls *server, const char *name, int result,
                               const char *message)
{
    struct pair pair;
    pair_open_with(&pair, client, server, NULL);
    pair.client.name = name;
    pair_start(&pair);
    assert_string_equal(pair.client.message, message);
    assert_int_equal(pair.client.result, result);
    if (result < 0) {
        assert_int_equal(pair.server.result, HOOP_ETLS); /* it was told */
    } else {
        assert_int_equal(pair.server.result, 0);
    }
    pair_abort(&pair);
}

static void assert_refused(struct identity *identity, const char *name, const char *message)
{
    assert_client_says(client_tls_with((hoop_tls_options){0}), server_of(identity), name,
                       HOOP_ECERTIFICATE, message);
}

static void assert_refused_if(const struct identity_request *request, const char *message)
{
    struct identity identity = identity_new(request, &authority);
    assert_refused(&identity, "example.org", message);
    identity_free(&identity);
}

static void assert_accepted(const char *name)
{
    assert_client_says(client_tls_with((hoop_tls_options){0}), server_of(&server_identity), name, 0,
                       "");
}

IN_A_TASK(a_certificate_for_the_name_is_accepted)
{
    assert_accepted("example.org");
    assert_accepted("EXAMPLE.org");
    assert_accepted("www.example.net");
}

IN_A_TASK(a_name_may_end_with_a_dot)
{
    assert_accepted("example.org.");
}

IN_A_TASK(a_certificate_for_the_address_is_accepted)
{
    assert_accepted("127.0.0.1");
    assert_accepted("::1");
}

IN_A_TASK(a_certificate_for_another_name_is_refused)
{
    assert_refused(&server_identity, "example.com", "certificate verify failed: hostname mismatch");
    assert_refused(&server_identity, "www.example.org",
                   "certificate verify failed: hostname mismatch");
    assert_refused(&server_identity, "a.b.example.net",
                   "certificate verify failed: hostname mismatch");
}

IN_A_TASK(a_certificate_for_another_address_is_refused)
{
    assert_refused(&server_identity, "127.0.0.2", "certificate verify failed: IP address mismatch");
}

IN_A_TASK(a_common_name_is_no_name_of_a_server_with_others)
{
    struct identity identity = identity_new(
        &(struct identity_request){.name = "example.org", .subjects = "DNS:example.com"},
        &authority);
    assert_refused(&identity, "example.org", "certificate verify failed: hostname mismatch");
    identity_free(&identity);
}

IN_A_TASK(an_expired_certificate_is_refused)
{
    assert_refused_if(
        &(struct identity_request){
            .name = "expired", .subjects = "DNS:example.org", .begins_in = -7200, .ends_in = -3600},
        "certificate verify failed: certificate has expired");
}

IN_A_TASK(a_certificate_that_is_not_valid_yet_is_refused)
{
    assert_refused_if(
        &(struct identity_request){
            .name = "early", .subjects = "DNS:example.org", .begins_in = 3600, .ends_in = 7200},
        "certificate verify failed: certificate is not yet valid");
}

IN_A_TASK(a_certificate_that_nobody_vouches_for_is_refused)
{
    assert_refused(&stranger, "example.org", "certificate verify failed: self-signed certificate");
}

IN_A_TASK(a_certificate_of_an_unknown_authority_is_refused)
{
    struct identity other = identity_new(
        &(struct identity_request){.name = "other_authority", .is_authority = true}, NULL);
    struct identity identity = identity_new(
        &(struct identity_request){.name = "foreign", .subjects = "DNS:example.org"}, &other);
    assert_refused(&identity, "example.org",
                   "certificate verify failed: unable to get local issuer certificate");
    identity_free(&identity);
    identity_free(&other);
}

IN_A_TASK(the_systems_authorities_do_not_know_ours)
{
    hoop_tls *client = hoop_tls_client_new(NULL);
    assert_non_null(client);
    assert_client_says(client, server_of(&server_identity), "example.org", HOOP_ECERTIFICATE,
                       "certificate verify failed: unable to get local issuer certificate");
}

IN_A_TASK(a_client_that_does_not_verify_takes_any_certificate_and_needs_no_name)
{
    for (int i = 0; i < 2; i++) {
        hoop_tls *client = hoop_tls_client_new(&(hoop_tls_options){.no_verify = true});
        assert_non_null(client);
        assert_client_says(client, server_of(&stranger), i == 0 ? "example.com" : NULL, 0, "");
    }
}

IN_A_TASK(a_client_that_verifies_needs_a_name)
{
    struct pair pair;
    pair_open_with(&pair, client_tls_with((hoop_tls_options){0}), server_of(&server_identity),
                   NULL);
    assert_int_equal(hoop_stream_start_tls(pair.client.stream, pair.client.tls, NULL), -EINVAL);
    assert_int_equal(hoop_stream_start_tls(pair.client.stream, pair.client.tls, ""), -EINVAL);
    assert_passes(pair.client.stream, pair.server.stream, "still in the clear");
    pair_abort(&pair);
}

IN_A_TASK(an_authority_may_be_a_folder_of_certificates)
{
    char folder[96], from[256], to[256];
    snprintf(folder, sizeof folder, "%s", identity_folder);
    snprintf(from, sizeof from, "%s", authority.path);
    snprintf(to, sizeof to, "%s/%08lx.0", folder, X509_subject_name_hash(authority.certificate));
    assert_int_equal(symlink(from, to), 0);
    assert_client_says(client_tls_with((hoop_tls_options){.authority = folder}),
                       server_of(&server_identity), "example.org", 0, "");
    unlink(to);
}

/* ---- clients with certificates ---- */

/* What the server says of a client with this certificate (NULL: none). */
static void assert_server_says(hoop_tls_options server, const struct identity *identity,
                               hoop_tls_version least, int result, const char *message)
{
    struct pair pair;
    hoop_tls_options client = {.certificate = identity != NULL ? identity->path : NULL,
                               .least = least};
    pair_open_with(&pair, client_tls_with(client), server_tls_with(server), NULL);
    if (least == HOOP_TLS_1_2)
        SSL_CTX_set_max_proto_version(hoop_tls_context(pair.client.tls), TLS1_2_VERSION);
    pair_start(&pair);
    assert_string_equal(pair.server.message, message);
    assert_int_equal(pair.server.result, result);
    if (pair.client.result == 0 && result < 0) { /* in TLS 1.3 it hears of it later */
        char byte;
        assert_int_equal(hoop_stream_read(pair.client.stream, &byte, 1), HOOP_ETLS);
        assert_non_null(strstr(hoop_tls_last_message(), "alert"));
    } else {
        assert_int_equal(pair.client.result, result < 0 ? HOOP_ETLS : 0);
    }
    pair_abort(&pair);
}

static void assert_of_clients(bool is_required, const struct identity *identity, int result,
                              const char *message)
{
    hoop_tls_options server = {.authority = authority.path, .require_client = is_required};
    assert_server_says(server, identity, HOOP_TLS_1_2, result, message);
    assert_server_says(server, identity, HOOP_TLS_1_3, result, message);
}

IN_A_TASK(a_client_with_the_certificate_that_is_required_is_accepted)
{
    assert_of_clients(true, &client_identity, 0, "");
}

IN_A_TASK(a_client_without_the_certificate_that_is_required_is_refused)
{
    assert_of_clients(true, NULL, HOOP_ECERTIFICATE, "peer did not return a certificate");
}

IN_A_TASK(a_client_with_a_strange_certificate_is_refused)
{
    assert_of_clients(true, &stranger, HOOP_ECERTIFICATE,
                      "certificate verify failed: self-signed certificate");
    assert_of_clients(false, &stranger, HOOP_ECERTIFICATE,
                      "certificate verify failed: self-signed certificate");
}

IN_A_TASK(a_client_may_have_no_certificate_where_none_is_required)
{
    assert_of_clients(false, NULL, 0, "");
    assert_of_clients(false, &client_identity, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_certificate_for_the_name_is_accepted),
        BEHAVIOUR(a_name_may_end_with_a_dot),
        BEHAVIOUR(a_certificate_for_the_address_is_accepted),
        BEHAVIOUR(a_certificate_for_another_name_is_refused),
        BEHAVIOUR(a_certificate_for_another_address_is_refused),
        BEHAVIOUR(a_common_name_is_no_name_of_a_server_with_others),
        BEHAVIOUR(an_expired_certificate_is_refused),
        BEHAVIOUR(a_certificate_that_is_not_valid_yet_is_refused),
        BEHAVIOUR(a_certificate_that_nobody_vouches_for_is_refused),
        BEHAVIOUR(a_certificate_of_an_unknown_authority_is_refused),
        BEHAVIOUR(the_systems_authorities_do_not_know_ours),
        BEHAVIOUR(a_client_that_does_not_verify_takes_any_certificate_and_needs_no_name),
        BEHAVIOUR(a_client_that_verifies_needs_a_name),
        BEHAVIOUR(an_authority_may_be_a_folder_of_certificates),
        BEHAVIOUR(a_client_with_the_certificate_that_is_required_is_accepted),
        BEHAVIOUR(a_client_without_the_certificate_that_is_required_is_refused),
        BEHAVIOUR(a_client_with_a_strange_certificate_is_refused),
        BEHAVIOUR(a_client_may_have_no_certificate_where_none_is_required),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
