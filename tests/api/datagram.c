/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets used by tasks: what is sent is received, whole and apart, in each family;
 * who waits, and what ends the wait.
 */
#include <netinet/in.h>

#include "datagrams.h"
#include "in_a_task.h"
#include "socket_pair.h"

/* ---- exchanging ---- */

static void exchange(int family)
{
    hoop_datagram *one = open_here(family), *other = open_here(family);
    const hoop_address one_address = local_address(one), other_address = local_address(other);
    hoop_address from;
    char buffer[8] = "";
    assert_int_equal(hoop_datagram_send(one, "abc", 3, &other_address), 3);
    assert_int_equal(hoop_datagram_send(one, "de", 2, &other_address), 2);
    assert_int_equal(hoop_datagram_recv(other, buffer, sizeof buffer, &from), 3);
    assert_memory_equal(buffer, "abc", 3);
    assert_true(hoop_address_equal(&from, &one_address));
    assert_int_equal(hoop_datagram_recv(other, buffer, sizeof buffer, NULL), 2);
    assert_memory_equal(buffer, "de", 2);
    assert_int_equal(hoop_datagram_send(other, "answer", 6, &from), 6);
    assert_int_equal(hoop_datagram_recv(one, buffer, sizeof buffer, &from), 6);
    assert_true(hoop_address_equal(&from, &other_address));
    hoop_datagram_close(one);
    hoop_datagram_close(other);
}

IN_A_TASK(datagrams_arrive_whole_and_apart_in_each_family)
{
    for_each_family(exchange);
}

static void exchange_connected(int family)
{
    hoop_datagram *server = open_here(family), *client = open_connected(family, server);
    hoop_address server_address = local_address(server), from, remote;
    char buffer[8] = "";
    assert_int_equal(hoop_datagram_remote_address(client, &remote), 0);
    assert_true(hoop_address_equal(&remote, &server_address));
    assert_int_equal(hoop_datagram_remote_address(server, &remote), -ENOTCONN);
    assert_int_equal(hoop_datagram_send(client, "abc", 3, NULL), 3);
    assert_int_equal(hoop_datagram_recv(server, buffer, sizeof buffer, &from), 3);
    assert_int_equal(hoop_datagram_send(server, "d", 1, &from), 1);
    assert_int_equal(hoop_datagram_recv(client, buffer, sizeof buffer, NULL), 1);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(a_connected_socket_needs_no_address_to_send_to)
{
    for_each_family(exchange_connected);
}

static void exchange_nothing(int family)
{
    hoop_datagram *server = open_here(family), *client = open_connected(family, server);
    char buffer[4] = "xyz";
    assert_int_equal(hoop_datagram_send(client, NULL, 0, NULL), 0);
    assert_int_equal(hoop_datagram_send(client, "a", 1, NULL), 1);
    assert_int_equal(hoop_datagram_recv(server, buffer, sizeof buffer, NULL), 0);
    assert_string_equal(buffer, "xyz");
    assert_int_equal(hoop_datagram_recv(server, buffer, sizeof buffer, NULL), 1);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(a_datagram_of_no_bytes_is_one_too)
{
    for_each_family(exchange_nothing);
}

static void exchange_too_much(int family)
{
    hoop_datagram *server = open_here(family), *client = open_connected(family, server);
    char buffer[5] = "xxxx";
    assert_int_equal(hoop_datagram_send(client, "abcdef", 6, NULL), 6);
    assert_int_equal(hoop_datagram_send(client, "g", 1, NULL), 1);
    assert_int_equal(hoop_datagram_recv(server, buffer, 3, NULL), 3);
    assert_string_equal(buffer, "abcx");
    assert_int_equal(hoop_datagram_recv(server, buffer, 3, NULL), 1); /* the rest is gone */
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(what_does_not_fit_is_cut_off)
{
    for_each_family(exchange_too_much);
}

/* ---- errors ---- */

IN_A_TASK(a_connected_socket_hears_that_nobody_is_there)
{
    hoop_address nobody = abandoned_address(AF_INET, SOCK_DGRAM);
    hoop_datagram *socket = open_at(NULL, &nobody);
    char buffer[4];
    assert_int_equal(hoop_datagram_send(socket, "a", 1, NULL), 1); /* on its way */
    assert_int_equal(hoop_datagram_recv(socket, buffer, sizeof buffer, NULL), -ECONNREFUSED);
    assert_int_equal(hoop_datagram_send(socket, "b", 1, NULL), 1);
    assert_int_equal(hoop_datagram_send(socket, "c", 1, NULL), -ECONNREFUSED); /* of "b" */
    hoop_datagram_close(socket);
}

static int64_t receive_one(void *arg)
{
    char buffer[16];
    return hoop_datagram_recv(arg, buffer, sizeof buffer, NULL);
}

IN_A_TASK(who_waits_hears_that_nobody_is_there_and_can_go_on)
{
    hoop_address nobody = abandoned_address(AF_INET, SOCK_DGRAM);
    hoop_datagram *client = open_at(NULL, &nobody);
    hoop_task *waiting = hoop_create_task(receive_one, client);
    let_one_iteration_pass();
    assert_int_equal(hoop_datagram_send(client, "a", 1, NULL), 1);
    assert_int_equal(hoop_await(waiting), -ECONNREFUSED);
    hoop_datagram *server = open_at(&nobody, NULL); /* now there is somebody */
    hoop_address address = local_address(client);
    assert_int_equal(hoop_datagram_send(server, "hello", 5, &address), 5);
    assert_int_equal(receive_one(client), 5);
    hoop_datagram_close(server);
    hoop_datagram_close(client);
}

IN_A_TASK(what_cannot_be_sent_is_refused)
{
    static char large[70000];
    hoop_datagram *socket = open_here(AF_INET);
    hoop_address address = local_address(socket);
    assert_int_equal(hoop_datagram_send(socket, large, sizeof large, &address), -EMSGSIZE);
    assert_int_equal(hoop_datagram_send(socket, "a", 1, NULL), -EDESTADDRREQ);
    assert_int_equal(count_datagrams(socket), 0);
    hoop_datagram_close(socket);
    hoop_address nobody = abandoned_address(AF_UNIX, SOCK_DGRAM);
    socket = open_here(AF_UNIX);
    assert_int_equal(hoop_datagram_send(socket, "a", 1, &nobody), -ECONNREFUSED);
    hoop_datagram_close(socket);
}

/* ---- opening ---- */

IN_A_TASK(what_makes_no_socket_is_refused)
{
    hoop_datagram *socket = NULL;
    hoop_address ipv4 = abandoned_address(AF_INET, SOCK_DGRAM), none = {.size = 0};
    hoop_address unix_address = abandoned_address(AF_UNIX, SOCK_DGRAM);
    assert_int_equal(hoop_open_datagram(NULL, NULL, NULL, &socket), -EINVAL);
    assert_int_equal(hoop_open_datagram(&none, NULL, NULL, &socket), -EINVAL);
    assert_int_equal(hoop_open_datagram(&ipv4, &unix_address, NULL, &socket), -EINVAL);
    hoop_datagram_options options = {.receive_buffer = -1};
    assert_int_equal(hoop_open_datagram(&ipv4, NULL, &options, &socket), -EINVAL);
    assert_int_equal(hoop_open_datagram(NULL, &unix_address, NULL, &socket), -ECONNREFUSED);
    assert_null(socket);
    hoop_datagram_close(NULL);
}

static void occupy(int family)
{
    hoop_datagram *socket = open_here(family), *second = NULL;
    hoop_address address = local_address(socket);
    assert_int_equal(hoop_open_datagram(&address, NULL, NULL, &second), -EADDRINUSE);
    assert_null(second);
    hoop_datagram_close(socket);
}

IN_A_TASK(an_address_that_is_taken_is_refused)
{
    for_each_family(occupy);
}

static int option_of(const hoop_datagram *socket, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(hoop_datagram_fd(socket), level, option, &value, &size), 0);
    return value;
}

IN_A_TASK(options_are_set_before_it_is_bound)
{
    const hoop_datagram_options options = {
        .reuse_port = true, .broadcast = true, .receive_buffer = 20000, .send_buffer = 30000};
    hoop_address here;
    assert_true(address_here(AF_INET, &here));
    hoop_datagram *one, *other;
    assert_int_equal(hoop_open_datagram(&here, NULL, &options, &one), 0);
    hoop_address address = local_address(one);
    assert_int_equal(hoop_open_datagram(&address, NULL, &options, &other), 0); /* shared */
    assert_int_equal(option_of(one, SOL_SOCKET, SO_BROADCAST), 1);
    assert_int_equal(option_of(one, SOL_SOCKET, SO_RCVBUF), 2 * 20000); /* as Linux counts */
    assert_int_equal(option_of(one, SOL_SOCKET, SO_SNDBUF), 2 * 30000);
    hoop_datagram_close(one);
    hoop_datagram_close(other);
    hoop_datagram *plain = open_here(AF_INET);
    assert_int_equal(option_of(plain, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(option_of(plain, SOL_SOCKET, SO_BROADCAST), 0);
    hoop_datagram_close(plain);
    if (!address_here(AF_INET6, &here))
        return;
    hoop_datagram *ipv6;
    assert_int_equal(
        hoop_open_datagram(&here, NULL, &(hoop_datagram_options){.ipv6_only = true}, &ipv6), 0);
    assert_int_equal(option_of(ipv6, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    hoop_datagram_close(ipv6);
}

IN_A_TASK(a_descriptor_is_taken_over)
{
    int ends[2];
    hoop_datagram *sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0); /* blocking: no more */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_open_datagram_fd(ends[i], &sockets[i]), 0);
        assert_int_equal(hoop_datagram_fd(sockets[i]), ends[i]);
    }
    hoop_task *waiting = hoop_create_task(receive_one, sockets[1]);
    let_one_iteration_pass();
    assert_int_equal(hoop_datagram_send(sockets[0], "abc", 3, NULL), 3);
    assert_int_equal(hoop_await(waiting), 3);
    hoop_datagram_close(sockets[0]);
    hoop_datagram_close(sockets[1]);
}

/* The harness sees whether they were closed. */
IN_A_TASK(a_descriptor_of_another_kind_is_refused_and_closed)
{
    int ends[2];
    hoop_datagram *socket = NULL;
    open_pair(ends);
    assert_int_equal(hoop_open_datagram_fd(ends[0], &socket), -EINVAL);
    close(ends[1]);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(hoop_open_datagram_fd(ends[0], &socket), -ENOTSOCK);
    close(ends[1]);
    assert_int_equal(hoop_open_datagram_fd(-1, &socket), -EBADF);
    assert_null(socket);
}

/* ---- misuse ---- */

static void without_a_loop_there_is_no_socket(void **state)
{
    (void)state;
    hoop_address address;
    hoop_datagram *socket = NULL;
    assert_true(address_here(AF_INET, &address));
    assert_int_equal(hoop_open_datagram(&address, NULL, NULL, &socket), HOOP_ENOLOOP);
    assert_int_equal(hoop_open_datagram_fd(new_socket(AF_INET, SOCK_DGRAM), &socket), HOOP_ENOLOOP);
    assert_null(socket);
}

static void use_in_a_callback(void *arg)
{
    char byte = 'a';
    hoop_datagram *socket = open_here(AF_INET); /* this may be done anywhere */
    hoop_message message = {.data = &byte, .size = 1};
    assert_int_equal(hoop_datagram_recv(socket, &byte, 1, NULL), HOOP_ENOTASK);
    assert_int_equal(hoop_datagram_send(socket, &byte, 1, NULL), HOOP_ENOTASK);
    assert_int_equal(hoop_datagram_recv_many(socket, &message, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_datagram_send_many(socket, &message, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_datagram_sendto(socket, &byte, 1, NULL), -EINVAL); /* no protocol */
    hoop_datagram_close(socket);
    *(bool *)arg = true;
}

static void outside_of_a_task_nothing_is_awaited(void **state)
{
    (void)state;
    bool was_called = false;
    hoop_loop *loop = virtual_loop();
    hoop_call_soon(loop, use_in_a_callback, &was_called);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(was_called);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(datagrams_arrive_whole_and_apart_in_each_family),
        BEHAVIOUR(a_connected_socket_needs_no_address_to_send_to),
        BEHAVIOUR(a_datagram_of_no_bytes_is_one_too),
        BEHAVIOUR(what_does_not_fit_is_cut_off),
        BEHAVIOUR(a_connected_socket_hears_that_nobody_is_there),
        BEHAVIOUR(who_waits_hears_that_nobody_is_there_and_can_go_on),
        BEHAVIOUR(what_cannot_be_sent_is_refused),
        BEHAVIOUR(what_makes_no_socket_is_refused),
        BEHAVIOUR(an_address_that_is_taken_is_refused),
        BEHAVIOUR(options_are_set_before_it_is_bound),
        BEHAVIOUR(a_descriptor_is_taken_over),
        BEHAVIOUR(a_descriptor_of_another_kind_is_refused_and_closed),
        BEHAVIOUR(without_a_loop_there_is_no_socket),
        BEHAVIOUR(outside_of_a_task_nothing_is_awaited),
    };
    return cmocka_run_group_tests_name("datagram", tests, NULL, NULL);
}
