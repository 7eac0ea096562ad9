/* SPDX-License-Identifier: MIT
 *
 * Protocols over TLS: their callbacks know nothing of it, and their clients need no task but for
 * the handshake.
 */
#include "network.h"
#include "protocol_subject.h"
#include "tls_identity.h"

struct house {
    struct subject subject; /* of the last client */
    int count;
    hoop_server *server;
    hoop_tls *client_tls, *server_tls;
};

static void *make_subject(void *arg)
{
    struct house *house = arg;
    assert_null(hoop_current_task());
    house->count++;
    house->subject = (struct subject){.fd = -1, .keeps = house->subject.keeps};
    return &house->subject;
}

static void house_open(struct house *house)
{
    house->server_tls = server_tls_with((hoop_tls_options){0});
    house->client_tls = client_tls_with((hoop_tls_options){0});
    const hoop_server_options options = {.tls = house->server_tls, .stream.tls_timeout = 5};
    assert_int_equal(hoop_create_server(&subject_protocol, make_subject, house, "127.0.0.1", 0,
                                        &options, &house->server),
                     0);
}

static void house_close(struct house *house)
{
    end_server(house->server);
    hoop_tls_unref(house->server_tls);
    hoop_tls_unref(house->client_tls);
}

static int try_to_connect(struct house *house, struct subject *subject, const char *name)
{
    const hoop_connection_options options = {.tls = house->client_tls, .server_name = name};
    hoop_transport *transport;
    subject->fd = -1;
    return hoop_create_connection(&subject_protocol, subject, "127.0.0.1", port_of(house->server),
                                  &options, &transport);
}

static void connect_subject(struct house *house, struct subject *subject)
{
    assert_int_equal(try_to_connect(house, subject, "example.org"), 0);
    assert_record(&subject->record, "made");
}

IN_A_TASK(protocols_talk_over_tls_as_they_do_without)
{
    struct house house = {0};
    struct subject subject = {0};
    house_open(&house);
    connect_subject(&house, &subject);
    assert_non_null(hoop_transport_ssl(subject.transport));
    assert_int_equal(hoop_transport_write(subject.transport, "question", 8), 0);
    let_others_wait();
    assert_string_equal(house.subject.data, "question");
    assert_int_equal(hoop_transport_write(house.subject.transport, "answer", 6), 0);
    hoop_transport_close(house.subject.transport);
    let_others_wait();
    assert_string_equal(subject.data, "answer");
    assert_record(&subject.record, "made data eof lost");
    assert_record(&house.subject.record, "made data lost");
    assert_int_equal(house.subject.error, 0);
    assert_int_equal(subject.error, 0);
    house_close(&house);
    subject_end(&subject);
}

IN_A_TASK(who_keeps_the_connection_after_the_end_can_write_over_tls_too)
{
    struct house house = {.subject.keeps = true};
    struct subject subject = {0};
    house_open(&house);
    connect_subject(&house, &subject);
    assert_int_equal(hoop_transport_write_eof(subject.transport), 0);
    let_others_wait();
    assert_record(&house.subject.record, "made eof");
    assert_int_equal(hoop_transport_write(house.subject.transport, "answer", 6), 0);
    hoop_transport_close(house.subject.transport);
    let_others_wait();
    assert_string_equal(subject.data, "answer");
    assert_record(&subject.record, "made data eof lost");
    house_close(&house);
    subject_end(&subject);
}

static void write_at_once(struct subject *subject)
{
    assert_int_equal(hoop_transport_write(subject->transport, "hello", 5), 0);
}

IN_A_TASK(what_comes_with_the_handshake_is_received)
{
    struct house house = {0};
    struct subject subject = {.when = "made", .does = write_at_once};
    house_open(&house);
    connect_subject(&house, &subject);
    let_others_wait();
    assert_string_equal(house.subject.data, "hello");
    hoop_transport_close(subject.transport);
    let_others_wait();
    assert_record(&house.subject.record, "made data eof lost");
    house_close(&house);
    subject_end(&subject);
}

IN_A_TASK(too_much_pauses_over_tls_as_well)
{
    struct house house = {0};
    struct subject subject = {0};
    house_open(&house);
    connect_subject(&house, &subject);
    let_others_wait();
    hoop_transport_pause_reading(house.subject.transport);
    for (int i = 0; i < 8; i++)
        write_much(&subject);
    let_others_wait();
    assert_record(&subject.record, "made pause");
    hoop_transport_abort(house.subject.transport);
    let_others_wait();
    assert_int_equal(subject.losses, 1);
    house_close(&house);
    subject_end(&subject);
}

static char *received;
static size_t received_size;

static void receive_much(void *arg, const void *data, size_t size)
{
    (void)arg;
    assert_true(received_size + size <= MUCH);
    memcpy(received + received_size, data, size);
    received_size += size;
}

IN_A_TASK(a_large_write_arrives_whole)
{
    static char memory[MUCH];
    struct house house = {0};
    struct subject subject = {0};
    hoop_protocol protocol = subject_protocol;
    protocol.data_received = receive_much;
    received = memory;
    received_size = 0;
    house_open(&house);
    connect_subject(&house, &subject);
    hoop_transport_set_protocol(subject.transport, &protocol, &subject);
    let_others_wait();
    assert_int_equal(hoop_transport_write(house.subject.transport, much, MUCH), 0);
    let_others_wait();
    assert_int_equal(received_size, MUCH);
    assert_memory_equal(memory, much, MUCH);
    hoop_transport_close(subject.transport);
    let_others_wait();
    house_close(&house);
    subject_end(&subject);
}

IN_A_TASK(a_client_that_is_not_believed_calls_no_protocol)
{
    struct house house = {0};
    struct subject subject = {0};
    house_open(&house);
    assert_int_equal(try_to_connect(&house, &subject, "elsewhere.org"), HOOP_ECERTIFICATE);
    assert_true(strlen(hoop_error_message()) > 0);
    assert_record(&subject.record, "");
    let_others_wait();
    assert_int_equal(hoop_server_client_count(house.server), 0);
    house_close(&house);
}

/* ---- clients that come to nothing ---- */

IN_A_TASK(who_does_not_shake_hands_is_no_client_for_the_program)
{
    struct house house = {0};
    house_open(&house);
    hoop_stream *silent = connect_to(house.server), *garbage = connect_to(house.server);
    assert_int_equal(hoop_stream_write(garbage, "GET / HTTP/1.0\r\n\r\n", 18), 18);
    let_others_wait();
    assert_int_equal(hoop_server_client_count(house.server), 1);
    assert_int_equal(hoop_sleep(5), 0); /* tls_timeout */
    assert_int_equal(hoop_server_client_count(house.server), 0);
    assert_int_equal(house.count, 0);
    hoop_stream_abort(silent);
    hoop_stream_abort(garbage);
    house_close(&house);
}

IN_A_TASK(a_server_can_end_clients_that_shake_hands_still)
{
    void (*ends[])(hoop_server *) = {hoop_server_close_clients, hoop_server_abort_clients};
    for (int i = 0; i < 2; i++) {
        struct house house = {0};
        house_open(&house);
        hoop_stream *silent = connect_to(house.server);
        let_others_wait();
        assert_int_equal(hoop_server_client_count(house.server), 1);
        ends[i](house.server);
        let_others_wait();
        assert_int_equal(hoop_server_client_count(house.server), 0);
        hoop_stream_abort(silent);
        house_close(&house);
    }
}

IN_A_TASK(a_shutdown_ends_clients_that_shake_hands_still)
{
    struct house house = {0};
    house_open(&house);
    hoop_stream *silent = connect_to(house.server);
    let_others_wait();
    assert_int_equal(hoop_server_shutdown(house.server, 1), 1);
    assert_int_equal(house.count, 0);
    hoop_stream_abort(silent);
    house_close(&house);
}

static struct house house_left;

static int64_t leave_shaking(void *arg)
{
    (void)arg;
    house_left = (struct house){0};
    house_open(&house_left);
    (void)connect_to(house_left.server);
    let_others_wait();
    return 0;
}

static void the_loop_may_end_in_the_middle_of_a_handshake(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_shaking, NULL), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_string_equal(reports.message, "task was destroyed but it is pending");
    assert_int_equal(house_left.count, 0);
    hoop_tls_unref(house_left.server_tls);
    hoop_tls_unref(house_left.client_tls);
}

static void without_memory_for_the_handshake_the_client_waits_or_goes(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_shaking, NULL), 0);
    for (unsigned n = 1; n < 8; n++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(port_of(house_left.server))};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, n);
        for (int i = 0; i < 5; i++)
            assert_int_equal(hoop_run_once(loop, 0), 0);
        hoop_testing_fail_nth(0, 0);
        close(fd);
        for (int i = 0; i < 5; i++)
            assert_int_equal(hoop_run_once(loop, 2), 0);
    }
    assert_int_equal(house_left.count, 0);
    assert_int_equal(hoop_close(loop), 0);
    hoop_tls_unref(house_left.server_tls);
    hoop_tls_unref(house_left.client_tls);
}

int main(void)
{
    make_much();
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(protocols_talk_over_tls_as_they_do_without),
        BEHAVIOUR(who_keeps_the_connection_after_the_end_can_write_over_tls_too),
        BEHAVIOUR(what_comes_with_the_handshake_is_received),
        BEHAVIOUR(too_much_pauses_over_tls_as_well),
        BEHAVIOUR(a_large_write_arrives_whole),
        BEHAVIOUR(a_client_that_is_not_believed_calls_no_protocol),
        BEHAVIOUR(who_does_not_shake_hands_is_no_client_for_the_program),
        BEHAVIOUR(a_server_can_end_clients_that_shake_hands_still),
        BEHAVIOUR(a_shutdown_ends_clients_that_shake_hands_still),
        BEHAVIOUR(the_loop_may_end_in_the_middle_of_a_handshake),
        BEHAVIOUR(without_memory_for_the_handshake_the_client_waits_or_goes),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
