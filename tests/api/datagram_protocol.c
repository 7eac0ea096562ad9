/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets with a protocol: which callback is called when, what waits to be sent, and
 * closing at any moment.
 */
#include "datagrams.h"
#include "in_a_task.h"

/* What a protocol heard. */
struct heard {
    hoop_datagram *socket; /* NULL once it is lost */
    struct record record;
    int received;
    int errors;
    int last_error;
    int lost;
    int lost_error;
    hoop_address from;
    bool closes;  /* with the first datagram */
    bool answers; /* each datagram */
};

static void made(void *arg, hoop_datagram *socket)
{
    struct heard *heard = arg;
    heard->socket = socket;
}

static void received(void *arg, const void *data, size_t size, const hoop_address *from)
{
    struct heard *heard = arg;
    char text[16];
    assert_int_equal(heard->lost, 0);
    heard->received++;
    heard->from = *from;
    snprintf(text, sizeof text, "<%.*s>", (int)size, (const char *)data);
    if (strlen(heard->record.text) < 400)
        record_add(&heard->record, text);
    if (heard->answers)
        assert_int_equal(hoop_datagram_sendto(heard->socket, data, size, from), 0);
    if (heard->closes)
        hoop_datagram_close(heard->socket);
}

static void failed(void *arg, int error)
{
    struct heard *heard = arg;
    assert_int_equal(heard->lost, 0);
    heard->errors++;
    heard->last_error = error;
    if (heard->closes)
        hoop_datagram_close(heard->socket);
}

static void lost(void *arg, int error)
{
    struct heard *heard = arg;
    heard->lost++;
    heard->lost_error = error;
    heard->socket = NULL;
}

static const hoop_datagram_protocol all = {made, received, failed, lost};
static const hoop_datagram_protocol least = {.datagram_received = received};

static hoop_datagram *endpoint_at(struct heard *heard, const hoop_address *local,
                                  const hoop_address *remote)
{
    hoop_datagram *socket = NULL;
    assert_int_equal(hoop_create_datagram_endpoint(&all, heard, local, remote, NULL, &socket), 0);
    assert_non_null(socket);
    return socket;
}

static hoop_datagram *endpoint_here(struct heard *heard, int family)
{
    hoop_address address;
    assert_true(address_here(family, &address));
    return endpoint_at(heard, &address, NULL);
}

/* As many iterations as are needed for COUNT datagrams to come. */
static void wait_for_datagrams(const struct heard *heard, int count)
{
    for (int i = 0; i < 1000 && heard->received < count; i++)
        let_others_wait();
    assert_int_equal(heard->received, count);
}

static void answer(int family)
{
    struct heard heard = {.answers = true};
    hoop_datagram *server = endpoint_here(&heard, family);
    assert_ptr_equal(heard.socket, server); /* connection_made was called */
    hoop_datagram *client = open_connected(family, server);
    hoop_address client_address = local_address(client);
    char buffer[8];
    assert_int_equal(hoop_datagram_send(client, "abc", 3, NULL), 3);
    assert_int_equal(hoop_datagram_send(client, "", 0, NULL), 0);
    assert_int_equal(hoop_datagram_recv(client, buffer, sizeof buffer, NULL), 3);
    assert_memory_equal(buffer, "abc", 3);
    assert_int_equal(hoop_datagram_recv(client, buffer, sizeof buffer, NULL), 0);
    assert_record(&heard.record, "<abc> <>");
    assert_true(hoop_address_equal(&heard.from, &client_address));
    hoop_datagram_close(server);
    assert_int_equal(heard.lost, 0); /* in the next iteration */
    let_one_iteration_pass();
    assert_int_equal(heard.lost, 1);
    assert_int_equal(heard.lost_error, 0);
    hoop_datagram_close(client);
}

IN_A_TASK(datagrams_come_to_the_protocol_which_can_answer_in_each_family)
{
    for_each_family(answer);
}

IN_A_TASK(most_of_a_protocol_may_be_missing)
{
    struct heard heard = {.received = 0};
    hoop_address nobody = abandoned_address(AF_INET, SOCK_DGRAM);
    hoop_datagram *socket = NULL;
    hoop_datagram_protocol nothing = {.error_received = failed};
    assert_int_equal(hoop_create_datagram_endpoint(&nothing, &heard, NULL, &nobody, NULL, &socket),
                     -EINVAL);
    assert_null(socket);
    assert_int_equal(hoop_create_datagram_endpoint(&least, &heard, NULL, &nobody, NULL, &socket),
                     0);
    assert_int_equal(hoop_datagram_sendto(socket, "a", 1, NULL), 0); /* nobody hears */
    let_others_wait();
    hoop_datagram_close(socket);
    let_one_iteration_pass();
    assert_int_equal(heard.received + heard.errors + heard.lost, 0);
}

IN_A_TASK(a_datagram_of_any_size_is_received_whole)
{
    static char data[60000];
    struct heard heard = {.received = 0};
    hoop_datagram *server = endpoint_here(&heard, AF_INET);
    hoop_datagram *client = open_connected(AF_INET, server);
    memset(data, 'd', sizeof data);
    hoop_message messages[3] = {{.data = data, .size = sizeof data},
                                {.data = data, .size = 1},
                                {.data = data, .size = sizeof data}};
    assert_int_equal(hoop_datagram_send_many(client, messages, 3), 3);
    wait_for_datagrams(&heard, 3);
    assert_record(&heard.record, "<dddddddddddddd <d> <dddddddddddddd");
    hoop_datagram_close(client);
    hoop_datagram_close(server);
    let_one_iteration_pass();
}

/* ---- errors ---- */

IN_A_TASK(that_nobody_is_there_is_told_and_disturbs_nothing)
{
    struct heard heard = {.received = 0};
    hoop_address nobody = abandoned_address(AF_INET, SOCK_DGRAM);
    hoop_datagram *client = endpoint_at(&heard, NULL, &nobody);
    assert_int_equal(hoop_datagram_sendto(client, "a", 1, NULL), 0);
    let_others_wait();
    assert_int_equal(heard.errors, 1);
    assert_int_equal(heard.last_error, -ECONNREFUSED);
    assert_int_equal(hoop_datagram_sendto(client, "b", 1, NULL), 0);
    hoop_datagram *server = open_at(&nobody, NULL);
    assert_int_equal(hoop_datagram_sendto(client, "c", 1, NULL), 0); /* finds the error of "b" */
    char byte;
    assert_int_equal(hoop_datagram_recv(server, &byte, 1, NULL), 1);
    assert_int_equal(byte, 'c');
    let_others_wait();
    assert_int_equal(heard.errors, 2);
    assert_int_equal(heard.lost, 0);
    hoop_datagram_close(server);
    hoop_datagram_close(client);
    let_one_iteration_pass();
}

IN_A_TASK(a_datagram_that_cannot_be_sent_is_refused_at_once)
{
    static char large[70000];
    struct heard heard = {.received = 0};
    hoop_datagram *socket = endpoint_here(&heard, AF_INET);
    hoop_address address = local_address(socket);
    assert_int_equal(hoop_datagram_sendto(socket, large, sizeof large, &address), -EMSGSIZE);
    assert_int_equal(hoop_datagram_sendto(socket, "a", 1, NULL), -EDESTADDRREQ);
    let_others_wait();
    assert_int_equal(heard.errors, 0);
    hoop_datagram_close(socket);
    assert_int_equal(hoop_datagram_sendto(socket, "a", 1, &address), -EBADF);
    let_one_iteration_pass();
}

IN_A_TASK(tasks_do_not_send_or_receive_beside_a_protocol)
{
    struct heard heard = {.received = 0};
    hoop_datagram *socket = endpoint_here(&heard, AF_INET);
    hoop_address address = local_address(socket);
    char byte = 'a';
    hoop_message message = {.data = &byte, .size = 1, .address = &address};
    assert_int_equal(hoop_datagram_recv(socket, &byte, 1, NULL), -EBUSY);
    assert_int_equal(hoop_datagram_recv_many(socket, &message, 1), -EBUSY);
    assert_int_equal(hoop_datagram_send(socket, &byte, 1, &address), -EBUSY);
    assert_int_equal(hoop_datagram_send_many(socket, &message, 1), -EBUSY);
    hoop_datagram_close(socket);
    let_one_iteration_pass();
}

/* ---- what waits to be sent ---- */

/* Sends datagrams of SIZE bytes, which begin with their number, until they are refused. */
static int send_until_refused(hoop_datagram *socket, size_t size, const hoop_address *to)
{
    char data[2048] = "";
    for (int i = 0;; i++) {
        snprintf(data, sizeof data, "%d", i);
        int rc = hoop_datagram_sendto(socket, data, size, to);
        if (rc < 0) {
            assert_int_equal(rc, -EAGAIN);
            return i;
        }
    }
}

static void send_to_slow_one(const hoop_address *to, hoop_datagram *server, hoop_datagram *client)
{
    char data[2048], expected[16];
    int count = send_until_refused(client, 1024, to);
    assert_true(count >= 64); /* 64 KiB, and what the system took */
    for (int i = 0; i < count; i++) {
        assert_int_equal(hoop_datagram_recv(server, data, sizeof data, NULL), 1024);
        snprintf(expected, sizeof expected, "%d", i);
        assert_string_equal(data, expected);
    }
    let_others_wait();
    assert_int_equal(count_datagrams(server), 0);
    assert_int_equal(hoop_datagram_sendto(client, "a", 1, to), 0); /* there is room again */
    assert_int_equal(hoop_datagram_recv(server, data, sizeof data, NULL), 1);
}

IN_A_TASK(what_the_system_does_not_take_is_sent_later_in_its_order)
{
    struct heard heard = {.received = 0};
    hoop_datagram *server = open_here(AF_UNIX);
    hoop_address address = local_address(server), here;
    assert_true(address_here(AF_UNIX, &here));
    hoop_datagram *client = endpoint_at(&heard, &here, &address);
    send_to_slow_one(NULL, server, client);
    hoop_datagram_close(client);
    client = endpoint_here(&heard, AF_UNIX);
    send_to_slow_one(&address, server, client);
    hoop_datagram_close(client);
    hoop_datagram_close(server);
    let_one_iteration_pass();
    assert_int_equal(heard.errors, 0);
}

IN_A_TASK(datagrams_of_no_bytes_do_not_wait_without_a_limit)
{
    struct heard heard = {.received = 0};
    hoop_datagram *server = open_here(AF_UNIX), *client = endpoint_here(&heard, AF_UNIX);
    hoop_address address = local_address(server);
    int count = send_until_refused(client, 0, &address);
    assert_true(count >= 1024 && count < 100000);
    hoop_datagram_close(client); /* they are dropped */
    hoop_datagram_close(server);
    let_one_iteration_pass();
    assert_int_equal(heard.lost, 1);
}

IN_A_TASK(what_waited_and_could_not_be_sent_is_told)
{
    struct heard heard = {.received = 0};
    hoop_datagram *server = open_here(AF_UNIX), *client = endpoint_here(&heard, AF_UNIX);
    hoop_address address = local_address(server);
    int count = send_until_refused(client, 1024, &address);
    size_t taken = count_datagrams(server);
    hoop_datagram_close(server);
    let_others_wait();
    assert_int_equal(heard.errors, count - (int)taken);
    assert_int_equal(heard.last_error, -ECONNREFUSED);
    hoop_datagram_close(client);
    let_one_iteration_pass();
}

/* ---- closing ---- */

IN_A_TASK(a_socket_can_be_closed_by_a_datagram_and_then_no_more_come)
{
    struct heard heard = {.closes = true};
    hoop_datagram *server = endpoint_here(&heard, AF_INET);
    hoop_datagram *client = open_connected(AF_INET, server);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hoop_datagram_send(client, "a", 1, NULL), 1);
    let_others_wait();
    assert_int_equal(heard.received, 1);
    assert_int_equal(heard.lost, 1);
    hoop_datagram_close(client);
}

IN_A_TASK(a_socket_can_be_closed_by_an_error)
{
    struct heard heard = {.closes = true};
    hoop_address nobody = abandoned_address(AF_INET, SOCK_DGRAM);
    hoop_datagram *client = endpoint_at(&heard, NULL, &nobody);
    assert_int_equal(hoop_datagram_sendto(client, "a", 1, NULL), 0);
    let_others_wait();
    assert_int_equal(heard.errors, 1);
    assert_int_equal(heard.lost, 1);
}

static void made_and_closed(void *arg, hoop_datagram *socket)
{
    made(arg, socket);
    hoop_datagram_close(socket);
    hoop_datagram_close(socket); /* it is closed already */
}

IN_A_TASK(a_socket_can_be_closed_as_soon_as_it_is_made)
{
    static const hoop_datagram_protocol protocol = {made_and_closed, received, failed, lost};
    struct heard heard = {.received = 0};
    hoop_address address;
    hoop_datagram *socket;
    assert_true(address_here(AF_INET, &address));
    assert_int_equal(
        hoop_create_datagram_endpoint(&protocol, &heard, &address, NULL, NULL, &socket), 0);
    assert_int_equal(heard.lost, 0);
    let_one_iteration_pass();
    assert_int_equal(heard.lost, 1);
    assert_int_equal(heard.lost_error, 0);
}

struct left {
    struct heard heard;
    bool closes;
};

static int64_t leave_endpoint(void *arg)
{
    struct left *left = arg;
    hoop_datagram *socket = endpoint_here(&left->heard, AF_INET);
    hoop_address address = local_address(socket);
    assert_int_equal(hoop_datagram_sendto(socket, "a", 1, &address), 0);
    if (left->closes)
        hoop_datagram_close(socket);
    return 0;
}

static void a_loop_that_is_closed_says_goodbye_to_the_protocol(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct left left = {.closes = closes == 1};
        struct reports reports = {0};
        hoop_loop *loop = reporting_loop(&reports);
        hoop_set_debug(loop, true);
        hoop_task_detach(
            hoop_create_task_with(leave_endpoint, &left, &(hoop_task_options){.loop = loop}));
        assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_int_equal(hoop_close(loop), 0);
        assert_int_equal(left.heard.lost, 1);
        assert_int_equal(left.heard.lost_error, left.closes ? 0 : HOOP_ECLOSED);
        assert_int_equal(reports.count, left.closes ? 0 : 1);
    }
}

/* ---- where the callbacks run ---- */

static char none[] = "none";
static const hoop_context_var number = {.name = "number", .default_value = none};

/* Notes which value it sees, and whether a task runs. */
static void note(struct record *record)
{
    char text[32];
    const char *value = hoop_context_get(&number);
    snprintf(text, sizeof text, "%s%s", value, hoop_current_task() != NULL ? "(task)" : "");
    record_add(record, text);
}

static void note_made(void *arg, hoop_datagram *socket)
{
    (void)socket;
    note(arg);
}

static void note_received(void *arg, const void *data, size_t size, const hoop_address *from)
{
    (void)data;
    (void)size;
    (void)from;
    note(arg);
}

static void note_lost(void *arg, int error)
{
    (void)error;
    note(arg);
}

IN_A_TASK(callbacks_run_in_the_context_of_who_made_it_and_in_no_task)
{
    static const hoop_datagram_protocol notes = {.connection_made = note_made,
                                                 .datagram_received = note_received,
                                                 .connection_lost = note_lost};
    static char one[] = "one", two[] = "two";
    struct record record = {""};
    hoop_address address;
    hoop_datagram *socket;
    assert_true(address_here(AF_INET, &address));
    assert_int_equal(hoop_context_set(&number, one), 0);
    assert_int_equal(hoop_create_datagram_endpoint(&notes, &record, &address, NULL, NULL, &socket),
                     0);
    assert_int_equal(hoop_context_set(&number, two), 0);
    address = local_address(socket);
    assert_int_equal(hoop_datagram_sendto(socket, "a", 1, &address), 0);
    let_others_wait();
    hoop_datagram_close(socket);
    let_one_iteration_pass();
    assert_record(&record, "one one one");
}

/* ---- floods ---- */

IN_A_TASK(a_flood_keeps_nobody_waiting)
{
    struct heard heard = {.answers = true};
    hoop_datagram *server = endpoint_here(&heard, AF_INET);
    hoop_address address = local_address(server);
    for (int i = 0; i < 50; i++) /* to itself, for ever */
        assert_int_equal(hoop_datagram_sendto(server, "a", 1, &address), 0);
    for (int i = 0; i < 100; i++) {
        int before = heard.received;
        let_one_iteration_pass();
        assert_true(heard.received - before <= 64);
    }
    assert_true(heard.received > 100);
    hoop_datagram_close(server);
    let_one_iteration_pass();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(datagrams_come_to_the_protocol_which_can_answer_in_each_family),
        BEHAVIOUR(most_of_a_protocol_may_be_missing),
        BEHAVIOUR(a_datagram_of_any_size_is_received_whole),
        BEHAVIOUR(that_nobody_is_there_is_told_and_disturbs_nothing),
        BEHAVIOUR(a_datagram_that_cannot_be_sent_is_refused_at_once),
        BEHAVIOUR(tasks_do_not_send_or_receive_beside_a_protocol),
        BEHAVIOUR(what_the_system_does_not_take_is_sent_later_in_its_order),
        BEHAVIOUR(datagrams_of_no_bytes_do_not_wait_without_a_limit),
        BEHAVIOUR(what_waited_and_could_not_be_sent_is_told),
        BEHAVIOUR(a_socket_can_be_closed_by_a_datagram_and_then_no_more_come),
        BEHAVIOUR(a_socket_can_be_closed_by_an_error),
        BEHAVIOUR(a_socket_can_be_closed_as_soon_as_it_is_made),
        BEHAVIOUR(a_loop_that_is_closed_says_goodbye_to_the_protocol),
        BEHAVIOUR(callbacks_run_in_the_context_of_who_made_it_and_in_no_task),
        BEHAVIOUR(a_flood_keeps_nobody_waiting),
    };
    return cmocka_run_group_tests_name("datagram_protocol", tests, NULL, NULL);
}
