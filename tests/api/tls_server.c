/* SPDX-License-Identifier: MIT
 *
 * Servers and connections that speak TLS from their first byte on.
 */
#include "tls_pair.h"

/* A server on a Unix socket whose clients get back what they send; and its client's TLS. */
struct service {
    hoop_server *server;
    hoop_tls *server_tls;
    hoop_tls *client_tls;
    char path[128];
};

static int64_t echo(hoop_stream *stream, void *arg)
{
    char buffer[512];
    int64_t size;
    (void)arg;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
    return size;
}

static void service_open(struct service *service)
{
    snprintf(service->path, sizeof service->path, "%s/service", identity_folder);
    service->server_tls = server_tls_with((hoop_tls_options){0});
    service->client_tls = client_tls_with((hoop_tls_options){0});
    hoop_server_options options = {.tls = service->server_tls, .stream = {.tls_timeout = 5}};
    assert_int_equal(hoop_start_unix_server(echo, NULL, service->path, &options, &service->server),
                     0);
}

static void service_close(struct service *service)
{
    assert_int_equal(hoop_server_shutdown(service->server, 100), 0);
    hoop_server_free(service->server);
    hoop_tls_unref(service->server_tls);
    hoop_tls_unref(service->client_tls);
}

static int open_client(const struct service *service, const char *name, hoop_stream **ret_stream)
{
    hoop_connection_options options = {.tls = service->client_tls, .server_name = name};
    return hoop_open_unix_connection(service->path, &options, ret_stream);
}

static hoop_stream *open_plainly(const struct service *service)
{
    hoop_stream *stream;
    assert_int_equal(hoop_open_unix_connection(service->path, NULL, &stream), 0);
    return stream;
}

static void assert_serves(const struct service *service)
{
    hoop_stream *stream;
    assert_int_equal(open_client(service, "example.org", &stream), 0);
    assert_string_equal(SSL_get_version(hoop_stream_ssl(stream)), "TLSv1.3");
    assert_passes(stream, stream, "hello");
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(a_server_speaks_tls_with_its_clients)
{
    struct service service;
    service_open(&service);
    assert_serves(&service);
    assert_serves(&service);
    service_close(&service);
}

IN_A_TASK(a_client_refuses_a_server_of_another_name)
{
    struct service service;
    hoop_stream *stream;
    service_open(&service);
    assert_int_equal(open_client(&service, "example.com", &stream), HOOP_ECERTIFICATE);
    assert_string_equal(hoop_error_message(), "certificate verify failed: hostname mismatch");
    assert_serves(&service);
    service_close(&service);
}

IN_A_TASK(a_client_that_speaks_no_tls_harms_nobody)
{
    struct service service;
    char buffer[64];
    service_open(&service);
    hoop_stream *stream = open_plainly(&service);
    assert_int_equal(hoop_stream_write(stream, "HELO example.org\r\n", 18), 18);
    assert_serves(&service);
    int64_t size;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        ; /* an alert */
    assert_true(size == 0 || size == -ECONNRESET);
    hoop_stream_abort(stream);
    service_close(&service);
}

IN_A_TASK(a_client_that_says_nothing_is_dropped_in_time)
{
    struct service service;
    char byte;
    service_open(&service);
    hoop_stream *stream = open_plainly(&service);
    double before = hoop_time(hoop_running_loop());
    assert_serves(&service);
    assert_int_equal(hoop_stream_read(stream, &byte, 1), 0);
    assert_true(hoop_time(hoop_running_loop()) == before + 5);
    hoop_stream_abort(stream);
    service_close(&service);
}

IN_A_TASK(a_shutdown_cancels_handshakes_too)
{
    struct service service;
    service_open(&service);
    hoop_stream *stream = open_plainly(&service);
    let_others_wait();
    assert_int_equal(hoop_server_client_count(service.server), 1);
    assert_true(hoop_server_shutdown(service.server, 0) >= 0);
    assert_int_equal(hoop_server_client_count(service.server), 0);
    hoop_stream_abort(stream);
    service_close(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_server_speaks_tls_with_its_clients),
        BEHAVIOUR(a_client_refuses_a_server_of_another_name),
        BEHAVIOUR(a_client_that_speaks_no_tls_harms_nobody),
        BEHAVIOUR(a_client_that_says_nothing_is_dropped_in_time),
        BEHAVIOUR(a_shutdown_cancels_handshakes_too),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
