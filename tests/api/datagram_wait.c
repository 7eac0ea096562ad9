/* SPDX-License-Identifier: MIT
 *
 * Tasks that wait for a datagram socket: one receiver, senders in their order, and every way out
 * of a wait: a datagram, room, a cancellation, a close, the loop's end.
 */
#include "datagrams.h"
#include "in_a_task.h"
#include "stderr_capture.h"

static int64_t receive_one(void *arg)
{
    char buffer[16];
    return hoop_datagram_recv(arg, buffer, sizeof buffer, NULL);
}

IN_A_TASK(a_datagram_is_waited_for)
{
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    for (int i = 0; i < 3; i++) {
        hoop_task *task = hoop_create_task(receive_one, server);
        let_one_iteration_pass();
        assert_non_null(strstr(printed_tasks(), "waits for a datagram"));
        assert_int_equal(hoop_datagram_send(client, "abc", 3, NULL), 3);
        assert_int_equal(hoop_await(task), 3);
    }
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(one_task_at_a_time_receives)
{
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    char buffer[4];
    hoop_message message = {.data = buffer, .size = sizeof buffer};
    hoop_task *task = hoop_create_task(receive_one, server);
    let_one_iteration_pass();
    assert_int_equal(hoop_datagram_recv(server, buffer, sizeof buffer, NULL), -EBUSY);
    assert_int_equal(hoop_datagram_recv_many(server, &message, 1), -EBUSY);
    assert_int_equal(hoop_datagram_send(client, "abc", 3, NULL), 3);
    assert_int_equal(hoop_datagram_recv(server, buffer, sizeof buffer, NULL), -EBUSY); /* its */
    assert_int_equal(hoop_await(task), 3);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

/* ---- senders ---- */

struct sender {
    hoop_datagram *socket;
    const hoop_address *to;
    char name;
};

static int64_t send_name(void *arg)
{
    struct sender *sender = arg;
    return hoop_datagram_send(sender->socket, &sender->name, 1, sender->to);
}

/* Sends until there is no room: how many. */
static int fill(hoop_datagram *socket, const hoop_address *to)
{
    int count = 0;
    hoop_address copy = to != NULL ? *to : (hoop_address){.size = 0};
    while (sendto(hoop_datagram_fd(socket), "x", 1, MSG_DONTWAIT,
                  to != NULL ? raw_address(&copy) : NULL, to != NULL ? to->size : 0) == 1)
        count++;
    assert_int_equal(errno, EAGAIN);
    return count;
}

static void senders_wait(const hoop_address *to, hoop_datagram *server, hoop_datagram *client)
{
    struct sender senders[3];
    hoop_task *tasks[3];
    int filled = fill(client, to);
    for (int i = 0; i < 3; i++) {
        senders[i] = (struct sender){client, to, (char)('a' + i)};
        tasks[i] = hoop_create_task(send_name, &senders[i]);
    }
    let_others_wait();
    assert_non_null(strstr(printed_tasks(), "waits to send a datagram"));
    char byte;
    for (int i = 0; i < filled + 3; i++) {
        assert_int_equal(hoop_datagram_recv(server, &byte, 1, NULL), 1);
        assert_int_equal(byte, i < filled ? 'x' : 'a' + i - filled);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 1);
    assert_int_equal(hoop_datagram_send(client, "d", 1, to), 1);
    assert_int_equal(hoop_datagram_recv(server, &byte, 1, NULL), 1);
    assert_int_equal(byte, 'd');
}

IN_A_TASK(senders_wait_for_room_and_are_served_in_their_order)
{
    hoop_datagram *server = open_here(AF_UNIX), *client = open_connected(AF_UNIX, server);
    senders_wait(NULL, server, client);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(to_a_socket_that_is_not_connected_too)
{
    hoop_datagram *server = open_here(AF_UNIX), *client = open_here(AF_UNIX);
    hoop_address address = local_address(server);
    senders_wait(&address, server, client);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(a_sender_that_is_cancelled_sends_nothing_and_holds_nobody_up)
{
    hoop_datagram *server = open_here(AF_UNIX), *client = open_connected(AF_UNIX, server);
    struct sender senders[3];
    hoop_task *tasks[3];
    int filled = fill(client, NULL);
    for (int i = 0; i < 3; i++) {
        senders[i] = (struct sender){client, NULL, (char)('a' + i)};
        tasks[i] = hoop_create_task(send_name, &senders[i]);
    }
    let_one_iteration_pass();
    hoop_task_cancel(tasks[1]);
    assert_int_equal(hoop_await(tasks[1]), -ECANCELED);
    hoop_task_cancel(tasks[0]); /* whose turn it is */
    assert_int_equal(hoop_await(tasks[0]), -ECANCELED);
    char byte;
    for (int i = 0; i <= filled; i++)
        assert_int_equal(hoop_datagram_recv(server, &byte, 1, NULL), 1);
    assert_int_equal(byte, 'c');
    assert_int_equal(hoop_await(tasks[2]), 1);
    assert_int_equal(count_datagrams(server), 0);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

/* ---- cancelled ---- */

IN_A_TASK(a_cancelled_receiver_leaves_the_next_datagram_to_the_next_one)
{
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    hoop_task *task = hoop_create_task(receive_one, server);
    let_one_iteration_pass();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(hoop_datagram_send(client, "abc", 3, NULL), 3);
    assert_int_equal(receive_one(server), 3);
    assert_int_equal(hoop_datagram_send(client, "abcd", 4, NULL), 4);
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(receive_one(server), 4); /* what is there needs no waiting */
    assert_int_equal(receive_one(server), -ECANCELED);
    hoop_task_uncancel(hoop_current_task());
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

/* ---- closed ---- */

IN_A_TASK(who_waits_when_the_socket_is_closed_gets_an_error)
{
    hoop_datagram *server = open_here(AF_UNIX), *client = open_connected(AF_UNIX, server);
    struct sender sender = {client, NULL, 'a'};
    fill(client, NULL);
    hoop_task *tasks[] = {hoop_create_task(receive_one, client),
                          hoop_create_task(send_name, &sender),
                          hoop_create_task(send_name, &sender)};
    let_one_iteration_pass();
    hoop_datagram_close(client);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), -EBADF);
    hoop_datagram_close(server);
}

IN_A_TASK(who_was_woken_when_the_socket_is_closed_does_not_touch_it)
{
    hoop_datagram *server = open_here(AF_UNIX), *client = open_connected(AF_UNIX, server);
    struct sender sender = {client, NULL, 'a'};
    fill(client, NULL);
    hoop_task *tasks[] = {hoop_create_task(receive_one, client),
                          hoop_create_task(send_name, &sender),
                          hoop_create_task(send_name, &sender)};
    let_one_iteration_pass();
    for (int i = 0; i < 3; i++)
        hoop_task_cancel(tasks[i]);
    hoop_datagram_close(client);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), -EBADF);
    hoop_datagram_close(server);
}

static int64_t close_under_a_task(void *arg)
{
    (void)arg;
    hoop_datagram *socket = open_here(AF_INET);
    hoop_task *task = hoop_create_task(receive_one, socket);
    let_one_iteration_pass();
    hoop_datagram_close(socket);
    return hoop_await(task);
}

static void in_debug_mode_closing_under_a_task_is_explained(void **state)
{
    (void)state;
    struct stderr_capture capture;
    hoop_loop *loop = virtual_loop();
    hoop_set_debug(loop, true);
    stderr_capture_begin(&capture);
    int64_t result = hoop_run_until_complete(loop, close_under_a_task, NULL);
    const char *explained = stderr_capture_end(&capture);
    assert_int_equal(result, -EBADF);
    assert_non_null(strstr(explained, "hoop_datagram_close"));
    hoop_close(loop);
}

/* ---- the loop goes ---- */

struct waiting {
    hoop_datagram *sockets[2];
};

static int64_t open_and_wait(void *arg)
{
    struct waiting *waiting = arg;
    waiting->sockets[0] = open_here(AF_UNIX);
    waiting->sockets[1] = open_connected(AF_UNIX, waiting->sockets[0]);
    return receive_one(waiting->sockets[1]);
}

static int64_t open_fill_and_wait(void *arg)
{
    struct waiting *waiting = arg;
    waiting->sockets[0] = open_here(AF_UNIX);
    waiting->sockets[1] = open_here(AF_UNIX);
    hoop_address to = local_address(waiting->sockets[0]);
    struct sender sender = {waiting->sockets[1], &to, 'a'};
    fill(waiting->sockets[1], &to);
    return send_name(&sender);
}

static void a_loop_closes_what_is_open_and_takes_who_waits_with_it(void **state)
{
    (void)state;
    struct waiting waiting;
    close_while_it_waits(open_and_wait, &waiting, NULL);
    close_while_it_waits(open_fill_and_wait, &waiting, NULL);
}

static int64_t leave_open(void *arg)
{
    (void)arg;
    (void)open_here(AF_INET);
    return 0;
}

static void in_debug_mode_a_socket_that_was_left_open_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_open, NULL), 0);
    hoop_set_debug(loop, true);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.error_message, "a datagram socket");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_datagram_is_waited_for),
        BEHAVIOUR(one_task_at_a_time_receives),
        BEHAVIOUR(senders_wait_for_room_and_are_served_in_their_order),
        BEHAVIOUR(to_a_socket_that_is_not_connected_too),
        BEHAVIOUR(a_sender_that_is_cancelled_sends_nothing_and_holds_nobody_up),
        BEHAVIOUR(a_cancelled_receiver_leaves_the_next_datagram_to_the_next_one),
        BEHAVIOUR(who_waits_when_the_socket_is_closed_gets_an_error),
        BEHAVIOUR(who_was_woken_when_the_socket_is_closed_does_not_touch_it),
        BEHAVIOUR(in_debug_mode_closing_under_a_task_is_explained),
        BEHAVIOUR(a_loop_closes_what_is_open_and_takes_who_waits_with_it),
        BEHAVIOUR(in_debug_mode_a_socket_that_was_left_open_is_reported),
    };
    return cmocka_run_group_tests_name("datagram_wait", tests, NULL, NULL);
}
