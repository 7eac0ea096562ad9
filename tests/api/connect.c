/* SPDX-License-Identifier: MIT
 *
 * Connections to an address: how they come about, and why not.
 */
#include <math.h>
#include <netinet/in.h>

#include "network.h"

IN_A_TASK(a_connection_has_the_addresses_of_both_ends)
{
    hoop_server *server = serve(echo, NULL);
    hoop_stream *stream = connect_to(server);
    hoop_address local, remote, address;
    assert_int_equal(hoop_server_address(server, 0, &address), 0);
    assert_int_equal(hoop_stream_remote_address(stream, &remote), 0);
    assert_int_equal(hoop_stream_local_address(stream, &local), 0);
    assert_true(hoop_address_equal(&remote, &address));
    assert_true(hoop_address_port(&local) != 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(a_name_will_do)
{
    hoop_server *server;
    hoop_stream *stream;
    assert_int_equal(hoop_start_server(echo, NULL, "localhost", 0, NULL, &server), 0);
    assert_int_equal(hoop_open_connection("localhost", port_of(server), NULL, &stream), 0);
    assert_echoes(stream, "by name");
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(a_connection_over_ipv6)
{
    if (!have_ipv6())
        return;
    hoop_server *server;
    hoop_stream *stream;
    assert_int_equal(hoop_start_server(echo, NULL, "::1", 0, NULL, &server), 0);
    assert_int_equal(hoop_open_connection("::1", port_of(server), NULL, &stream), 0);
    assert_echoes(stream, "six");
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(a_connection_may_come_from_an_address_of_choice)
{
    hoop_server *server = serve(echo, NULL);
    hoop_address local, found;
    hoop_stream *stream;
    char text[HOOP_ADDRESS_TEXT_SIZE];
    assert_int_equal(hoop_address_parse("127.0.0.9", 0, &local), 0);
    const hoop_connection_options options = {.local = &local};
    assert_int_equal(hoop_open_connection("127.0.0.1", port_of(server), &options, &stream), 0);
    assert_int_equal(hoop_stream_local_address(stream, &found), 0);
    hoop_address_format(&found, text, sizeof text);
    assert_memory_equal(text, "127.0.0.9:", 10);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(an_address_of_choice_must_be_of_the_hosts_family_and_ours)
{
    hoop_address six, foreign;
    hoop_stream *stream = NULL;
    assert_int_equal(hoop_address_parse("::1", 0, &six), 0);
    assert_int_equal(hoop_address_parse("192.0.2.1", 0, &foreign), 0);
    hoop_connection_options options = {.local = &six};
    assert_true(hoop_open_connection("127.0.0.1", 1, &options, &stream) < 0);
    options.family = AF_INET;
    assert_int_equal(hoop_open_connection("127.0.0.1", 1, &options, &stream), -EINVAL);
    options = (hoop_connection_options){.local = &foreign};
    assert_int_equal(hoop_open_connection("127.0.0.1", 1, &options, &stream), -EADDRNOTAVAIL);
    assert_null(stream);
}

IN_A_TASK(a_refused_connection_says_by_whom)
{
    hoop_stream *stream = NULL;
    uint16_t port = free_port();
    char expected[64];
    snprintf(expected, sizeof expected, "127.0.0.1:%u: ECONNREFUSED", port);
    assert_int_equal(hoop_open_connection("127.0.0.1", port, NULL, &stream), -ECONNREFUSED);
    assert_string_equal(hoop_error_message(), expected);
    assert_null(stream);
}

IN_A_TASK(what_makes_no_sense_is_refused)
{
    hoop_stream *stream = NULL;
    const hoop_connection_options unix_family = {.family = AF_UNIX},
                                  late = {.happy_eyeballs_delay = (double)NAN},
                                  early = {.happy_eyeballs_delay = -1};
    assert_int_equal(hoop_open_connection(NULL, 1, NULL, &stream), -EINVAL);
    assert_int_equal(hoop_open_connection("127.0.0.1", 1, &unix_family, &stream), -EINVAL);
    assert_int_equal(hoop_open_connection("127.0.0.1", 1, &late, &stream), -EINVAL);
    assert_int_equal(hoop_open_connection("127.0.0.1", 1, &early, &stream), -EINVAL);
    assert_int_equal(hoop_open_unix_connection(NULL, NULL, &stream), -EINVAL);
    assert_null(stream);
}

static void connecting_needs_a_task(void **state)
{
    (void)state;
    hoop_stream *stream;
    assert_int_equal(hoop_open_connection("127.0.0.1", 1, NULL, &stream), HOOP_ENOTASK);
    assert_int_equal(hoop_open_unix_connection("@x", NULL, &stream), HOOP_ENOTASK);
}

/* ---- a connection that takes its time ---- */

/* A listener of the system's own with no room for another client: who connects hangs. */
struct full {
    int listener;
    int client;
    uint16_t port;
};

static void full_begin(struct full *full)
{
    full->listener = listen_plainly(0, &full->port);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(full->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    full->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(full->client, (struct sockaddr *)&address, sizeof address), 0);
}

static void full_end(struct full *full)
{
    close(full->client);
    close(full->listener);
}

static int64_t connect_anywhere(void *port)
{
    hoop_stream *stream;
    return hoop_open_connection("127.0.0.1", *(uint16_t *)port, NULL, &stream);
}

IN_A_TASK(connecting_can_be_cancelled)
{
    struct full full;
    full_begin(&full);
    hoop_task *task = hoop_create_task(connect_anywhere, &full.port);
    let_others_wait();
    assert_non_null(strstr(printed_tasks(), "connects"));
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    full_end(&full);
}

IN_A_TASK(connecting_can_take_too_long)
{
    struct full full;
    full_begin(&full);
    assert_int_equal(hoop_wait_for(connect_anywhere, &full.port, 3), -ETIMEDOUT);
    full_end(&full);
}

static void a_loop_may_be_closed_while_a_task_connects(void **state)
{
    (void)state;
    struct full full;
    full_begin(&full);
    close_while_it_waits(connect_anywhere, &full.port, NULL);
    full_end(&full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_connection_has_the_addresses_of_both_ends),
        BEHAVIOUR(a_name_will_do),
        BEHAVIOUR(a_connection_over_ipv6),
        BEHAVIOUR(a_connection_may_come_from_an_address_of_choice),
        BEHAVIOUR(an_address_of_choice_must_be_of_the_hosts_family_and_ours),
        BEHAVIOUR(a_refused_connection_says_by_whom),
        BEHAVIOUR(what_makes_no_sense_is_refused),
        BEHAVIOUR(connecting_needs_a_task),
        BEHAVIOUR(connecting_can_be_cancelled),
        BEHAVIOUR(connecting_can_take_too_long),
        BEHAVIOUR(a_loop_may_be_closed_while_a_task_connects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
