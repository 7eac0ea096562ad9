/* SPDX-License-Identifier: MIT
 *
 * Connections and servers with a protocol each.
 */
#include <math.h>

#include "network.h"
#include "protocol_subject.h"

/* What a factory has made: a subject for each client, in the order in which they came. */
struct house {
    struct subject subjects[4];
    int count;
    int refused; /* how many are let in no more */
    hoop_server *server;
    void (*does)(struct house *house); /* the factory; or NULL */
};

static void *make_subject(void *arg)
{
    struct house *house = arg;
    assert_null(hoop_current_task());
    if (house->does != NULL)
        house->does(house);
    if (house->refused > 0) {
        house->refused--;
        return NULL;
    }
    struct subject *subject = &house->subjects[house->count++];
    subject->fd = -1;
    return subject;
}

static void house_open_with(struct house *house, const hoop_server_options *options)
{
    assert_int_equal(hoop_create_server(&subject_protocol, make_subject, house, "127.0.0.1", 0,
                                        options, &house->server),
                     0);
}

static void house_open(struct house *house)
{
    house_open_with(house, NULL);
}

static void subject_connect(struct subject *subject, uint16_t port)
{
    hoop_transport *transport = NULL;
    subject->fd = -1;
    assert_int_equal(
        hoop_create_connection(&subject_protocol, subject, "127.0.0.1", port, NULL, &transport), 0);
    assert_ptr_equal(transport, subject->transport);
    assert_record(&subject->record, "made");
}

/* ---- both ends ---- */

IN_A_TASK(a_protocol_talks_to_a_protocol)
{
    struct house house = {0};
    struct subject subject = {0};
    house_open(&house);
    subject_connect(&subject, port_of(house.server));
    assert_int_equal(hoop_transport_write(subject.transport, "question", 8), 0);
    let_others_wait();
    assert_string_equal(house.subjects[0].data, "question");
    assert_int_equal(hoop_transport_write(house.subjects[0].transport, "answer", 6), 0);
    hoop_transport_close(house.subjects[0].transport);
    let_others_wait();
    assert_string_equal(subject.data, "answer");
    assert_record(&subject.record, "made data eof lost");
    assert_record(&house.subjects[0].record, "made data lost");
    end_server(house.server);
    subject_end(&subject);
}

IN_A_TASK(unix_sockets_serve_protocols_as_well)
{
    struct house house = {0};
    struct subject subject = {.fd = -1};
    hoop_transport *transport;
    const char *path = "@hoop-test-protocol";
    assert_int_equal(
        hoop_create_unix_server(&subject_protocol, make_subject, &house, path, NULL, &house.server),
        0);
    assert_int_equal(
        hoop_create_unix_connection(&subject_protocol, &subject, path, NULL, &transport), 0);
    assert_int_equal(hoop_transport_write(transport, "x", 1), 0);
    let_others_wait();
    assert_string_equal(house.subjects[0].data, "x");
    hoop_transport_close(transport);
    let_others_wait();
    assert_record(&house.subjects[0].record, "made data eof lost");
    end_server(house.server);
    subject_end(&subject);
}

IN_A_TASK(a_connection_that_fails_calls_no_protocol)
{
    struct subject subject = {0};
    hoop_transport *transport = NULL;
    assert_int_equal(hoop_create_connection(&subject_protocol, &subject, "127.0.0.1", free_port(),
                                            NULL, &transport),
                     -ECONNREFUSED);
    assert_int_equal(hoop_create_unix_connection(&subject_protocol, &subject, "/nowhere/at/all",
                                                 NULL, &transport),
                     -ENOENT);
    assert_int_equal(
        hoop_create_connection(&(hoop_protocol){0}, &subject, "127.0.0.1", 1, NULL, &transport),
        -EINVAL);
    assert_null(transport);
    assert_record(&subject.record, "");
}

static void abort_transport(struct subject *subject)
{
    hoop_transport_abort(subject->transport);
}

IN_A_TASK(a_connection_may_be_given_up_as_soon_as_it_is_made)
{
    struct house house = {0};
    struct subject subject = {.when = "made", .does = abort_transport};
    house_open(&house);
    subject_connect(&subject, port_of(house.server));
    let_others_wait();
    assert_record(&subject.record, "made lost");
    end_server(house.server);
    subject_end(&subject);
}

/* ---- the factory ---- */

IN_A_TASK(a_factory_can_refuse_a_client)
{
    struct house house = {.refused = 1};
    house_open(&house);
    hoop_stream *refused = connect_to(house.server), *served = connect_to(house.server);
    assert_is_at_end(refused);
    assert_int_equal(hoop_stream_write(served, "x", 1), 1);
    let_others_wait();
    assert_int_equal(house.count, 1);
    assert_int_equal(hoop_server_client_count(house.server), 1);
    assert_string_equal(house.subjects[0].data, "x");
    hoop_stream_abort(refused);
    hoop_stream_abort(served);
    end_server(house.server);
}

IN_A_TASK(a_server_needs_a_whole_protocol_and_a_factory)
{
    hoop_server *server = NULL;
    assert_int_equal(
        hoop_create_server(&(hoop_protocol){0}, make_subject, NULL, "127.0.0.1", 0, NULL, &server),
        -EINVAL);
    assert_int_equal(
        hoop_create_server(&subject_protocol, NULL, NULL, "127.0.0.1", 0, NULL, &server), -EINVAL);
    assert_int_equal(hoop_create_unix_server(NULL, make_subject, NULL, "@hoop-test", NULL, &server),
                     -EINVAL);
    assert_null(server);
}

static void abort_all(struct house *house)
{
    hoop_server_abort_clients(house->server);
}

static void free_server(struct house *house)
{
    hoop_server_free(house->server);
    house->server = NULL;
}

IN_A_TASK(a_factory_may_abort_the_client_that_it_makes)
{
    struct house house = {.does = abort_all};
    house_open(&house);
    hoop_stream *stream = connect_to(house.server);
    let_others_wait();
    assert_record(&house.subjects[0].record, "made lost");
    hoop_stream_abort(stream);
    end_server(house.server);
}

IN_A_TASK(a_factory_may_free_the_server)
{
    struct house house = {.does = free_server};
    house_open(&house);
    hoop_stream *stream = connect_to(house.server);
    assert_int_equal(hoop_stream_write(stream, "x", 1), 1);
    let_others_wait();
    assert_string_equal(house.subjects[0].data, "x");
    hoop_stream_abort(stream);
    let_others_wait();
    assert_int_equal(house.subjects[0].losses, 1);
}

/* ---- the server's end ---- */

IN_A_TASK(a_server_closes_its_clients_after_what_waits_was_sent)
{
    struct house house = {0};
    static char taken[MUCH];
    house_open(&house);
    hoop_stream *stream = connect_to(house.server);
    let_others_wait();
    hoop_transport *transport = house.subjects[0].transport;
    assert_int_equal(hoop_transport_write(transport, much, MUCH), 0);
    hoop_server_close_clients(house.server);
    assert_true(hoop_transport_is_closing(transport));
    assert_int_equal(hoop_stream_readexactly(stream, taken, MUCH), MUCH);
    assert_memory_equal(taken, much, MUCH);
    assert_is_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(house.server);
    assert_int_equal(house.subjects[0].losses, 1);
}

IN_A_TASK(a_server_aborts_its_clients)
{
    struct house house = {0};
    house_open(&house);
    hoop_stream *one = connect_to(house.server), *other = connect_to(house.server);
    let_others_wait();
    assert_int_equal(hoop_server_client_count(house.server), 2);
    hoop_server_abort_clients(house.server);
    assert_int_equal(house.subjects[0].losses, 0); /* not from within the call */
    let_others_wait();
    assert_int_equal(hoop_server_client_count(house.server), 0);
    for (int i = 0; i < 2; i++) {
        assert_record(&house.subjects[i].record, "made lost");
        assert_int_equal(house.subjects[i].error, 0);
    }
    hoop_stream_abort(one);
    hoop_stream_abort(other);
    end_server(house.server);
}

IN_A_TASK(a_shutdown_waits_for_its_grace_and_closes_who_is_left)
{
    struct house house = {0};
    house_open(&house);
    hoop_stream *leaves = connect_to(house.server), *stays = connect_to(house.server);
    let_others_wait();
    assert_int_equal(hoop_stream_close(leaves), 0);
    double start = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_server_shutdown(house.server, 5), 1);
    assert_true(hoop_time(hoop_running_loop()) - start >= 5);
    assert_int_equal(house.subjects[0].losses, 1);
    assert_int_equal(house.subjects[1].losses, 1);
    assert_is_at_end(stays);
    assert_int_equal(hoop_stream_close(stays), 0);
    hoop_server_free(house.server);
}

IN_A_TASK(a_shutdown_ends_with_the_last_client)
{
    struct house house = {0};
    house_open(&house);
    hoop_stream *stream = connect_to(house.server);
    let_others_wait();
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(hoop_server_shutdown(house.server, INFINITY), 0);
    assert_record(&house.subjects[0].record, "made eof lost");
    hoop_server_free(house.server);
}

IN_A_TASK(a_shutdown_gives_a_client_that_does_not_read_its_time_and_no_more)
{
    struct house house = {0};
    const hoop_server_options options = {.stream.close_timeout = 3};
    house_open_with(&house, &options);
    hoop_stream *stream = connect_to(house.server);
    let_others_wait();
    for (int i = 0; i < 16; i++) /* more than the system holds for both ends */
        assert_int_equal(hoop_transport_write(house.subjects[0].transport, much, MUCH), 0);
    double start = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_server_shutdown(house.server, 1), 1);
    assert_true(hoop_time(hoop_running_loop()) - start < 5);
    assert_int_equal(house.subjects[0].error, -ETIMEDOUT);
    hoop_stream_abort(stream);
    hoop_server_free(house.server);
}

static struct house house_left;
static hoop_stream *stream_left;

static int64_t leave_open(void *arg)
{
    (void)arg;
    house_left = (struct house){0};
    house_open(&house_left);
    stream_left = connect_to(house_left.server);
    let_others_wait();
    return house_left.count == 1 ? 0 : -1;
}

static void the_loops_end_is_the_servers_and_its_clients(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_open, NULL), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_record(&house_left.subjects[0].record, "made lost");
    assert_int_equal(house_left.subjects[0].error, HOOP_ECLOSED);
}

/* ---- failures ---- */

static int64_t serve_one(void *arg)
{
    struct house house = {0};
    struct subject subject = {.fd = -1};
    hoop_transport *transport;
    (void)arg;
    int rc = hoop_create_server(&subject_protocol, make_subject, &house, "127.0.0.1", 0, NULL,
                                &house.server);
    if (rc < 0)
        return rc;
    rc = hoop_create_connection(&subject_protocol, &subject, "127.0.0.1", port_of(house.server),
                                NULL, &transport);
    if (rc == 0) {
        (void)hoop_transport_write(transport, "x", 1);
        for (int i = 0; i < 20 && rc == 0 && house.subjects[0].size == 0; i++)
            rc = hoop_sleep(0.1); /* a starved server tries again after a second */
        if (subject.transport != NULL)
            hoop_transport_abort(subject.transport);
    }
    hoop_server_free(house.server);
    for (int i = 0; i < 5; i++)
        rc = hoop_sleep(1) < 0 || rc < 0 ? -1 : 0;
    /* Who was made was lost, once. */
    for (int i = 0; i < house.count; i++)
        assert_int_equal(house.subjects[i].losses, 1);
    assert_int_equal(subject.losses, subject.record.text[0] != '\0');
    return rc;
}

static int serve_one_in_loop(void *arg)
{
    struct reports reports = {0};
    (void)arg;
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int rc = (int)hoop_run_until_complete(loop, serve_one, NULL);
    hoop_close(loop);
    return rc;
}

static void no_memory_is_an_error_or_starves_the_server_for_a_while(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, serve_one_in_loop, NULL) > 5);
}

static void a_failing_system_is_an_error_or_starves_the_server_for_a_while(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, serve_one_in_loop, NULL) > 10);
}

int main(void)
{
    make_much();
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_protocol_talks_to_a_protocol),
        BEHAVIOUR(unix_sockets_serve_protocols_as_well),
        BEHAVIOUR(a_connection_that_fails_calls_no_protocol),
        BEHAVIOUR(a_connection_may_be_given_up_as_soon_as_it_is_made),
        BEHAVIOUR(a_factory_can_refuse_a_client),
        BEHAVIOUR(a_server_needs_a_whole_protocol_and_a_factory),
        BEHAVIOUR(a_factory_may_abort_the_client_that_it_makes),
        BEHAVIOUR(a_factory_may_free_the_server),
        BEHAVIOUR(a_server_closes_its_clients_after_what_waits_was_sent),
        BEHAVIOUR(a_server_aborts_its_clients),
        BEHAVIOUR(a_shutdown_waits_for_its_grace_and_closes_who_is_left),
        BEHAVIOUR(a_shutdown_ends_with_the_last_client),
        BEHAVIOUR(a_shutdown_gives_a_client_that_does_not_read_its_time_and_no_more),
        BEHAVIOUR(the_loops_end_is_the_servers_and_its_clients),
        BEHAVIOUR(no_memory_is_an_error_or_starves_the_server_for_a_while),
        BEHAVIOUR(a_failing_system_is_an_error_or_starves_the_server_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
