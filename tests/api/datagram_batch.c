/* SPDX-License-Identifier: MIT
 *
 * Many datagrams in one system call: what comes out, how many, and what is told of each.
 */
#include "datagrams.h"
#include "in_a_task.h"

enum { MANY = 150, SIZE = 8 };

struct room {
    char data[MANY][SIZE];
    hoop_address from[MANY];
    hoop_message messages[MANY];
};

static hoop_message *room_init(struct room *room, size_t size)
{
    for (int i = 0; i < MANY; i++)
        room->messages[i] =
            (hoop_message){.data = room->data[i], .size = size, .address = &room->from[i]};
    return room->messages;
}

/* Messages with the numbers from 0 on, to TO. */
static hoop_message *numbers_init(struct room *room, const hoop_address *to)
{
    for (int i = 0; i < MANY; i++) {
        int size = snprintf(room->data[i], SIZE, "%d", i);
        if (to != NULL)
            room->from[i] = *to;
        room->messages[i] = (hoop_message){.data = room->data[i],
                                           .size = (size_t)size,
                                           .address = to != NULL ? &room->from[i] : NULL};
    }
    return room->messages;
}

/* Receives until FIRST's successors up to LIMIT have come, in this order. */
static void assert_numbers(hoop_datagram *socket, const hoop_address *from, int first, int limit)
{
    static struct room room;
    while (first < limit) {
        int64_t count = hoop_datagram_recv_many(socket, room_init(&room, SIZE), MANY);
        assert_true(count >= 1 && count <= 64);
        for (int64_t i = 0; i < count; i++, first++) {
            char expected[SIZE];
            int size = snprintf(expected, SIZE, "%d", first);
            assert_int_equal(room.messages[i].size, size);
            assert_memory_equal(room.data[i], expected, (size_t)size);
            assert_false(room.messages[i].is_truncated);
            assert_true(hoop_address_equal(&room.from[i], from));
        }
    }
    assert_int_equal(first, limit);
}

static void exchange_many(int family)
{
    static struct room room;
    hoop_datagram *server = open_here(family), *client = open_connected(family, server);
    hoop_address client_address = local_address(client), server_address = local_address(server);
    int count = family == AF_UNIX ? 10 : MANY; /* its queue is short */
    hoop_message *numbers = numbers_init(&room, NULL);
    assert_int_equal(hoop_datagram_send_many(client, numbers, (size_t)count), count);
    assert_int_equal(numbers[9].size, 1); /* as they were */
    assert_numbers(server, &client_address, 0, count);
    assert_int_equal(hoop_datagram_send_many(server, numbers_init(&room, &client_address), 3), 3);
    assert_numbers(client, &server_address, 0, 3);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(many_datagrams_arrive_in_their_order_in_each_family)
{
    for_each_family(exchange_many);
}

IN_A_TASK(it_is_told_of_each_whether_it_was_cut_off)
{
    struct room room;
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    hoop_message *messages = room_init(&room, 3);
    messages[2].address = NULL;
    static char texts[][5] = {"abc", "abcd", "", "a"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_datagram_send(client, texts[i], strlen(texts[i]), NULL),
                         strlen(texts[i]));
    assert_int_equal(hoop_datagram_recv_many(server, messages, MANY), 4);
    static const size_t sizes[] = {3, 3, 0, 1};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(messages[i].size, sizes[i]);
        assert_int_equal(messages[i].is_truncated, i == 1);
    }
    assert_int_equal(messages[4].size, 3); /* untouched */
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(no_more_are_received_than_asked_for)
{
    static struct room room;
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    hoop_address address = local_address(client);
    assert_int_equal(hoop_datagram_send_many(client, numbers_init(&room, NULL), 5), 5);
    assert_int_equal(hoop_datagram_recv_many(server, room_init(&room, SIZE), 2), 2);
    assert_int_equal(hoop_datagram_recv_many(server, room.messages, 0), -EINVAL);
    assert_int_equal(hoop_datagram_recv(server, room.data[0], SIZE, NULL), 1);
    assert_numbers(server, &address, 3, 5);
    assert_int_equal(hoop_datagram_send_many(client, NULL, 0), 0);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

static int64_t receive_many(void *socket)
{
    static struct room room;
    return hoop_datagram_recv_many(socket, room_init(&room, SIZE), MANY);
}

IN_A_TASK(a_batch_is_waited_for)
{
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    for (int i = 0; i < 3; i++) {
        hoop_task *task = hoop_create_task(receive_many, server);
        let_one_iteration_pass();
        assert_int_equal(hoop_datagram_send(client, "a", 1, NULL), 1);
        assert_int_equal(hoop_await(task), 1);
    }
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(an_error_behind_a_batch_is_heard_next)
{
    static struct room room;
    hoop_address nobody = abandoned_address(AF_INET, SOCK_DGRAM);
    hoop_datagram *client = open_at(NULL, &nobody), *peer = open_at(&nobody, NULL);
    hoop_address address = local_address(client);
    assert_int_equal(hoop_datagram_send(peer, "a", 1, &address), 1);
    hoop_datagram_close(peer);
    assert_int_equal(hoop_datagram_send(client, "b", 1, NULL), 1); /* to nobody */
    hoop_message *messages = room_init(&room, SIZE);
    int received = 0, errors = 0;
    for (int i = 0; i < 2; i++) {
        int64_t rc = hoop_datagram_recv_many(client, messages, MANY);
        received += rc == 1;
        errors += rc == -ECONNREFUSED;
    }
    assert_int_equal(received, 1);
    assert_int_equal(errors, 1);
    hoop_datagram_close(client);
}

/* ---- sending ---- */

struct sending {
    hoop_datagram *socket;
    const hoop_address *to;
    struct room room;
};

static int64_t send_numbers(void *arg)
{
    struct sending *sending = arg;
    return hoop_datagram_send_many(sending->socket, numbers_init(&sending->room, sending->to),
                                   MANY);
}

static void send_to_slow_one(bool is_connected)
{
    static struct sending sending;
    hoop_datagram *server = open_here(AF_UNIX);
    hoop_datagram *client = is_connected ? open_connected(AF_UNIX, server) : open_here(AF_UNIX);
    hoop_address address = local_address(client), server_address = local_address(server);
    sending.socket = client;
    sending.to = is_connected ? NULL : &server_address;
    hoop_task *task = hoop_create_task(send_numbers, &sending);
    let_others_wait(); /* the queue is full */
    assert_false(hoop_future_is_done(hoop_task_future(task)));
    assert_numbers(server, &address, 0, MANY);
    assert_int_equal(hoop_await(task), MANY);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(all_are_sent_however_often_there_is_no_room)
{
    send_to_slow_one(true);
    send_to_slow_one(false);
}

IN_A_TASK(if_one_fails_those_before_it_were_sent)
{
    static struct room room;
    static char large[70000];
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    hoop_address address = local_address(client);
    hoop_message *messages = numbers_init(&room, NULL);
    messages[3] = (hoop_message){.data = large, .size = sizeof large};
    assert_int_equal(hoop_datagram_send_many(client, messages, MANY), 3);
    assert_int_equal(hoop_datagram_send_many(client, messages + 3, MANY - 3), -EMSGSIZE);
    assert_numbers(server, &address, 0, 3);
    assert_int_equal(count_datagrams(server), 0);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(cancelled_in_the_middle_it_tells_how_many_were_sent)
{
    static struct sending sending;
    hoop_datagram *server = open_here(AF_UNIX), *client = open_connected(AF_UNIX, server);
    sending.socket = client;
    hoop_task *task = hoop_create_task(send_numbers, &sending);
    let_others_wait();
    hoop_task_cancel(task);
    int64_t sent = hoop_await(task);
    assert_true(sent > 0 && sent < MANY);
    assert_int_equal(count_datagrams(server), sent);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

IN_A_TASK(closed_in_the_middle_it_is_told_that_the_socket_is_gone)
{
    static struct sending sending;
    hoop_datagram *server = open_here(AF_UNIX), *client = open_connected(AF_UNIX, server);
    sending.socket = client;
    hoop_task *task = hoop_create_task(send_numbers, &sending);
    let_others_wait();
    hoop_datagram_close(client);
    assert_int_equal(hoop_await(task), -EBADF);
    hoop_datagram_close(server);
}

static int64_t note_that_it_ran(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

IN_A_TASK(who_sends_very_many_lets_others_run)
{
    enum { VERY = 30000 };
    static hoop_message messages[VERY];
    bool did_run = false;
    hoop_datagram *server = open_here(AF_INET), *client = open_connected(AF_INET, server);
    hoop_task *other = hoop_create_task(note_that_it_ran, &did_run);
    int64_t sent = hoop_datagram_send_many(client, messages, VERY);
    assert_int_equal(sent, VERY);
    assert_true(did_run);
    assert_int_equal(hoop_await(other), 0);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(many_datagrams_arrive_in_their_order_in_each_family),
        BEHAVIOUR(it_is_told_of_each_whether_it_was_cut_off),
        BEHAVIOUR(no_more_are_received_than_asked_for),
        BEHAVIOUR(a_batch_is_waited_for),
        BEHAVIOUR(an_error_behind_a_batch_is_heard_next),
        BEHAVIOUR(all_are_sent_however_often_there_is_no_room),
        BEHAVIOUR(if_one_fails_those_before_it_were_sent),
        BEHAVIOUR(cancelled_in_the_middle_it_tells_how_many_were_sent),
        BEHAVIOUR(closed_in_the_middle_it_is_told_that_the_socket_is_gone),
        BEHAVIOUR(who_sends_very_many_lets_others_run),
    };
    return cmocka_run_group_tests_name("datagram_batch", tests, NULL, NULL);
}
