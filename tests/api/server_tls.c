/* SPDX-License-Identifier: MIT
 *
 * Servers that speak TLS, and who connects to them.
 */
#include "network.h"
#include "tls_identity.h"

static hoop_server *serve_tls(hoop_client_fn fn, void *arg, const hoop_stream_options *stream)
{
    hoop_tls *tls = server_tls_with((hoop_tls_options){0});
    hoop_server_options options = {.tls = tls};
    if (stream != NULL)
        options.stream = *stream;
    hoop_server *server = serve_with(fn, arg, &options);
    hoop_tls_unref(tls);
    return server;
}

/* Connects, asking for NAME's certificate (NULL: the host's). */
static int connect_tls(const hoop_server *server, const char *name, hoop_stream **ret_stream)
{
    hoop_tls *tls = client_tls_with((hoop_tls_options){0});
    const hoop_connection_options options = {.tls = tls, .server_name = name};
    int rc = hoop_open_connection("127.0.0.1", port_of(server), &options, ret_stream);
    hoop_tls_unref(tls);
    return rc;
}

static int64_t count_client(hoop_stream *stream, void *arg)
{
    (*(unsigned *)arg)++;
    return echo(stream, NULL);
}

IN_A_TASK(clients_are_served_through_tls)
{
    hoop_server *server = serve_tls(echo, NULL, NULL);
    hoop_stream *stream;
    assert_int_equal(connect_tls(server, "example.org", &stream), 0);
    assert_non_null(hoop_stream_ssl(stream));
    assert_echoes(stream, "secret");
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(a_connection_to_somebody_else_is_refused_and_closed)
{
    unsigned clients = 0;
    hoop_server *server = serve_tls(count_client, &clients, NULL);
    hoop_stream *stream = NULL;
    assert_int_equal(connect_tls(server, "example.com", &stream), HOOP_ECERTIFICATE);
    assert_null(stream);
    end_server(server);
    assert_int_equal(clients, 0);
}

IN_A_TASK(clients_that_send_garbage_never_come_to_the_function_and_are_no_news)
{
    unsigned clients = 0;
    hoop_server *server = serve_tls(count_client, &clients, NULL);
    hoop_stream *garbage = connect_to(server), *stream;
    char text[64];
    assert_int_equal(hoop_stream_write(garbage, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    while (hoop_stream_read(garbage, text, sizeof text) > 0)
        ; /* an alert, and the end */
    hoop_stream_abort(garbage);
    assert_int_equal(connect_tls(server, "example.org", &stream), 0);
    assert_echoes(stream, "undisturbed");
    assert_int_equal(clients, 1);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(debug_mode_tells_of_handshakes_that_fail)
{
    struct reports reports = {0};
    hoop_set_exception_handler(hoop_running_loop(), reports_add, &reports);
    hoop_set_debug(hoop_running_loop(), true);
    hoop_server *server = serve_tls(echo, NULL, NULL);
    hoop_stream *garbage = connect_to(server);
    assert_int_equal(hoop_stream_write(garbage, "no TLS at all, really", 21), 21);
    hoop_server_close(server);
    assert_int_equal(hoop_server_wait_closed(server), 0);
    hoop_server_free(server);
    hoop_stream_abort(garbage);
    hoop_set_debug(hoop_running_loop(), false);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, HOOP_ETLS);
    assert_string_equal(reports.message, "the TLS handshake of a server's client has failed");
}

IN_A_TASK(clients_that_say_nothing_have_a_limit_of_time)
{
    hoop_server *server = serve_tls(echo, NULL, &(hoop_stream_options){.tls_timeout = 5});
    hoop_stream *silent = connect_to(server);
    let_others_wait();
    assert_int_equal(hoop_server_client_count(server), 1);
    end_server(server);
    assert_true(hoop_time(hoop_running_loop()) >= 5);
    hoop_stream_abort(silent);
}

static void close_clients(hoop_server *server)
{
    hoop_server_close_clients(server);
}

static void abort_clients(hoop_server *server)
{
    hoop_server_abort_clients(server);
}

static void shut_down(hoop_server *server)
{
    assert_int_equal(hoop_server_shutdown(server, 0), 1);
}

IN_A_TASK(clients_can_be_sent_away_in_the_middle_of_a_handshake)
{
    void (*const ways[])(hoop_server *) = {close_clients, abort_clients, shut_down};
    for (int i = 0; i < 3; i++) {
        hoop_server *server = serve_tls(echo, NULL, NULL);
        hoop_stream *silent = connect_to(server);
        let_others_wait();
        ways[i](server);
        end_server(server);
        hoop_stream_abort(silent);
    }
    assert_true(hoop_time(hoop_running_loop()) < 10);
}

IN_A_TASK(over_a_unix_socket_a_client_must_say_whom_it_asks_for)
{
    char name[64];
    hoop_server *server;
    hoop_stream *stream = NULL;
    hoop_tls *server_tls = server_tls_with((hoop_tls_options){0});
    hoop_tls *client_tls = client_tls_with((hoop_tls_options){0});
    snprintf(name, sizeof name, "@hoop-tls-%d", getpid());
    assert_int_equal(hoop_start_unix_server(echo, NULL, name,
                                            &(hoop_server_options){.tls = server_tls}, &server),
                     0);
    hoop_connection_options options = {.tls = client_tls};
    assert_int_equal(hoop_open_unix_connection(name, &options, &stream), -EINVAL);
    options.server_name = "example.org";
    assert_int_equal(hoop_open_unix_connection(name, &options, &stream), 0);
    assert_echoes(stream, "near and secret");
    assert_int_equal(hoop_stream_close(stream), 0);
    hoop_tls_unref(server_tls);
    hoop_tls_unref(client_tls);
    end_server(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(clients_are_served_through_tls),
        BEHAVIOUR(a_connection_to_somebody_else_is_refused_and_closed),
        BEHAVIOUR(clients_that_send_garbage_never_come_to_the_function_and_are_no_news),
        BEHAVIOUR(debug_mode_tells_of_handshakes_that_fail),
        BEHAVIOUR(clients_that_say_nothing_have_a_limit_of_time),
        BEHAVIOUR(clients_can_be_sent_away_in_the_middle_of_a_handshake),
        BEHAVIOUR(over_a_unix_socket_a_client_must_say_whom_it_asks_for),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
