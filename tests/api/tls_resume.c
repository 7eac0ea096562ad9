/* SPDX-License-Identifier: MIT
 *
 * Sessions that are resumed, and those that must not be.
 */
#include <pthread.h>

#include "tls_pair.h"

/* Connects, lets a byte go each way, so that the client hears of tickets, and closes; was the
 * session of an earlier connection resumed? */
static bool resumes(hoop_tls *client, hoop_tls *server, const char *name)
{
    struct pair pair;
    pair_open_with(&pair, hoop_tls_ref(client), hoop_tls_ref(server), NULL);
    pair.client.name = name;
    pair_start(&pair);
    pair_started(&pair);
    assert_passes(pair.client.stream, pair.server.stream, "a");
    assert_passes(pair.server.stream, pair.client.stream, "b");
    bool is_resumed = SSL_session_reused(hoop_stream_ssl(pair.client.stream)) == 1;
    assert_int_equal(SSL_session_reused(hoop_stream_ssl(pair.server.stream)), is_resumed);
    pair_close(&pair);
    return is_resumed;
}

static hoop_tls *client_of(int version)
{
    hoop_tls *tls = client_tls_with((hoop_tls_options){.certificate = client_identity.path});
    SSL_CTX_set_max_proto_version(hoop_tls_context(tls), version);
    return tls;
}

static void assert_resumes(int version, hoop_tls_options options)
{
    hoop_tls *client = client_of(version);
    hoop_tls *server = server_tls_with(options);
    assert_false(resumes(client, server, "example.org"));
    for (int i = 0; i < 8; i++)
        assert_true(resumes(client, server, "example.org"));
    hoop_tls_unref(client);
    hoop_tls_unref(server);
}

IN_A_TASK(a_client_resumes_its_session_in_tls_1_3)
{
    assert_resumes(TLS1_3_VERSION, (hoop_tls_options){0});
}

IN_A_TASK(a_client_resumes_its_session_in_tls_1_2)
{
    assert_resumes(TLS1_2_VERSION, (hoop_tls_options){0});
}

IN_A_TASK(a_client_with_a_certificate_resumes_its_session)
{
    hoop_tls_options server = {.authority = authority.path, .require_client = true};
    assert_resumes(TLS1_2_VERSION, server);
    assert_resumes(TLS1_3_VERSION, server);
}

IN_A_TASK(a_session_is_for_one_name)
{
    hoop_tls *client = client_of(0);
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    assert_false(resumes(client, server, "example.org"));
    assert_false(resumes(client, server, "www.example.net"));
    assert_true(resumes(client, server, "EXAMPLE.org"));
    hoop_tls_unref(client);
    hoop_tls_unref(server);
}

IN_A_TASK(a_session_is_for_one_server)
{
    hoop_tls *client = client_of(0);
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    hoop_tls *other = server_tls_with((hoop_tls_options){0});
    assert_false(resumes(client, server, "example.org"));
    assert_false(resumes(client, other, "example.org"));
    hoop_tls_unref(client);
    hoop_tls_unref(server);
    hoop_tls_unref(other);
}

IN_A_TASK(a_session_is_for_one_client)
{
    hoop_tls *client = client_of(0), *other = client_of(0);
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    assert_false(resumes(client, server, "example.org"));
    assert_false(resumes(other, server, "example.org"));
    hoop_tls_unref(client);
    hoop_tls_unref(other);
    hoop_tls_unref(server);
}

IN_A_TASK(a_server_without_tickets_lets_no_session_be_resumed)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        hoop_tls *client = client_of(version);
        hoop_tls *server = server_tls_with((hoop_tls_options){.no_tickets = true});
        assert_false(resumes(client, server, "example.org"));
        assert_false(resumes(client, server, "example.org"));
        hoop_tls_unref(client);
        hoop_tls_unref(server);
    }
}

/* Whoever listens could tell that two connections with the same ticket are one client's. */
IN_A_TASK(a_ticket_is_used_once)
{
    struct pair pairs[3];
    hoop_task *tasks[3];
    hoop_tls *client = client_of(TLS1_3_VERSION);
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    assert_false(resumes(client, server, "example.org")); /* which gives two */
    for (size_t i = 0; i < 3; i++) {
        pair_open_with(&pairs[i], hoop_tls_ref(client), hoop_tls_ref(server), NULL);
        tasks[i] = hoop_create_task(start_tls, &pairs[i].client);
    }
    let_one_iteration_pass(); /* all have asked */
    for (size_t i = 0; i < 3; i++) {
        start_tls(&pairs[i].server);
        assert_int_equal(hoop_await(tasks[i]), 0);
        pair_started(&pairs[i]);
        assert_int_equal(SSL_session_reused(hoop_stream_ssl(pairs[i].client.stream)), i < 2);
    }
    for (size_t i = 0; i < 3; i++)
        pair_abort(&pairs[i]);
    hoop_tls_unref(client);
    hoop_tls_unref(server);
}

IN_A_TASK(a_client_keeps_so_many_sessions_and_no_more)
{
    hoop_tls *client = client_of(0);
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    size_t before = hoop_testing_live_allocations();
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "host%d.example.net", i);
        assert_false(resumes(client, server, name));
    }
    /* Some 64 of 100, with two allocations each, and what the loop keeps. */
    size_t kept = hoop_testing_live_allocations() - before;
    assert_true(kept >= 64 * 2 && kept < 64 * 2 + 10);
    assert_true(resumes(client, server, "host49.example.net"));
    assert_false(resumes(client, server, "host0.example.net"));
    hoop_tls_unref(client);
    hoop_tls_unref(server);
}

/* What a client does that has a session for one name, and asks for another. */
static void ask_for_another(const SSL *ssl, int where, int value)
{
    (void)value;
    if (where == SSL_CB_HANDSHAKE_START)
        assert_int_equal(SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, "www.example.net"), 1);
}

/* A session that began where no client's certificate is asked for is no way in where one is. */
IN_A_TASK(a_session_does_not_pass_from_one_of_a_servers_names_to_another)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        hoop_tls *server = server_tls_with((hoop_tls_options){0});
        hoop_tls *strict = server_tls_with(
            (hoop_tls_options){.authority = authority.path, .require_client = true});
        assert_int_equal(hoop_tls_add_name(server, "www.example.net", strict), 0);
        hoop_tls *client = client_tls_with((hoop_tls_options){0});
        SSL_CTX_set_max_proto_version(hoop_tls_context(client), version);
        assert_false(resumes(client, server, "example.org"));
        assert_true(resumes(client, server, "example.org"));

        struct pair pair;
        pair_open_with(&pair, client, server, NULL);
        SSL_CTX_set_info_callback(hoop_tls_context(client), ask_for_another);
        pair_start(&pair);
        assert_int_equal(pair.server.result, HOOP_ECERTIFICATE);
        pair_abort(&pair);
        hoop_tls_unref(strict);
    }
}

/* ---- several threads ---- */

static hoop_tls *shared_client, *shared_server;

static int64_t start_and_say(void *arg)
{
    hoop_stream *stream = arg;
    int64_t rc = hoop_stream_start_tls(stream, shared_server, NULL);
    if (rc == 0)
        rc = hoop_stream_write(stream, "x", 1);
    int closed = hoop_stream_close(stream);
    return rc < 0 ? rc : closed;
}

/* One connection, of which nothing is asserted here, as cmocka knows one thread only. */
static int64_t connect_once(bool *ret_resumed)
{
    char byte;
    hoop_stream *stream, *other;
    int64_t rc = hoop_stream_pair(NULL, &stream, &other);
    if (rc < 0)
        return rc;
    hoop_task *task = hoop_create_task(start_and_say, other);
    rc = hoop_stream_start_tls(stream, shared_client, "example.org");
    if (rc == 0)
        rc = hoop_stream_readexactly(stream, &byte, 1);
    *ret_resumed = SSL_session_reused(hoop_stream_ssl(stream)) == 1;
    int closed = hoop_stream_close(stream);
    int64_t awaited = hoop_await(task);
    return rc < 0 ? rc : awaited < 0 ? awaited : closed;
}

#define CONNECTIONS 40

/* How many of this thread's connections were resumed; or an error. */
static int64_t connect_often(void *arg)
{
    (void)arg;
    int64_t resumed = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        bool is_resumed = false;
        int64_t rc = connect_once(&is_resumed);
        if (rc < 0)
            return rc;
        resumed += is_resumed;
    }
    return resumed;
}

static void *run_thread(void *ret_result)
{
    *(int64_t *)ret_result = hoop_run(connect_often, NULL);
    return NULL;
}

static void threads_share_a_client_and_its_sessions(void **state)
{
    (void)state;
    pthread_t threads[3];
    int64_t results[3];
    shared_client = client_of(0);
    shared_server = server_tls_with((hoop_tls_options){0});
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &results[i]), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    /* Each thread finds none at most as often as others have taken all that there were. */
    for (size_t i = 0; i < 3; i++)
        assert_true(results[i] > 0 && results[i] <= CONNECTIONS);
    hoop_tls_unref(shared_client);
    hoop_tls_unref(shared_server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_client_resumes_its_session_in_tls_1_3),
        BEHAVIOUR(a_client_resumes_its_session_in_tls_1_2),
        BEHAVIOUR(a_client_with_a_certificate_resumes_its_session),
        BEHAVIOUR(a_session_is_for_one_name),
        BEHAVIOUR(a_session_is_for_one_server),
        BEHAVIOUR(a_session_is_for_one_client),
        BEHAVIOUR(a_server_without_tickets_lets_no_session_be_resumed),
        BEHAVIOUR(a_ticket_is_used_once),
        BEHAVIOUR(a_client_keeps_so_many_sessions_and_no_more),
        BEHAVIOUR(a_session_does_not_pass_from_one_of_a_servers_names_to_another),
        BEHAVIOUR(threads_share_a_client_and_its_sessions),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
