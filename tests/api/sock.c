/* SPDX-License-Identifier: MIT
 *
 * What hoop_sock_... does to sockets: connections made and accepted, bytes, datagrams and files
 * sent and received.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "in_a_task.h"
#include "socket_pair.h"
#include "sockets.h"

/* ---- connecting and accepting ---- */

struct acceptor {
    int fd;
    int accepted;
    hoop_address from;
};

static int64_t accept_one(void *arg)
{
    struct acceptor *acceptor = arg;
    acceptor->accepted = hoop_sock_accept(acceptor->fd, &acceptor->from);
    return acceptor->accepted;
}

static void connect_and_talk(int family)
{
    struct acceptor acceptor = {.fd = listening_socket(family, 8)};
    const hoop_address address = bound_address(acceptor.fd);
    hoop_task *task = hoop_create_task(accept_one, &acceptor);
    let_one_iteration_pass(); /* it waits */
    int fd = new_socket(family, SOCK_STREAM);
    assert_int_equal(hoop_sock_connect(fd, &address), 0);
    assert_true(hoop_await(task) >= 0);
    if (family != AF_UNIX) {
        hoop_address own = bound_address(fd);
        assert_true(hoop_address_equal(&acceptor.from, &own));
    }
    assert_int_equal(fcntl(acceptor.accepted, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(acceptor.accepted, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    char buffer[8] = "";
    assert_int_equal(hoop_sock_sendall(fd, "hello", 5, NULL), 0);
    assert_int_equal(hoop_sock_recv(acceptor.accepted, buffer, sizeof buffer), 5);
    assert_string_equal(buffer, "hello");
    close(fd);
    assert_int_equal(hoop_sock_recv(acceptor.accepted, buffer, sizeof buffer), 0);
    close(acceptor.accepted);
    close(acceptor.fd);
}

IN_A_TASK(connections_are_made_accepted_and_used_in_each_family)
{
    for_each_family(connect_and_talk);
}

static void connect_to_nobody(int family)
{
    hoop_address address = abandoned_address(family, SOCK_STREAM);
    int fd = new_socket(family, SOCK_STREAM);
    assert_int_equal(hoop_sock_connect(fd, &address), -ECONNREFUSED);
    close(fd);
}

IN_A_TASK(where_nobody_listens_a_connection_is_refused)
{
    for_each_family(connect_to_nobody);
}

static int64_t connect_one(void *arg)
{
    const hoop_address *address = arg;
    int fd = new_socket(AF_UNIX, SOCK_STREAM);
    int rc = hoop_sock_connect(fd, address);
    close(fd);
    return rc;
}

IN_A_TASK(a_unix_socket_waits_while_the_backlog_is_full)
{
    enum { CLIENTS = 6 };
    int fd = listening_socket(AF_UNIX, 1);
    hoop_address address = bound_address(fd);
    hoop_task *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = hoop_create_task(connect_one, &address);
    let_others_wait();
    assert_false(hoop_future_is_done(hoop_task_future(clients[CLIENTS - 1])));
    for (int i = 0; i < CLIENTS; i++) {
        int accepted = hoop_sock_accept(fd, NULL);
        assert_true(accepted >= 0);
        close(accepted);
        let_others_wait();
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(hoop_await(clients[i]), 0);
    close(fd);
}

IN_A_TASK(waiting_for_a_full_backlog_can_be_cancelled)
{
    int fd = listening_socket(AF_UNIX, 0);
    hoop_address address = bound_address(fd);
    assert_int_equal(connect_one(&address), 0);
    hoop_task *client = hoop_create_task(connect_one, &address);
    let_others_wait();
    assert_true(hoop_task_cancel(client));
    assert_int_equal(hoop_await(client), -ECANCELED);
    close(fd);
}

/* ---- bytes ---- */

enum { MUCH = 3 << 20 };

static unsigned char byte_at(size_t position)
{
    return (unsigned char)(position * 7 + position / 251);
}

static int64_t receive_much(void *fd)
{
    static unsigned char buffer[100000];
    size_t total = 0;
    int64_t received;
    while ((received = hoop_sock_recv(*(int *)fd, buffer, sizeof buffer)) > 0) {
        for (int64_t i = 0; i < received; i++)
            assert_int_equal(buffer[i], byte_at(total + (size_t)i));
        total += (size_t)received;
    }
    return received < 0 ? received : (int64_t)total;
}

IN_A_TASK(all_bytes_are_sent_however_often_there_is_no_room)
{
    int ends[2];
    open_pair(ends);
    unsigned char *data = malloc(MUCH);
    assert_non_null(data);
    for (size_t i = 0; i < MUCH; i++)
        data[i] = byte_at(i);
    hoop_task *reader = hoop_create_task(receive_much, &ends[1]);
    size_t sent = 0;
    assert_int_equal(hoop_sock_sendall(ends[0], data, MUCH, &sent), 0);
    assert_int_equal(sent, MUCH);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    assert_int_equal(hoop_await(reader), MUCH);
    free(data);
    close_pair(ends);
}

IN_A_TASK(what_was_sent_before_a_failure_is_told)
{
    int ends[2];
    open_pair(ends);
    static char data[MUCH];
    hoop_task *sender = hoop_current_task();
    size_t sent = 1;
    assert_int_equal(hoop_sock_sendall(ends[0], data, 0, &sent), 0);
    assert_int_equal(sent, 0);
    assert_int_equal(hoop_sock_sendall(-1, data, 1, &sent), -EBADF);
    assert_int_equal(sent, 0);
    hoop_task_cancel(sender);
    assert_int_equal(hoop_sock_sendall(ends[0], data, MUCH, &sent), -ECANCELED);
    hoop_task_uncancel(sender);
    size_t received = 0;
    ssize_t count;
    while ((count = read(ends[1], data, sizeof data)) > 0)
        received += (size_t)count;
    assert_int_equal(received, sent);
    assert_true(sent > 0 && sent < MUCH);
    close_pair(ends);
}

IN_A_TASK(nobody_at_the_other_end_is_an_error_and_no_signal)
{
    int ends[2];
    open_pair(ends);
    close(ends[1]);
    size_t sent = 1;
    assert_int_equal(hoop_sock_sendall(ends[0], "x", 1, &sent), -EPIPE);
    assert_int_equal(sent, 0);
    close(ends[0]);
}

/* ---- datagrams ---- */

static void exchange_datagrams(int family)
{
    int one = bound_socket(family, SOCK_DGRAM), other = bound_socket(family, SOCK_DGRAM);
    hoop_address one_address = bound_address(one), other_address = bound_address(other), from;
    char buffer[4] = "";
    assert_int_equal(hoop_sock_sendto(one, "abc", 3, &other_address), 3);
    assert_int_equal(hoop_sock_recvfrom(other, buffer, sizeof buffer, &from), 3);
    assert_string_equal(buffer, "abc");
    assert_true(hoop_address_equal(&from, &one_address));
    assert_int_equal(hoop_sock_sendto(one, "", 0, &other_address), 0);
    assert_int_equal(hoop_sock_recvfrom(other, buffer, sizeof buffer, NULL), 0);
    assert_int_equal(hoop_sock_sendto(one, "abcdef", 6, &other_address), 6);
    assert_int_equal(hoop_sock_recvfrom(other, buffer, sizeof buffer, NULL), 4); /* cut off */
    close(one);
    close(other);
}

IN_A_TASK(datagrams_are_sent_and_received_in_each_family)
{
    for_each_family(exchange_datagrams);
}

struct datagram_receiver {
    int fd;
    char text[8];
    hoop_address from;
};

static int64_t receive_datagram(void *arg)
{
    struct datagram_receiver *receiver = arg;
    return hoop_sock_recvfrom(receiver->fd, receiver->text, sizeof receiver->text - 1,
                              &receiver->from);
}

IN_A_TASK(a_datagram_is_waited_for)
{
    struct datagram_receiver receiver = {.fd = bound_socket(AF_INET, SOCK_DGRAM)};
    hoop_address address = bound_address(receiver.fd);
    hoop_task *task = hoop_create_task(receive_datagram, &receiver);
    let_one_iteration_pass();
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    assert_int_equal(hoop_sock_sendto(fd, "late", 4, &address), 4);
    assert_int_equal(hoop_await(task), 4);
    assert_string_equal(receiver.text, "late");
    close(fd);
    close(receiver.fd);
}

/* ---- files ---- */

/* A file of SIZE bytes, as of byte_at. */
static int new_file(size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        fputc(byte_at(i), file);
    assert_int_equal(fflush(file), 0);
    int fd = dup(fileno(file));
    fclose(file);
    assert_true(fd >= 0);
    return fd;
}

IN_A_TASK(a_file_is_sent_whole)
{
    int ends[2], file = new_file(MUCH);
    open_pair(ends);
    assert_int_equal(lseek(file, 17, SEEK_SET), 17);
    hoop_task *reader = hoop_create_task(receive_much, &ends[1]);
    uint64_t sent = 0;
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 0, 0, &sent), MUCH);
    assert_int_equal(sent, MUCH);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    assert_int_equal(hoop_await(reader), MUCH);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 17); /* its own position is as it was */
    close(file);
    close_pair(ends);
}

IN_A_TASK(a_part_of_a_file_is_sent_as_far_as_there_is_one)
{
    int ends[2], file = new_file(1000);
    unsigned char buffer[2000];
    open_pair(ends);
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 100, 50, NULL), 50);
    assert_int_equal(read(ends[1], buffer, sizeof buffer), 50);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(buffer[i], byte_at(100 + i));
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 900, 500, NULL), 100);
    assert_int_equal(read(ends[1], buffer, sizeof buffer), 100);
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 990, 0, NULL), 10);
    assert_int_equal(read(ends[1], buffer, sizeof buffer), 10);
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 1000, 0, NULL), 0);
    assert_int_equal(hoop_sock_sendfile(ends[0], file, UINT64_MAX, 5, NULL), 0);
    assert_true(read(ends[1], buffer, sizeof buffer) < 0);
    close(file);
    close_pair(ends);
}

IN_A_TASK(what_is_no_regular_file_is_not_sent)
{
    int ends[2];
    uint64_t sent = 1;
    open_pair(ends);
    assert_int_equal(hoop_sock_sendfile(ends[0], ends[1], 0, 0, &sent), -EINVAL);
    assert_int_equal(sent, 0);
    sent = 1;
    assert_int_equal(hoop_sock_sendfile(ends[0], -1, 0, 0, &sent), -EBADF);
    assert_int_equal(sent, 0);
    close_pair(ends);
}

IN_A_TASK(what_was_sent_of_a_file_before_a_failure_is_told)
{
    int ends[2], file = new_file(MUCH);
    uint64_t sent = 0;
    open_pair(ends);
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 0, 0, &sent), -ECANCELED);
    hoop_task_uncancel(hoop_current_task());
    assert_true(sent > 0 && sent < MUCH);
    close(ends[1]);
    uint64_t none = 1;
    assert_int_equal(hoop_sock_sendfile(ends[0], file, 0, 0, &none), -EPIPE); /* and no signal */
    assert_int_equal(none, 0);
    close(ends[0]);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(connections_are_made_accepted_and_used_in_each_family),
        BEHAVIOUR(where_nobody_listens_a_connection_is_refused),
        BEHAVIOUR(a_unix_socket_waits_while_the_backlog_is_full),
        BEHAVIOUR(waiting_for_a_full_backlog_can_be_cancelled),
        BEHAVIOUR(all_bytes_are_sent_however_often_there_is_no_room),
        BEHAVIOUR(what_was_sent_before_a_failure_is_told),
        BEHAVIOUR(nobody_at_the_other_end_is_an_error_and_no_signal),
        BEHAVIOUR(datagrams_are_sent_and_received_in_each_family),
        BEHAVIOUR(a_datagram_is_waited_for),
        BEHAVIOUR(a_file_is_sent_whole),
        BEHAVIOUR(a_part_of_a_file_is_sent_as_far_as_there_is_one),
        BEHAVIOUR(what_is_no_regular_file_is_not_sent),
        BEHAVIOUR(what_was_sent_of_a_file_before_a_failure_is_told),
    };
    return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
