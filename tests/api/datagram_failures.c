/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets without memory, and with a system that fails: each error comes out of the call
 * that met it; what was refused was not sent, what was not received is still there, and nothing
 * stays open.
 */
#include "datagrams.h"
#include "reports.h"

struct world {
    int peer; /* the other end, which the test has in its hand */
    hoop_address peer_address;
    hoop_address own_address;
    size_t sent;     /* datagrams for which a call of hoop's said so */
    size_t received; /* by the peer */
    size_t heard;    /* datagrams that came to a protocol */
    size_t errors;
    size_t lost;
};

static void world_init(struct world *world)
{
    *world = (struct world){.peer = bound_socket(AF_UNIX, SOCK_DGRAM)};
    world->peer_address = bound_address(world->peer);
    assert_true(address_here(AF_UNIX, &world->own_address));
}

static void peer_receives(void *arg)
{
    struct world *world = arg;
    char data[64];
    while (recv(world->peer, data, sizeof data, 0) >= 0)
        world->received++;
}

static void peer_sends(void *arg)
{
    struct world *world = arg;
    (void)!sendto(world->peer, "hello", 5, 0, raw_address(&world->own_address),
                  world->own_address.size);
}

static int fill_peer(struct world *world)
{
    int fd = new_socket(AF_UNIX, SOCK_DGRAM), count = 0;
    while (sendto(fd, "x", 1, 0, raw_address(&world->peer_address), world->peer_address.size) == 1)
        count++;
    close(fd);
    return count;
}

/* Calls FN(WORLD) in a moment. */
static int later(hoop_callback_fn fn, struct world *world)
{
    hoop_handle handle = hoop_call_later(hoop_running_loop(), 0.001, fn, world);
    return handle < 0 ? (int)handle : 0;
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

/* Receives one of five bytes; after a failure it must still be there. */
static int receive_hello(hoop_datagram *socket)
{
    char data[8] = "";
    hoop_address from;
    int64_t rc = hoop_datagram_recv(socket, data, sizeof data, &from);
    if (rc < 0 && count_datagrams(socket) == 1)
        return (int)rc;
    if (rc >= 0) {
        assert_int_equal(rc, 5);
        assert_string_equal(data, "hello");
    }
    return rc < 0 ? (int)rc : 0;
}

static int send_waiting(struct world *world, hoop_datagram *socket)
{
    int filled = fill_peer(world);
    int rc = later(peer_receives, world);
    if (rc == 0)
        rc = (int)hoop_datagram_send(socket, "abc", 3, &world->peer_address);
    world->sent += (size_t)filled + (rc > 0);
    return rc;
}

static int send_batch(struct world *world, hoop_datagram *socket)
{
    char text[] = "abc";
    hoop_message messages[5];
    for (int i = 0; i < 5; i++)
        messages[i] = (hoop_message){.data = text, .size = 3, .address = &world->peer_address};
    int64_t rc = hoop_datagram_send_many(socket, messages, 5);
    world->sent += rc > 0 ? (size_t)rc : 0;
    assert_true(rc < 0 || rc == 5);
    return rc < 0 ? (int)rc : 0;
}

static int64_t exchange(void *arg)
{
    struct world *world = arg;
    hoop_datagram *socket;
    int rc = hoop_open_datagram(&world->own_address, NULL, NULL, &socket);
    if (rc < 0)
        return rc;
    peer_sends(world);
    rc = receive_hello(socket); /* it is there */
    if (rc == 0)
        rc = later(peer_sends, world);
    if (rc == 0)
        rc = receive_hello(socket); /* it comes */
    if (rc == 0)
        rc = send_batch(world, socket);
    if (rc == 0)
        rc = send_waiting(world, socket);
    hoop_datagram_close(socket);
    return rc < 0 ? rc : 0;
}

static int exchange_in_a_loop(void *arg)
{
    struct world world;
    (void)arg;
    world_init(&world);
    int rc = run_in_a_loop(exchange, &world);
    peer_receives(&world);
    close(world.peer);
    if (rc >= 0)
        assert_int_equal(world.received, world.sent);
    else
        assert_true(world.received >= world.sent);
    return rc;
}

static void failures_are_told_and_lose_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, exchange_in_a_loop, NULL) >= 6);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, exchange_in_a_loop, NULL) >= 12);
}

/* ---- opening ---- */

static int64_t open_with_options(void *arg)
{
    const hoop_datagram_options options = {
        .reuse_port = true, .broadcast = true, .receive_buffer = 20000, .send_buffer = 20000};
    hoop_address *addresses = arg;
    hoop_datagram *untouched = (hoop_datagram *)arg, *socket = untouched;
    int rc = hoop_open_datagram(&addresses[0], &addresses[1], &options, &socket);
    if (rc < 0) {
        assert_ptr_equal(socket, untouched);
        return rc;
    }
    hoop_datagram_close(socket);
    return 0;
}

static int open_in_a_loop(void *arg)
{
    return run_in_a_loop(open_with_options, arg);
}

static int64_t take_over(void *fd)
{
    hoop_datagram *socket;
    int rc = hoop_open_datagram_fd(*(int *)fd, &socket);
    *(int *)fd = -1;
    if (rc == 0)
        hoop_datagram_close(socket);
    return rc;
}

static int take_over_in_a_loop(void *arg)
{
    (void)arg;
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    int rc = run_in_a_loop(take_over, &fd);
    if (fd >= 0)
        close(fd); /* it did not come to that */
    return rc;
}

static void a_socket_that_could_not_be_opened_leaves_nothing_open(void **state)
{
    (void)state;
    hoop_address addresses[2];
    assert_true(address_here(AF_INET, &addresses[0]));
    addresses[1] = abandoned_address(AF_INET, SOCK_DGRAM);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, open_in_a_loop, addresses) >= 3);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, open_in_a_loop, addresses) >= 9);
    fail_each(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, take_over_in_a_loop, NULL);
}

/* ---- with a protocol ---- */

static void count_received(void *arg, const void *data, size_t size, const hoop_address *from)
{
    struct world *world = arg;
    (void)from;
    assert_int_equal(size, 5);
    assert_memory_equal(data, "hello", 5);
    world->heard++;
}

static void count_error(void *arg, int error)
{
    struct world *world = arg;
    assert_true(error == -ENOMEM || error == -HOOP_TESTING_ERRNO);
    world->errors++;
}

static void count_lost(void *arg, int error)
{
    struct world *world = arg;
    assert_true(error == 0 || error == HOOP_ECLOSED);
    world->lost++;
}

static const hoop_datagram_protocol counting = {
    .datagram_received = count_received,
    .error_received = count_error,
    .connection_lost = count_lost,
};

/* Sends more than the system takes at once, while the peer sends, too. */
static int64_t use_endpoint(void *arg)
{
    struct world *world = arg;
    hoop_datagram *socket;
    int rc =
        hoop_create_datagram_endpoint(&counting, world, &world->own_address, NULL, NULL, &socket);
    if (rc < 0)
        return rc;
    size_t filled = (size_t)fill_peer(world), taken = 0;
    for (int i = 0; i < 5; i++) {
        int sent = hoop_datagram_sendto(socket, "abc", 3, &world->peer_address);
        taken += sent == 0;
        rc = sent < 0 ? sent : rc;
    }
    peer_sends(world);
    int slept = hoop_sleep(1);
    peer_receives(world); /* there is room */
    if (slept == 0)
        slept = hoop_sleep(1);
    peer_receives(world);
    if (slept == 0) { /* an error is of one that was not sent, or of receiving */
        assert_int_equal(world->heard, 1);
        assert_true(world->received <= filled + taken);
        assert_true(world->received + world->errors >= filled + taken);
    }
    hoop_datagram_close(socket);
    return rc < 0 ? rc : slept;
}

static int use_endpoint_in_a_loop(void *arg)
{
    struct world world;
    (void)arg;
    world_init(&world);
    int rc = run_in_a_loop(use_endpoint, &world);
    close(world.peer);
    assert_true(world.lost <= 1);
    if (rc == 0)
        assert_int_equal(world.lost, 1);
    return rc;
}

static void failures_with_a_protocol_are_told_and_lose_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, use_endpoint_in_a_loop, NULL) >= 8);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, use_endpoint_in_a_loop, NULL) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(failures_are_told_and_lose_nothing),
        BEHAVIOUR(a_socket_that_could_not_be_opened_leaves_nothing_open),
        BEHAVIOUR(failures_with_a_protocol_are_told_and_lose_nothing),
    };
    return cmocka_run_group_tests_name("datagram_failures", tests, NULL, NULL);
}
