/* SPDX-License-Identifier: MIT
 *
 * The end of TLS: goodbyes that come, that do not come, and connections that are cut.
 */
#include "tls_pair.h"

static void assert_reads(hoop_stream *stream, int64_t expected)
{
    char buffer[32];
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), expected);
}

/* As hoop_stream_read fails, so that the tickets that a server sends are read: a socket that is
 * closed with something unread is reset. */
static void open_and_talk(struct pair *pair)
{
    pair_open(pair);
    assert_passes(pair->client.stream, pair->server.stream, "hello");
    assert_passes(pair->server.stream, pair->client.stream, "hello to you");
}

IN_A_TASK(after_a_goodbye_the_end_is_read)
{
    struct pair pair;
    open_and_talk(&pair);
    assert_int_equal(hoop_stream_write(pair.client.stream, "bye", 3), 3);
    hoop_task *task = hoop_create_task(close_stream, pair.client.stream);
    assert_reads(pair.server.stream, 3);
    assert_reads(pair.server.stream, 0);
    assert_reads(pair.server.stream, 0);
    assert_true(hoop_stream_at_eof(pair.server.stream));
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    pair_forget(&pair);
}

IN_A_TASK(a_connection_that_is_cut_is_an_error_after_what_came)
{
    struct pair pair;
    open_and_talk(&pair);
    assert_int_equal(hoop_stream_write(pair.client.stream, "by", 2), 2);
    hoop_stream_abort(pair.client.stream);
    assert_reads(pair.server.stream, 2);
    assert_reads(pair.server.stream, HOOP_ECUT);
    assert_reads(pair.server.stream, HOOP_ECUT);
    assert_false(hoop_stream_at_eof(pair.server.stream));
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    pair_forget(&pair);
}

IN_A_TASK(what_is_changed_on_the_way_is_an_error)
{
    struct pair pair;
    open_and_talk(&pair);
    char record[] = {23,  3,   3,   0,   20,  'n', 'o', 't', ' ', 'e', 'n', 'c', 'r',
                     'y', 'p', 't', 'e', 'd', ',', ' ', 'i', 's', ' ', 'i', 't'};
    assert_int_equal(write(hoop_stream_fd(pair.client.stream), record, sizeof record),
                     sizeof record);
    assert_reads(pair.server.stream, HOOP_ETLS);
    assert_string_equal(hoop_error_message(), "decryption failed or bad record mac");
    assert_int_equal(hoop_stream_write(pair.server.stream, "x", 1), HOOP_ETLS);
    assert_reads(pair.server.stream, HOOP_ETLS);
    assert_string_equal(hoop_error_message(), "decryption failed or bad record mac");
    assert_reads(pair.client.stream, HOOP_ETLS); /* it was told */
    pair_abort(&pair);
}

IN_A_TASK(after_the_end_of_writing_reading_goes_on)
{
    struct pair pair;
    open_and_talk(&pair);
    assert_int_equal(hoop_stream_write_eof(pair.client.stream), 0);
    assert_int_equal(hoop_stream_write(pair.client.stream, "x", 1), -EPIPE);
    assert_reads(pair.server.stream, 0);
    assert_passes(pair.server.stream, pair.client.stream, "I have heard you");
    assert_passes(pair.server.stream, pair.client.stream, "and go on");
    assert_int_equal(hoop_stream_write_eof(pair.server.stream), 0);
    assert_reads(pair.client.stream, 0);
    assert_int_equal(hoop_stream_close(pair.client.stream), 0);
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    pair_forget(&pair);
}

/* ---- closing ---- */

/* A program may ask for new keys and then say nothing: these go out before the goodbye. */
IN_A_TASK(new_keys_before_the_end_are_no_error)
{
    struct pair pair;
    char byte;
    pair_open(&pair);
    SSL *ssl = hoop_stream_ssl(pair.client.stream);
    assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    assert_int_equal(hoop_stream_write_eof(pair.client.stream), 0);
    assert_int_equal(hoop_stream_read(pair.server.stream, &byte, 1), 0);
    pair_close(&pair);
}

IN_A_TASK(a_close_waits_for_the_others_goodbye)
{
    struct pair pair;
    open_and_talk(&pair);
    hoop_task *task = hoop_create_task(close_stream, pair.client.stream);
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    assert_reads(pair.server.stream, 0);
    assert_false(hoop_task_is_done(task));
    assert_int_equal(hoop_stream_write_eof(pair.server.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    pair_forget(&pair);
}

IN_A_TASK(who_has_heard_a_goodbye_does_not_wait_for_another)
{
    struct pair pair;
    open_and_talk(&pair);
    double before = hoop_time(hoop_running_loop());
    hoop_task *task = hoop_create_task(close_stream, pair.client.stream);
    assert_reads(pair.server.stream, 0);
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    assert_true(hoop_time(hoop_running_loop()) == before);
    pair_forget(&pair);
}

IN_A_TASK(a_close_waits_no_longer_than_its_limit)
{
    struct pair pair;
    const hoop_stream_options options = {.close_timeout = 7};
    pair_open_with(&pair, client_tls_with((hoop_tls_options){0}),
                   server_tls_with((hoop_tls_options){0}), &options);
    pair_start(&pair);
    double before = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_stream_close(pair.client.stream), -ETIMEDOUT);
    assert_true(hoop_time(hoop_running_loop()) == before + 7);
    hoop_stream_abort(pair.server.stream);
    pair_forget(&pair);
}

IN_A_TASK(a_close_does_not_mind_that_the_other_end_is_cut)
{
    struct pair pair;
    open_and_talk(&pair);
    hoop_task *task = hoop_create_task(close_stream, pair.client.stream);
    let_others_wait();
    hoop_stream_abort(pair.server.stream);
    assert_int_equal(hoop_await(task), 0);
    pair_forget(&pair);
}

IN_A_TASK(a_close_after_the_other_end_has_gone_is_no_error)
{
    struct pair pair;
    open_and_talk(&pair);
    hoop_stream_abort(pair.server.stream);
    assert_int_equal(hoop_stream_close(pair.client.stream), 0);
    pair_forget(&pair);
}

static int64_t write_on(void *arg)
{
    static char data[20000];
    int64_t rc;
    while ((rc = hoop_stream_write(arg, data, sizeof data)) > 0)
        ;
    return rc;
}

IN_A_TASK(a_close_does_not_hear_out_who_sends_on_and_on)
{
    struct pair pair;
    open_and_talk(&pair);
    hoop_task *task = hoop_create_task(write_on, pair.server.stream);
    let_others_wait();
    double before = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_stream_close(pair.client.stream), 0);
    assert_true(hoop_time(hoop_running_loop()) == before);
    int64_t rc = hoop_await(task);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    hoop_stream_abort(pair.server.stream);
    pair_forget(&pair);
}

IN_A_TASK(what_waits_is_sent_before_the_goodbye)
{
    struct pair pair;
    static char much[500000];
    open_and_talk(&pair);
    assert_int_equal(hoop_stream_write_nowait(pair.client.stream, much, sizeof much), sizeof much);
    hoop_task *task = hoop_create_task(close_stream, pair.client.stream);
    char *received = malloc(sizeof much);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, sizeof much),
                     sizeof much);
    free(received);
    assert_reads(pair.server.stream, 0);
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    pair_forget(&pair);
}

/* ---- the loop's end ---- */

static struct pair left;

static int64_t leave_open(void *arg)
{
    (void)arg;
    pair_open(&left);
    assert_int_equal(hoop_stream_write(left.client.stream, "never read", 10), 10);
    return 0;
}

static void streams_that_are_left_open_go_with_the_loop(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, leave_open, NULL), 0);
    assert_int_equal(hoop_close(loop), 0);
    pair_forget(&left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(after_a_goodbye_the_end_is_read),
        BEHAVIOUR(a_connection_that_is_cut_is_an_error_after_what_came),
        BEHAVIOUR(what_is_changed_on_the_way_is_an_error),
        BEHAVIOUR(after_the_end_of_writing_reading_goes_on),
        BEHAVIOUR(new_keys_before_the_end_are_no_error),
        BEHAVIOUR(a_close_waits_for_the_others_goodbye),
        BEHAVIOUR(who_has_heard_a_goodbye_does_not_wait_for_another),
        BEHAVIOUR(a_close_waits_no_longer_than_its_limit),
        BEHAVIOUR(a_close_does_not_mind_that_the_other_end_is_cut),
        BEHAVIOUR(a_close_after_the_other_end_has_gone_is_no_error),
        BEHAVIOUR(a_close_does_not_hear_out_who_sends_on_and_on),
        BEHAVIOUR(what_waits_is_sent_before_the_goodbye),
        BEHAVIOUR(streams_that_are_left_open_go_with_the_loop),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
