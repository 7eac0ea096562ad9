/* SPDX-License-Identifier: MIT
 *
 * Servers: where they listen, and whom they serve how.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "network.h"

/* ---- serving ---- */

static int64_t count_client(hoop_stream *stream, void *arg)
{
    unsigned *clients = arg;
    (*clients)++;
    return echo(stream, NULL);
}

IN_A_TASK(each_client_has_a_stream_and_a_task_of_its_own)
{
    unsigned clients = 0;
    hoop_server *server = serve(count_client, &clients);
    hoop_stream *one = connect_to(server), *other = connect_to(server);
    assert_echoes(one, "one");
    assert_echoes(other, "other");
    assert_int_equal(clients, 2);
    assert_int_equal(hoop_server_client_count(server), 2);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_echoes(other, "still there");
    assert_int_equal(hoop_stream_close(other), 0);
    end_server(server);
}

static int64_t say_hello(hoop_stream *stream, void *arg)
{
    (void)arg;
    return hoop_stream_write(stream, "hello", 5);
}

IN_A_TASK(a_stream_is_closed_when_its_function_returns_after_all_was_sent)
{
    hoop_server *server = serve(say_hello, NULL);
    hoop_stream *stream = connect_to(server);
    char text[6] = "";
    assert_int_equal(hoop_stream_readexactly(stream, text, 5), 5);
    assert_string_equal(text, "hello");
    assert_is_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

static int64_t close_itself(hoop_stream *stream, void *arg)
{
    *(int *)arg = hoop_stream_close(stream);
    return 0;
}

IN_A_TASK(a_function_may_close_its_stream_itself)
{
    int closed = 1;
    hoop_server *server = serve(close_itself, &closed);
    hoop_stream *stream = connect_to(server);
    assert_is_at_end(stream);
    assert_int_equal(closed, 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

static int64_t give_away(hoop_stream *stream, void *arg)
{
    hoop_stream_detach(stream);
    *(hoop_stream **)arg = stream;
    return 0;
}

IN_A_TASK(a_detached_stream_is_another_ones_and_is_not_counted)
{
    hoop_stream *taken = NULL;
    hoop_server *server = serve(give_away, &taken);
    hoop_stream *stream = connect_to(server);
    let_others_wait();
    assert_non_null(taken);
    assert_int_equal(hoop_server_client_count(server), 0);
    end_server(server);
    assert_int_equal(hoop_stream_write(taken, "x", 1), 1);
    char byte;
    assert_int_equal(hoop_stream_read(stream, &byte, 1), 1);
    hoop_stream_detach(stream); /* nobody's client */
    assert_int_equal(hoop_stream_close(taken), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
}

#define MANY 200

IN_A_TASK(many_clients_that_come_at_once_are_all_served)
{
    hoop_server *server = serve(echo, NULL);
    hoop_stream *streams[MANY];
    for (int i = 0; i < MANY; i++)
        streams[i] = connect_to(server);
    for (int i = 0; i < MANY; i++)
        assert_echoes(streams[i], "me too");
    assert_int_equal(hoop_server_client_count(server), MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(hoop_stream_close(streams[i]), 0);
    end_server(server);
}

struct socket_options {
    int no_delay, keep_alive;
};

static int64_t note_options(hoop_stream *stream, void *arg)
{
    struct socket_options *options = arg;
    socklen_t size = sizeof(int);
    int fd = hoop_stream_fd(stream);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &options->no_delay, &size), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &options->keep_alive, &size), 0);
    return 0;
}

static struct socket_options options_with(hoop_stream_options stream_options)
{
    struct socket_options found = {-1, -1};
    hoop_server *server =
        serve_with(note_options, &found, &(hoop_server_options){.stream = stream_options});
    hoop_stream *stream = connect_to(server);
    assert_is_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
    return found;
}

IN_A_TASK(clients_have_the_socket_options_that_were_asked_for)
{
    struct socket_options found = options_with((hoop_stream_options){0});
    assert_int_equal(found.no_delay, 1);
    assert_int_equal(found.keep_alive, 0);
    found = options_with((hoop_stream_options){.nagle = true, .keep_alive = true});
    assert_int_equal(found.no_delay, 0);
    assert_int_equal(found.keep_alive, 1);
}

/* ---- clients that behave badly ---- */

static void connect_and_reset(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

IN_A_TASK(clients_that_reset_at_once_or_say_nothing_disturb_nobody)
{
    hoop_server *server = serve(echo, NULL);
    for (int i = 0; i < 10; i++)
        connect_and_reset(port_of(server));
    hoop_stream_abort(connect_to(server));
    hoop_stream *silent = connect_to(server), *stream = connect_to(server);
    assert_echoes(stream, "alive");
    assert_int_equal(hoop_server_client_count(server), 2);
    assert_int_equal(hoop_stream_close(silent), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

/* ---- errors of a client's function ---- */

static int64_t fail_with(hoop_stream *stream, void *arg)
{
    (void)stream;
    return hoop_error_set(*(int64_t *)arg, "as told");
}

/* Serves one client with a function that fails with ERROR, and returns what was reported. */
static struct reports reports_of(int64_t error)
{
    struct reports reports = {0};
    hoop_set_exception_handler(hoop_running_loop(), reports_add, &reports);
    hoop_server *server = serve(fail_with, &error);
    hoop_stream *stream = connect_to(server);
    assert_is_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
    return reports;
}

IN_A_TASK(an_error_of_a_clients_function_goes_to_the_exception_handler)
{
    struct reports reports = reports_of(-EIO);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.message, "a server's client has failed");
    assert_string_equal(reports.error_message, "as told");
    assert_string_equal(reports.task, "client");
}

IN_A_TASK(that_a_connection_broke_or_a_task_was_cancelled_is_no_news)
{
    static const int64_t usual[] = {-ECANCELED, -ECONNRESET, -EPIPE, -ETIMEDOUT, HOOP_ECUT};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        assert_int_equal(reports_of(usual[i]).count, 0);
}

/* ---- where it listens ---- */

IN_A_TASK(a_server_of_all_interfaces_has_one_port)
{
    hoop_server *server;
    hoop_address address;
    size_t count = 0;
    assert_int_equal(hoop_start_server(echo, NULL, NULL, 0, NULL, &server), 0);
    for (; hoop_server_address(server, count, &address) == 0; count++)
        assert_int_equal(hoop_address_port(&address), port_of(server));
    assert_true(port_of(server) != 0);
    assert_int_equal(count, have_ipv6() ? 2 : 1);
    hoop_stream *stream = connect_to(server);
    assert_echoes(stream, "IPv4");
    assert_int_equal(hoop_stream_close(stream), 0);
    if (have_ipv6()) {
        assert_int_equal(hoop_open_connection("::1", port_of(server), NULL, &stream), 0);
        assert_echoes(stream, "IPv6");
        assert_int_equal(hoop_stream_close(stream), 0);
    }
    end_server(server);
}

IN_A_TASK(a_server_of_one_family_leaves_the_port_to_the_other)
{
    if (!have_ipv6())
        return;
    hoop_server *six, *four;
    const hoop_server_options only_six = {.family = AF_INET6}, only_four = {.family = AF_INET};
    assert_int_equal(hoop_start_server(echo, NULL, NULL, 0, &only_six, &six), 0);
    assert_int_equal(hoop_start_server(echo, NULL, NULL, port_of(six), &only_four, &four), 0);
    assert_int_equal(port_of(four), port_of(six));
    end_server(six);
    end_server(four);
}

IN_A_TASK(the_address_beyond_the_last_is_not_there)
{
    hoop_server *server = serve(echo, NULL);
    hoop_address address;
    assert_int_equal(hoop_server_address(server, 1, &address), -ENOENT);
    end_server(server);
}

IN_A_TASK(an_address_that_is_in_use_is_refused_by_name)
{
    hoop_server *server = serve(echo, NULL), *other = NULL;
    char expected[64];
    snprintf(expected, sizeof expected, "listening on 127.0.0.1:%u", port_of(server));
    assert_int_equal(hoop_start_server(echo, NULL, "127.0.0.1", port_of(server), NULL, &other),
                     -EADDRINUSE);
    assert_string_equal(hoop_error_message(), expected);
    assert_null(other);
    end_server(server);
}

IN_A_TASK(servers_may_share_a_port)
{
    const hoop_server_options shared = {.reuse_port = true};
    hoop_server *one = serve_with(echo, NULL, &shared), *other;
    assert_int_equal(hoop_start_server(echo, NULL, "127.0.0.1", port_of(one), &shared, &other), 0);
    hoop_server_close(one);
    hoop_stream *stream = connect_to(other);
    assert_echoes(stream, "left to me");
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(one);
    end_server(other);
}

IN_A_TASK(what_makes_no_sense_is_refused)
{
    hoop_server *server = NULL;
    const hoop_server_options odd_family = {.family = AF_UNIX}, odd_backlog = {.backlog = -1};
    assert_int_equal(hoop_start_server(NULL, NULL, "127.0.0.1", 0, NULL, &server), -EINVAL);
    assert_int_equal(hoop_start_server(echo, NULL, NULL, 0, &odd_family, &server), -EINVAL);
    assert_int_equal(hoop_start_server(echo, NULL, NULL, 0, &odd_backlog, &server), -EINVAL);
    assert_int_equal(hoop_start_server(echo, NULL, "192.0.2.1", 0, NULL, &server), -EADDRNOTAVAIL);
    assert_null(server);
}

static void a_server_of_a_host_needs_a_task(void **state)
{
    (void)state;
    hoop_server *server;
    assert_int_equal(hoop_start_server(echo, NULL, "127.0.0.1", 0, NULL, &server), HOOP_ENOTASK);
}

/* ---- beginning and ending ---- */

IN_A_TASK(a_server_that_does_not_serve_yet_lets_clients_wait)
{
    unsigned clients = 0;
    hoop_server *server =
        serve_with(count_client, &clients, &(hoop_server_options){.do_not_serve = true});
    assert_false(hoop_server_is_serving(server));
    hoop_stream *stream = connect_to(server);
    let_others_wait();
    assert_int_equal(clients, 0);
    assert_int_equal(hoop_server_start_serving(server), 0);
    assert_int_equal(hoop_server_start_serving(server), 0);
    assert_true(hoop_server_is_serving(server));
    assert_echoes(stream, "at last");
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(a_closed_server_accepts_nobody_and_its_clients_go_on)
{
    hoop_server *server = serve(echo, NULL);
    hoop_stream *stream = connect_to(server), *late = NULL;
    assert_echoes(stream, "before");
    hoop_server_close(server);
    hoop_server_close(server);
    assert_false(hoop_server_is_serving(server));
    assert_int_equal(hoop_server_start_serving(server), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_open_connection("127.0.0.1", port_of(server), NULL, &late),
                     -ECONNREFUSED);
    assert_echoes(stream, "after");
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(the_memory_of_a_freed_server_goes_with_its_last_client)
{
    hoop_server *server = serve(echo, NULL);
    hoop_stream *stream = connect_to(server);
    assert_echoes(stream, "before");
    hoop_server_free(server);
    hoop_server_free(NULL);
    assert_echoes(stream, "after");
    assert_int_equal(hoop_stream_close(stream), 0);
    let_others_wait();
}

static const hoop_context_var greeting = {.name = "greeting"};

static int64_t say_greeting(hoop_stream *stream, void *arg)
{
    (void)arg;
    const char *words = hoop_context_get(&greeting);
    return hoop_stream_write(stream, words, strlen(words));
}

IN_A_TASK(clients_have_the_context_of_who_made_the_server)
{
    char words[] = "welcome", text[8] = "";
    assert_int_equal(hoop_context_set(&greeting, words), 0);
    hoop_server *server = serve(say_greeting, NULL);
    assert_int_equal(hoop_context_set(&greeting, NULL), 0);
    hoop_stream *stream = connect_to(server);
    assert_int_equal(hoop_stream_readexactly(stream, text, 7), 7);
    assert_string_equal(text, words);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

/* ---- the loop goes ---- */

struct left {
    hoop_server *server;
    hoop_stream *stream;
};

static int64_t leave_open(void *arg)
{
    struct left *left = arg;
    left->server = serve(echo, NULL);
    left->stream = connect_to(left->server);
    assert_echoes(left->stream, "here");
    return 0;
}

static void a_server_that_is_open_is_closed_with_the_loop(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct left left;
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_open, &left), 0);
    uint16_t port = port_of(left.server);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1); /* the client's task */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static int64_t leave_server(void *arg)
{
    *(hoop_server **)arg = serve(echo, NULL);
    return 0;
}

static void debug_mode_tells_of_a_server_that_is_left_open(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_server *server;
    hoop_loop *loop = reporting_loop(&reports);
    hoop_set_debug(loop, true);
    assert_int_equal(hoop_run_until_complete(loop, leave_server, &server), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.error_message, "a server");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(each_client_has_a_stream_and_a_task_of_its_own),
        BEHAVIOUR(a_stream_is_closed_when_its_function_returns_after_all_was_sent),
        BEHAVIOUR(a_function_may_close_its_stream_itself),
        BEHAVIOUR(a_detached_stream_is_another_ones_and_is_not_counted),
        BEHAVIOUR(many_clients_that_come_at_once_are_all_served),
        BEHAVIOUR(clients_have_the_socket_options_that_were_asked_for),
        BEHAVIOUR(clients_that_reset_at_once_or_say_nothing_disturb_nobody),
        BEHAVIOUR(an_error_of_a_clients_function_goes_to_the_exception_handler),
        BEHAVIOUR(that_a_connection_broke_or_a_task_was_cancelled_is_no_news),
        BEHAVIOUR(a_server_of_all_interfaces_has_one_port),
        BEHAVIOUR(a_server_of_one_family_leaves_the_port_to_the_other),
        BEHAVIOUR(the_address_beyond_the_last_is_not_there),
        BEHAVIOUR(an_address_that_is_in_use_is_refused_by_name),
        BEHAVIOUR(servers_may_share_a_port),
        BEHAVIOUR(what_makes_no_sense_is_refused),
        BEHAVIOUR(a_server_of_a_host_needs_a_task),
        BEHAVIOUR(a_server_that_does_not_serve_yet_lets_clients_wait),
        BEHAVIOUR(a_closed_server_accepts_nobody_and_its_clients_go_on),
        BEHAVIOUR(the_memory_of_a_freed_server_goes_with_its_last_client),
        BEHAVIOUR(clients_have_the_context_of_who_made_the_server),
        BEHAVIOUR(a_server_that_is_open_is_closed_with_the_loop),
        BEHAVIOUR(debug_mode_tells_of_a_server_that_is_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
