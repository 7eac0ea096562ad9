/* SPDX-License-Identifier: MIT
 *
 * Bytes through TLS: all of them arrive, in order, whatever the sizes.
 */
#include <sys/uio.h>

#include "tls_pair.h"

/* ---- a lot ---- */

#define TRANSFER ((size_t)3 << 20)
#define CHUNK_MAX ((size_t)40000)

/* One direction; what is in it follows from its seed. */
struct direction {
    hoop_stream *stream;
    uint64_t seed;
    uint64_t sum; /* of all bytes with their places */
    size_t size;
};

static uint64_t add_up(uint64_t sum, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static size_t random_size(uint64_t *seed)
{
    uint64_t number = hoop_testing_random(seed);
    return (number & 1) ? 1 + (number >> 8) % 100 : 1 + (number >> 8) % CHUNK_MAX;
}

/* A coroutine. */
static int64_t send_all(void *arg)
{
    struct direction *direction = arg;
    unsigned char *chunk = malloc(CHUNK_MAX);
    while (direction->size < TRANSFER) {
        size_t size = random_size(&direction->seed);
        for (size_t i = 0; i < size; i++)
            chunk[i] = (unsigned char)(direction->size + i * 7 + direction->seed);
        assert_int_equal(hoop_stream_write(direction->stream, chunk, size), size);
        direction->sum = add_up(direction->sum, chunk, size);
        direction->size += size;
    }
    free(chunk);
    assert_int_equal(hoop_stream_write_eof(direction->stream), 0);
    return 0;
}

/* A coroutine. */
static int64_t receive_all(void *arg)
{
    struct direction *direction = arg;
    unsigned char *chunk = malloc(CHUNK_MAX);
    int64_t size;
    while ((size = hoop_stream_read(direction->stream, chunk, random_size(&direction->seed))) > 0) {
        direction->sum = add_up(direction->sum, chunk, (size_t)size);
        direction->size += (size_t)size;
    }
    free(chunk);
    return size;
}

static void assert_transfers(int version)
{
    struct pair pair;
    pair_open_with(&pair, client_tls_with((hoop_tls_options){0}),
                   server_tls_with((hoop_tls_options){0}), NULL);
    SSL_CTX_set_max_proto_version(hoop_tls_context(pair.client.tls), version);
    pair_start(&pair);
    pair_started(&pair);
    struct direction there = {pair.client.stream, 1, 0, 0}, back = {pair.server.stream, 2, 0, 0};
    struct direction got_there = {pair.server.stream, 3, 0, 0};
    struct direction got_back = {pair.client.stream, 4, 0, 0};
    hoop_task *tasks[] = {hoop_create_task(send_all, &there), hoop_create_task(send_all, &back),
                          hoop_create_task(receive_all, &got_there),
                          hoop_create_task(receive_all, &got_back)};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(got_there.size, there.size);
    assert_true(got_there.sum == there.sum);
    assert_int_equal(got_back.size, back.size);
    assert_true(got_back.sum == back.sum);
    assert_int_equal(hoop_stream_bytes_written(pair.client.stream), there.size);
    assert_int_equal(hoop_stream_bytes_read(pair.client.stream), back.size);
    pair_close(&pair);
}

IN_A_TASK(megabytes_go_both_ways_at_once_in_tls_1_3)
{
    assert_transfers(TLS1_3_VERSION);
}

IN_A_TASK(megabytes_go_both_ways_at_once_in_tls_1_2)
{
    assert_transfers(TLS1_2_VERSION);
}

/* ---- sizes ---- */

IN_A_TASK(a_write_of_nothing_sends_nothing)
{
    struct pair pair;
    pair_open(&pair);
    assert_int_equal(hoop_stream_write(pair.client.stream, "", 0), 0);
    assert_passes(pair.client.stream, pair.server.stream, "something");
    pair_close(&pair);
}

IN_A_TASK(pieces_arrive_as_one)
{
    struct pair pair;
    static char large[50000];
    memset(large, 'x', sizeof large);
    struct iovec pieces[] = {{"", 0},  {"head", 4}, {large, sizeof large}, {"", 0}, {"a", 1},
                             {"b", 1}, {"tail", 4}};
    int64_t size = 4 + (int64_t)sizeof large + 6;
    pair_open(&pair);
    assert_int_equal(hoop_stream_writev(pair.client.stream, pieces, 7), size);
    char *received = malloc((size_t)size);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, (size_t)size), size);
    assert_memory_equal(received, "headxxx", 7);
    assert_memory_equal(received + 4, large, sizeof large);
    assert_memory_equal(received + 4 + sizeof large, "abtail", 6);
    free(received);
    pair_close(&pair);
}

/* How many records a connection has sent. */
static unsigned records;

static void count_record(int is_written, int version, int type, const void *data, size_t size,
                         SSL *ssl, void *arg)
{
    (void)version, (void)data, (void)size, (void)ssl, (void)arg;
    records += is_written && type == SSL3_RT_HEADER;
}

IN_A_TASK(small_pieces_share_a_record)
{
    struct pair pair;
    char buffer[64];
    struct iovec pieces[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    pair_open(&pair);
    SSL_set_msg_callback(hoop_stream_ssl(pair.client.stream), count_record);
    records = 0;
    assert_int_equal(hoop_stream_writev(pair.client.stream, pieces, 3), 13);
    assert_int_equal(records, 1);
    assert_int_equal(hoop_stream_read(pair.server.stream, buffer, sizeof buffer), 13);
    assert_memory_equal(buffer, "one two three", 13);
    pair_close(&pair);
}

IN_A_TASK(lines_are_read_as_they_were_written)
{
    struct pair pair;
    char line[64];
    pair_open(&pair);
    assert_int_equal(hoop_stream_write(pair.client.stream, "first\nsecond\nthi", 16), 16);
    assert_int_equal(hoop_stream_readline(pair.server.stream, line, sizeof line), 6);
    assert_int_equal(hoop_stream_readline(pair.server.stream, line, sizeof line), 7);
    assert_memory_equal(line, "second\n", 7);
    assert_int_equal(hoop_stream_write(pair.client.stream, "rd\n", 3), 3);
    assert_int_equal(hoop_stream_readline(pair.server.stream, line, sizeof line), 6);
    assert_memory_equal(line, "third\n", 6);
    pair_close(&pair);
}

IN_A_TASK(files_are_sent_as_secretly_as_all_else)
{
    struct pair pair;
    static char data[200000], received[200000];
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31 >> 3);
    assert_int_equal(fwrite(data, 1, sizeof data, file), sizeof data);
    fflush(file);
    pair_open(&pair);
    assert_int_equal(hoop_stream_sendfile(pair.client.stream, fileno(file), 7, 100000), 100000);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, 100000), 100000);
    assert_memory_equal(received, data + 7, 100000);
    fclose(file);
    pair_close(&pair);
}

/* ---- room ---- */

static int64_t write_much(void *arg)
{
    static char much[1 << 20];
    return hoop_stream_write(arg, much, sizeof much);
}

IN_A_TASK(who_writes_more_than_there_is_room_for_waits)
{
    struct pair pair;
    const hoop_stream_options options = {.write_high = 20000};
    pair_open_with(&pair, client_tls_with((hoop_tls_options){0}),
                   server_tls_with((hoop_tls_options){0}), &options);
    pair_start(&pair);
    hoop_task *task = hoop_create_task(write_much, pair.client.stream);
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    /* One record more than the mark, and what TLS adds. */
    size_t waiting = hoop_stream_write_buffered(pair.client.stream);
    assert_true(waiting >= 20000 && waiting < 20000 + 17000);
    char *received = malloc(1 << 20);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, 1 << 20), 1 << 20);
    free(received);
    assert_int_equal(hoop_await(task), 1 << 20);
    pair_close(&pair);
}

IN_A_TASK(a_write_without_waiting_takes_all)
{
    struct pair pair;
    static char much[1 << 20];
    pair_open(&pair);
    memset(much, 'm', sizeof much);
    assert_int_equal(hoop_stream_write_nowait(pair.client.stream, much, sizeof much), sizeof much);
    assert_true(hoop_stream_write_buffered(pair.client.stream) > 0);
    char *received = malloc(sizeof much);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, sizeof much),
                     sizeof much);
    assert_memory_equal(received, much, sizeof much);
    free(received);
    assert_int_equal(hoop_stream_drain(pair.client.stream), 0);
    assert_int_equal(hoop_stream_write_buffered(pair.client.stream), 0);
    pair_close(&pair);
}

/* What is left in OpenSSL's buffer is not announced by the descriptor. */
IN_A_TASK(a_record_is_read_in_small_parts)
{
    struct pair pair;
    char data[10000], byte[16];
    pair_open(&pair);
    memset(data, 'd', sizeof data);
    assert_int_equal(hoop_stream_write(pair.client.stream, data, sizeof data), sizeof data);
    for (size_t i = 0; i < sizeof data / sizeof byte; i++) {
        assert_int_equal(hoop_stream_readexactly(pair.server.stream, byte, sizeof byte),
                         sizeof byte);
        assert_memory_equal(byte, data, sizeof byte);
    }
    pair_close(&pair);
}

IN_A_TASK(new_keys_in_the_middle_are_not_noticed)
{
    struct pair pair;
    pair_open(&pair);
    for (int i = 0; i < 3; i++) {
        SSL *ssl = hoop_stream_ssl(i == 1 ? pair.server.stream : pair.client.stream);
        assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_passes(pair.client.stream, pair.server.stream, "there");
        assert_passes(pair.server.stream, pair.client.stream, "and back");
    }
    pair_close(&pair);
}

/* ---- stacks ---- */

static int64_t talk(void *arg)
{
    (void)arg;
    struct pair pair;
    hoop_task_options small = {.stack_size = HOOP_STACK_SIZE_MIN};
    pair_open_with(&pair, client_tls_with((hoop_tls_options){0}),
                   server_tls_with((hoop_tls_options){.authority = authority.path}), NULL);
    hoop_task *task = hoop_create_task_with(start_tls, &pair.server, &small);
    start_tls(&pair.client);
    assert_int_equal(hoop_await(task), 0);
    pair_started(&pair);
    assert_passes(pair.client.stream, pair.server.stream, "from a small stack");
    assert_passes(pair.server.stream, pair.client.stream, "and back");
    pair_close(&pair);
    return 0;
}

IN_A_TASK(tasks_with_the_smallest_stacks_speak_tls)
{
    hoop_task_options small = {.stack_size = HOOP_STACK_SIZE_MIN};
    assert_int_equal(hoop_await(hoop_create_task_with(talk, NULL, &small)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(megabytes_go_both_ways_at_once_in_tls_1_3),
        BEHAVIOUR(megabytes_go_both_ways_at_once_in_tls_1_2),
        BEHAVIOUR(a_write_of_nothing_sends_nothing),
        BEHAVIOUR(pieces_arrive_as_one),
        BEHAVIOUR(small_pieces_share_a_record),
        BEHAVIOUR(lines_are_read_as_they_were_written),
        BEHAVIOUR(files_are_sent_as_secretly_as_all_else),
        BEHAVIOUR(who_writes_more_than_there_is_room_for_waits),
        BEHAVIOUR(a_write_without_waiting_takes_all),
        BEHAVIOUR(a_record_is_read_in_small_parts),
        BEHAVIOUR(new_keys_in_the_middle_are_not_noticed),
        BEHAVIOUR(tasks_with_the_smallest_stacks_speak_tls),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
