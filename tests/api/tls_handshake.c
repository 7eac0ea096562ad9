/* SPDX-License-Identifier: MIT
 *
 * How a stream comes to speak TLS: who may interrupt it, and what must not get in between.
 */
#include "tls_pair.h"

#define LIMIT 5.0

static const hoop_stream_options limited = {.tls_timeout = LIMIT};

static void open_limited(struct pair *pair)
{
    pair_open_with(pair, client_tls_with((hoop_tls_options){0}),
                   server_tls_with((hoop_tls_options){0}), &limited);
}

/* ---- the other end ---- */

static void assert_times_out(bool is_server)
{
    struct pair pair;
    open_limited(&pair);
    double before = hoop_time(hoop_running_loop());
    struct end *end = is_server ? &pair.server : &pair.client;
    start_tls(end);
    assert_int_equal(end->result, -ETIMEDOUT);
    assert_true(hoop_time(hoop_running_loop()) == before + LIMIT);
    char byte;
    assert_int_equal(hoop_stream_read(end->stream, &byte, 1), -ETIMEDOUT);
    assert_int_equal(hoop_stream_write(end->stream, "x", 1), -ETIMEDOUT);
    pair_abort(&pair);
}

IN_A_TASK(a_silent_server_is_waited_for_no_longer_than_the_limit)
{
    assert_times_out(false);
}

IN_A_TASK(a_silent_client_is_waited_for_no_longer_than_the_limit)
{
    assert_times_out(true);
}

IN_A_TASK(something_else_than_a_handshake_is_an_error_and_harms_nobody_else)
{
    struct pair good, bad;
    pair_open(&good);
    open_limited(&bad);
    assert_int_equal(hoop_stream_write(bad.client.stream, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    start_tls(&bad.server);
    assert_int_equal(bad.server.result, HOOP_ETLS);
    assert_string_equal(bad.server.message, "http request");
    pair_abort(&bad);
    assert_passes(good.client.stream, good.server.stream, "nothing has happened");
    pair_close(&good);
}

IN_A_TASK(noise_is_an_error)
{
    uint64_t seed = 1;
    for (int i = 0; i < 200; i++) {
        struct pair pair;
        unsigned char noise[300];
        for (size_t j = 0; j < sizeof noise; j++)
            noise[j] = (unsigned char)hoop_testing_random(&seed);
        if (i % 2 == 0) /* what looks like the beginning of a handshake */
            memcpy(noise, "\x16\x03\x01\x01\x20\x01\x00\x01\x1c\x03\x03", 11);
        open_limited(&pair);
        struct end *end = i % 4 < 2 ? &pair.server : &pair.client;
        struct end *other = i % 4 < 2 ? &pair.client : &pair.server;
        assert_int_equal(hoop_stream_write(other->stream, noise, sizeof noise), sizeof noise);
        start_tls(end);
        assert_true(end->result == HOOP_ETLS || end->result == -ETIMEDOUT);
        pair_abort(&pair);
    }
}

IN_A_TASK(who_goes_instead_of_shaking_hands_has_cut_the_connection)
{
    struct pair pair;
    open_limited(&pair);
    hoop_task *task = hoop_create_task(start_tls, &pair.server);
    let_one_iteration_pass();
    hoop_stream_abort(pair.client.stream);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(pair.server.result, HOOP_ECUT);
    hoop_stream_abort(pair.server.stream);
    pair_forget(&pair);
}

IN_A_TASK(a_close_after_a_handshake_that_failed_tells_why)
{
    struct pair pair;
    open_limited(&pair);
    start_tls(&pair.client);
    assert_int_equal(hoop_stream_close(pair.client.stream), -ETIMEDOUT);
    hoop_stream_abort(pair.server.stream);
    pair_forget(&pair);
}

/* ---- what went before ---- */

IN_A_TASK(bytes_that_came_in_the_clear_are_not_taken_for_secret_ones)
{
    struct pair pair;
    char line[64];
    open_limited(&pair);
    assert_int_equal(hoop_stream_write(pair.client.stream, "STARTTLS\nEVIL\n", 14), 14);
    assert_int_equal(hoop_stream_readline(pair.server.stream, line, sizeof line), 9);
    start_tls(&pair.server);
    assert_int_equal(pair.server.result, -EPROTO);
    /* Nothing has changed. */
    assert_int_equal(hoop_stream_readline(pair.server.stream, line, sizeof line), 5);
    assert_memory_equal(line, "EVIL\n", 5);
    pair_start(&pair);
    pair_started(&pair);
    pair_close(&pair);
}

IN_A_TASK(what_was_written_before_goes_in_the_clear)
{
    struct pair pair;
    static char much[500000], received[500000];
    open_limited(&pair);
    memset(much, 'c', sizeof much);
    assert_int_equal(hoop_stream_write_nowait(pair.client.stream, much, sizeof much), sizeof much);
    hoop_task *task = hoop_create_task(start_tls, &pair.client);
    let_one_iteration_pass();
    assert_null(hoop_stream_ssl(pair.client.stream));
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, sizeof much),
                     sizeof much);
    assert_memory_equal(received, much, sizeof much);
    start_tls(&pair.server);
    assert_int_equal(hoop_await(task), 0);
    pair_started(&pair);
    assert_passes(pair.client.stream, pair.server.stream, "and this is secret");
    pair_close(&pair);
}

/* ---- who may not ---- */

IN_A_TASK(tls_is_begun_once)
{
    struct pair pair;
    pair_open(&pair);
    start_tls(&pair.client);
    assert_int_equal(pair.client.result, -EALREADY);
    assert_passes(pair.client.stream, pair.server.stream, "as before");
    pair_close(&pair);
}

IN_A_TASK(a_pipe_has_no_tls)
{
    int fds[2];
    hoop_stream *stream;
    hoop_tls *tls = client_tls_with((hoop_tls_options){0});
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(hoop_stream_open(fds[0], NULL, &stream), 0);
    assert_int_equal(hoop_stream_start_tls(stream, tls, "example.org"), -EOPNOTSUPP);
    assert_int_equal(hoop_stream_close(stream), 0);
    close(fds[1]);
    hoop_tls_unref(tls);
}

IN_A_TASK(who_has_ended_writing_cannot_begin_tls)
{
    struct pair pair;
    open_limited(&pair);
    assert_int_equal(hoop_stream_write_eof(pair.client.stream), 0);
    start_tls(&pair.client);
    assert_int_equal(pair.client.result, -EPIPE);
    pair_abort(&pair);
}

static struct pair outside;

static int64_t open_outside(void *arg)
{
    (void)arg;
    open_limited(&outside);
    return 0;
}

static void outside_of_a_task_there_is_no_handshake(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, open_outside, NULL), 0);
    assert_int_equal(
        hoop_stream_start_tls(outside.client.stream, outside.client.tls, "example.org"),
        HOOP_ENOTASK);
    pair_forget(&outside);
    assert_int_equal(hoop_close(loop), 0);
}

/* ---- other tasks ---- */

static int64_t read_byte(void *arg)
{
    char byte = 0;
    int64_t size = hoop_stream_read(arg, &byte, 1);
    return size == 1 ? byte : size;
}

IN_A_TASK(who_reads_is_not_interrupted)
{
    struct pair pair;
    open_limited(&pair);
    hoop_task *task = hoop_create_task(read_byte, pair.client.stream);
    let_one_iteration_pass();
    start_tls(&pair.client);
    assert_int_equal(pair.client.result, -EBUSY);
    assert_int_equal(hoop_stream_write(pair.server.stream, "y", 1), 1);
    assert_int_equal(hoop_await(task), 'y');
    pair_abort(&pair);
}

static int64_t write_secret(void *arg)
{
    return hoop_stream_write(arg, "secret", 6);
}

IN_A_TASK(during_the_handshake_nobody_reads_and_who_writes_waits)
{
    struct pair pair;
    char buffer[16];
    open_limited(&pair);
    hoop_task *task = hoop_create_task(start_tls, &pair.client);
    let_one_iteration_pass();
    hoop_task *writer = hoop_create_task(write_secret, pair.client.stream);
    let_one_iteration_pass();
    assert_int_equal(read_byte(pair.client.stream), -EBUSY);
    assert_int_equal(hoop_stream_write_nowait(pair.client.stream, "x", 1), -EBUSY);
    assert_int_equal(hoop_stream_write_eof(pair.client.stream), -EBUSY);
    assert_false(hoop_task_is_done(writer));
    start_tls(&pair.server);
    assert_int_equal(hoop_await(task), 0);
    pair_started(&pair);
    assert_int_equal(hoop_await(writer), 6);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, buffer, 6), 6);
    assert_memory_equal(buffer, "secret", 6);
    pair_close(&pair);
}

/* TASK in the middle of the handshake. */
static hoop_task *half_way(struct pair *pair)
{
    open_limited(pair);
    hoop_task *task = hoop_create_task(start_tls, &pair->client);
    let_one_iteration_pass();
    assert_non_null(hoop_stream_ssl(pair->client.stream));
    return task;
}

IN_A_TASK(a_handshake_can_be_cancelled)
{
    struct pair pair;
    hoop_task *task = half_way(&pair);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(pair.client.result, -ECANCELED);
    assert_int_equal(read_byte(pair.client.stream), -ECONNABORTED);
    pair_abort(&pair);
}

IN_A_TASK(a_stream_can_be_aborted_in_the_middle_of_a_handshake)
{
    struct pair pair;
    hoop_task *task = half_way(&pair);
    hoop_stream_abort(pair.client.stream);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(pair.client.result, -EBADF);
    hoop_stream_abort(pair.server.stream);
    pair_forget(&pair);
}

IN_A_TASK(a_stream_can_be_closed_in_the_middle_of_a_handshake)
{
    struct pair pair;
    hoop_task *task = half_way(&pair);
    assert_int_equal(hoop_stream_close(pair.client.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(pair.client.result, -EBADF);
    hoop_stream_abort(pair.server.stream);
    pair_forget(&pair);
}

static void open_half_way(void *arg)
{
    assert_non_null(hoop_stream_ssl(((struct pair *)arg)->client.stream));
}

static int64_t begin_and_wait(void *arg)
{
    struct pair *pair = arg;
    open_limited(pair);
    start_tls(&pair->client);
    return 0;
}

static void a_loop_can_be_closed_in_the_middle_of_a_handshake(void **state)
{
    (void)state;
    struct pair pair;
    close_while_it_waits(begin_and_wait, &pair, open_half_way);
    pair_forget(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_silent_server_is_waited_for_no_longer_than_the_limit),
        BEHAVIOUR(a_silent_client_is_waited_for_no_longer_than_the_limit),
        BEHAVIOUR(something_else_than_a_handshake_is_an_error_and_harms_nobody_else),
        BEHAVIOUR(noise_is_an_error),
        BEHAVIOUR(who_goes_instead_of_shaking_hands_has_cut_the_connection),
        BEHAVIOUR(a_close_after_a_handshake_that_failed_tells_why),
        BEHAVIOUR(bytes_that_came_in_the_clear_are_not_taken_for_secret_ones),
        BEHAVIOUR(what_was_written_before_goes_in_the_clear),
        BEHAVIOUR(tls_is_begun_once),
        BEHAVIOUR(a_pipe_has_no_tls),
        BEHAVIOUR(who_has_ended_writing_cannot_begin_tls),
        BEHAVIOUR(outside_of_a_task_there_is_no_handshake),
        BEHAVIOUR(who_reads_is_not_interrupted),
        BEHAVIOUR(during_the_handshake_nobody_reads_and_who_writes_waits),
        BEHAVIOUR(a_handshake_can_be_cancelled),
        BEHAVIOUR(a_stream_can_be_aborted_in_the_middle_of_a_handshake),
        BEHAVIOUR(a_stream_can_be_closed_in_the_middle_of_a_handshake),
        BEHAVIOUR(a_loop_can_be_closed_in_the_middle_of_a_handshake),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
