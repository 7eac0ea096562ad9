/* SPDX-License-Identifier: MIT
 *
 * hoop_sock_... without memory, and with a system that fails: each error comes out of the call that
 * met it, and no byte is lost or sent twice.
 */
#include "reports.h"
#include "socket_pair.h"
#include "sockets.h"

struct world {
    int ends[2];
    hoop_task *receiver; /* to be told if nothing comes */
    size_t received;
    int64_t sender_rc; /* what the other task's call returned; HOOP_EPENDING before that */
};

static int64_t send_later(void *arg)
{
    struct world *world = arg;
    int rc = hoop_sleep(1);
    if (rc == 0)
        rc = hoop_sock_sendall(world->ends[1], "abc", 3, NULL);
    if (rc < 0)
        hoop_task_cancel(world->receiver);
    world->sender_rc = rc;
    return rc;
}

/* Waits for three bytes, and answers. */
static int64_t receive_and_answer(void *arg)
{
    struct world *world = arg;
    char data[8];
    world->receiver = hoop_current_task();
    hoop_task *sender = hoop_create_task(send_later, world);
    if (sender == NULL)
        return hoop_last_error();
    hoop_task_detach(sender);
    int64_t rc = hoop_sock_recv(world->ends[0], data, sizeof data);
    if (rc < 0)
        return rc;
    world->received += (size_t)rc;
    return hoop_sock_sendall(world->ends[0], "defg", 4, NULL);
}

static size_t count_bytes(int fd)
{
    char data[64];
    ssize_t count;
    size_t total = 0;
    while ((count = read(fd, data, sizeof data)) > 0)
        total += (size_t)count;
    return total;
}

static void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

static int run_in_a_loop(hoop_coroutine_fn fn, void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, drop_report, NULL);
    int64_t result = hoop_run_until_complete(loop, fn, arg);
    hoop_close(loop);
    return (int)result;
}

static int exchange_bytes(void *arg)
{
    struct world world = {.sender_rc = HOOP_EPENDING};
    (void)arg;
    open_pair(world.ends);
    int rc = run_in_a_loop(receive_and_answer, &world);
    size_t unread = count_bytes(world.ends[0]), answered = count_bytes(world.ends[1]);
    assert_int_equal(world.received + unread, world.sender_rc == 0 ? 3 : 0);
    assert_true(answered == 0 || (answered == 4 && world.received == 3));
    if (rc == 0)
        assert_int_equal(answered, 4);
    close_pair(world.ends);
    return rc;
}

static void bytes_are_neither_lost_nor_doubled_by_failures(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, exchange_bytes, NULL) >= 6);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, exchange_bytes, NULL) >= 8);
}

struct connection {
    int listener;
    int client;
    hoop_address address;
};

static int64_t connect_soon(void *arg)
{
    const struct connection *connection = arg;
    return hoop_sock_connect(connection->client, &connection->address);
}

static int64_t accept_connection(void *arg)
{
    struct connection *connection = arg;
    hoop_task *client = hoop_create_task(connect_soon, connection);
    if (client == NULL)
        return hoop_last_error();
    hoop_task_detach(client);
    hoop_address from;
    int accepted = hoop_sock_accept(connection->listener, &from);
    if (accepted < 0)
        return accepted;
    close(accepted);
    return 0;
}

static int make_a_connection(void *arg)
{
    struct connection connection = {.listener = listening_socket(*(int *)arg, 8)};
    connection.address = bound_address(connection.listener);
    connection.client = new_socket(*(int *)arg, SOCK_STREAM);
    /* If the client fails nobody is accepted: the acceptor's wait must end with the loop. */
    hoop_loop *loop = hoop_new_event_loop();
    int64_t rc = loop == NULL ? hoop_last_error() : 0;
    if (loop != NULL) {
        hoop_set_exception_handler(loop, drop_report, NULL);
        hoop_task *task = hoop_create_task_with(accept_connection, &connection,
                                                &(hoop_task_options){.loop = loop});
        rc = task == NULL ? hoop_last_error() : HOOP_EPENDING;
        for (int i = 0; i < 100 && rc == HOOP_EPENDING; i++) {
            (void)hoop_run_once(loop, 0.01);
            rc = hoop_future_result(hoop_task_future(task));
        }
        if (task != NULL)
            hoop_task_detach(task);
        hoop_close(loop);
    }
    close(connection.client);
    close(connection.listener);
    return (int)rc;
}

static void failures_of_connecting_and_accepting_leave_nothing_open(void **state)
{
    (void)state;
    int ipv4 = AF_INET, unix_family = AF_UNIX;
    fail_each(HOOP_FAIL_ALLOCATION, make_a_connection, &ipv4);
    fail_each(HOOP_FAIL_SYSCALL, make_a_connection, &ipv4);
    fail_each(HOOP_FAIL_SYSCALL, make_a_connection, &unix_family);
}

static int64_t send_a_file(void *arg)
{
    struct world *world = arg;
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs("0123456789", file);
    fflush(file);
    uint64_t sent = 99;
    int64_t rc = hoop_sock_sendfile(world->ends[0], fileno(file), 2, 0, &sent);
    assert_int_equal(sent, rc < 0 ? 0 : 8);
    world->received = (size_t)sent;
    fclose(file);
    return rc < 0 ? rc : 0;
}

static int send_a_file_in_a_loop(void *arg)
{
    struct world world = {.received = 0};
    (void)arg;
    open_pair(world.ends);
    int rc = run_in_a_loop(send_a_file, &world);
    assert_int_equal(count_bytes(world.ends[1]), world.received);
    close_pair(world.ends);
    return rc;
}

static void a_file_that_could_not_be_sent_was_not_sent(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, send_a_file_in_a_loop, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(bytes_are_neither_lost_nor_doubled_by_failures),
        BEHAVIOUR(failures_of_connecting_and_accepting_leave_nothing_open),
        BEHAVIOUR(a_file_that_could_not_be_sent_was_not_sent),
    };
    return cmocka_run_group_tests_name("sock_failures", tests, NULL, NULL);
}
