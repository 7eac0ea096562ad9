/* SPDX-License-Identifier: MIT
 *
 * TLS over TCP, where the kernel may encrypt what is sent. What a program sees is the same with
 * and without; where the kernel can, it must.
 *
 * On the real clock: TCP may take its time, and a virtual one would not wait for it.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "network.h"
#include "tls_pair.h"

/* ---- two ends of TCP ---- */

#define OVER_TCP(behaviour) IN_A_TASK_RUN_BY(hoop_run, behaviour)

static void tcp_open(int *ret_client, int *ret_server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    uint16_t port;
    int listener = listen_plainly(1, &port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    *ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_client, (struct sockaddr *)&address, sizeof address), 0);
    *ret_server = accept(listener, NULL, NULL);
    assert_true(*ret_server >= 0);
    close(listener);
}

/* The kernel of this machine has TLS. */
static bool is_in_kernel(void)
{
    int client, server;
    tcp_open(&client, &server);
    bool is_there = setsockopt(client, IPPROTO_TCP, TCP_ULP, "tls", 3) == 0;
    close(client);
    close(server);
    return is_there;
}

static void tcp_pair_open_with(struct pair *pair, hoop_tls *client, hoop_tls *server,
                               const hoop_stream_options *options)
{
    int client_fd, server_fd;
    tcp_open(&client_fd, &server_fd);
    *pair =
        (struct pair){.client = {.tls = client, .name = "example.org"}, .server = {.tls = server}};
    assert_int_equal(hoop_stream_open(client_fd, options, &pair->client.stream), 0);
    assert_int_equal(hoop_stream_open(server_fd, options, &pair->server.stream), 0);
}

/* Speaking TLS of that version; and wherever the kernel can encrypt, it does. */
static void tcp_pair_open(struct pair *pair, int version, const hoop_stream_options *options)
{
    tcp_pair_open_with(pair, client_tls_with((hoop_tls_options){.kernel = true}),
                       server_tls_with((hoop_tls_options){.kernel = true}), options);
    SSL_CTX_set_max_proto_version(hoop_tls_context(pair->client.tls), version);
    pair_start(pair);
    pair_started(pair);
    assert_int_equal(SSL_version(hoop_stream_ssl(pair->client.stream)), version);
    assert_int_equal(hoop_stream_tls_in_kernel(pair->client.stream), is_in_kernel());
    assert_int_equal(hoop_stream_tls_in_kernel(pair->server.stream), is_in_kernel());
    assert_passes(pair->client.stream, pair->server.stream, "hello");
    assert_passes(pair->server.stream, pair->client.stream, "hello to you");
}

/* The same with the kernel at the server only. */
static void open_without_client(struct pair *pair)
{
    tcp_pair_open_with(pair, client_tls_with((hoop_tls_options){0}),
                       server_tls_with((hoop_tls_options){.kernel = true}), NULL);
    pair_start(pair);
    pair_started(pair);
    assert_passes(pair->server.stream, pair->client.stream, "hello");
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
#define EACH_VERSION(version) (const int *version = versions; version < versions + 2; version++)

static void assert_reads(hoop_stream *stream, int64_t expected)
{
    char buffer[32];
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), expected);
}

/* ---- who encrypts ---- */

OVER_TCP(the_kernel_encrypts)
{
    for
        EACH_VERSION(version)
        {
            struct pair pair;
            tcp_pair_open(&pair, *version, NULL);
            assert_true(hoop_stream_tls_in_kernel(pair.client.stream));
            assert_true(hoop_stream_tls_in_kernel(pair.server.stream));
            pair_close(&pair);
        }
}

/* All other tests here then show what is the same without. */
static void the_kernel_encrypts_where_it_can(void **state)
{
    if (!is_in_kernel())
        skip();
    the_kernel_encrypts(state);
}

OVER_TCP(the_kernel_is_left_out_unless_asked)
{
    struct pair pair;
    tcp_pair_open_with(&pair, client_tls_with((hoop_tls_options){0}),
                       server_tls_with((hoop_tls_options){.kernel = true}), NULL);
    assert_false(hoop_stream_tls_in_kernel(pair.client.stream));
    pair_start(&pair);
    pair_started(&pair);
    assert_false(hoop_stream_tls_in_kernel(pair.client.stream));
    assert_int_equal(hoop_stream_tls_in_kernel(pair.server.stream), is_in_kernel());
    assert_passes(pair.client.stream, pair.server.stream, "there");
    assert_passes(pair.server.stream, pair.client.stream, "and back");
    pair_close(&pair);
}

/* ---- bytes ---- */

#define TRANSFER ((size_t)4 << 20)

static unsigned char byte_at(size_t place)
{
    return (unsigned char)(place * 31 >> 5 ^ place >> 13);
}

/* A coroutine: sizes of all kinds, in one piece and in several. */
static int64_t send_all(void *arg)
{
    static const size_t sizes[] = {1, 16384, 100, 50000, 16385, 7, 4096};
    unsigned char *chunk = malloc(50000);
    size_t sent = 0;
    for (size_t i = 0; sent < TRANSFER; i++) {
        size_t size = sizes[i % 7] < TRANSFER - sent ? sizes[i % 7] : TRANSFER - sent;
        for (size_t at = 0; at < size; at++)
            chunk[at] = byte_at(sent + at);
        struct iovec pieces[] = {{chunk, size / 3}, {chunk + size / 3, size - size / 3}};
        assert_int_equal(hoop_stream_writev(arg, pieces, 2), size);
        sent += size;
    }
    free(chunk);
    return hoop_stream_write_eof(arg);
}

/* A coroutine. */
static int64_t receive_all(void *arg)
{
    unsigned char *chunk = malloc(60000);
    size_t total = 0;
    int64_t size;
    while ((size = hoop_stream_read(arg, chunk, 60000)) > 0)
        for (int64_t at = 0; at < size; at++)
            assert_int_equal(chunk[at], byte_at(total++));
    free(chunk);
    assert_int_equal(size, 0);
    assert_int_equal(total, TRANSFER);
    return 0;
}

OVER_TCP(megabytes_go_both_ways_at_once)
{
    for
        EACH_VERSION(version)
        {
            struct pair pair;
            tcp_pair_open(&pair, *version, NULL);
            hoop_task *tasks[] = {hoop_create_task(send_all, pair.client.stream),
                                  hoop_create_task(send_all, pair.server.stream),
                                  hoop_create_task(receive_all, pair.client.stream),
                                  hoop_create_task(receive_all, pair.server.stream)};
            for (size_t i = 0; i < 4; i++)
                assert_int_equal(hoop_await(tasks[i]), 0);
            pair_close(&pair);
        }
}

struct file_transfer {
    hoop_stream *stream;
    FILE *file;
};

/* A coroutine: the file between two texts. */
static int64_t send_file(void *arg)
{
    struct file_transfer *transfer = arg;
    assert_int_equal(hoop_stream_write(transfer->stream, "<", 1), 1);
    int64_t sent = hoop_stream_sendfile(transfer->stream, fileno(transfer->file), 5, 0);
    assert_int_equal(hoop_stream_write(transfer->stream, ">", 1), 1);
    return sent;
}

OVER_TCP(files_arrive_between_what_was_written_before_and_after)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < TRANSFER; i++)
        assert_int_equal(fputc(byte_at(i), file), byte_at(i));
    assert_int_equal(fflush(file), 0);
    unsigned char *received = malloc(TRANSFER);
    for
        EACH_VERSION(version)
        {
            struct pair pair;
            tcp_pair_open(&pair, *version, NULL);
            struct file_transfer transfer = {pair.client.stream, file};
            hoop_task *task = hoop_create_task(send_file, &transfer);
            size_t size = TRANSFER - 5 + 2;
            assert_int_equal(hoop_stream_readexactly(pair.server.stream, received, size), size);
            assert_int_equal(hoop_await(task), TRANSFER - 5);
            assert_int_equal(received[0], '<');
            for (size_t i = 5; i < TRANSFER; i++)
                assert_int_equal(received[i - 4], byte_at(i));
            assert_int_equal(received[size - 1], '>');
            pair_close(&pair);
        }
    free(received);
    fclose(file);
}

OVER_TCP(a_slow_reader_lets_no_more_than_the_mark_wait)
{
    const hoop_stream_options options = {.write_high = 20000};
    for
        EACH_VERSION(version)
        {
            struct pair pair;
            char part[5000];
            size_t total = 0;
            int64_t size;
            tcp_pair_open(&pair, *version, &options);
            hoop_task *task = hoop_create_task(send_all, pair.client.stream);
            while ((size = hoop_stream_read(pair.server.stream, part, sizeof part)) > 0) {
                total += (size_t)size;
                /* The mark, one record, and what TLS adds. */
                assert_true(hoop_stream_write_buffered(pair.client.stream) < 20000 + 50000 + 2000);
            }
            assert_int_equal(size, 0);
            assert_int_equal(total, TRANSFER);
            assert_int_equal(hoop_await(task), 0);
            pair_close(&pair);
        }
}

/* ---- the end ---- */

OVER_TCP(after_a_goodbye_the_end_is_read_and_writing_goes_on)
{
    for
        EACH_VERSION(version)
        {
            struct pair pair;
            tcp_pair_open(&pair, *version, NULL);
            assert_int_equal(hoop_stream_write(pair.client.stream, "bye", 3), 3);
            assert_int_equal(hoop_stream_write_eof(pair.client.stream), 0);
            assert_int_equal(hoop_stream_write(pair.client.stream, "x", 1), -EPIPE);
            assert_reads(pair.server.stream, 3);
            assert_reads(pair.server.stream, 0);
            assert_passes(pair.server.stream, pair.client.stream, "I have heard you");
            pair_close(&pair);
        }
}

OVER_TCP(a_connection_that_is_cut_is_an_error_after_what_came)
{
    for
        EACH_VERSION(version)
        {
            struct pair pair;
            tcp_pair_open(&pair, *version, NULL);
            assert_int_equal(hoop_stream_write(pair.client.stream, "by", 2), 2);
            hoop_stream_abort(pair.client.stream);
            assert_reads(pair.server.stream, 2);
            assert_reads(pair.server.stream, HOOP_ECUT);
            assert_int_equal(hoop_stream_close(pair.server.stream), 0);
            pair_forget(&pair);
        }
}

/* As the kernel would encrypt what is written behind its back, one end goes without. */
OVER_TCP(what_is_changed_on_the_way_ends_the_connection)
{
    struct pair pair;
    char record[] = {23,  3,   3,   0,   20,  'n', 'o', 't', ' ', 'e', 'n', 'c', 'r',
                     'y', 'p', 't', 'e', 'd', ',', ' ', 'i', 's', ' ', 'i', 't'};
    open_without_client(&pair);
    assert_int_equal(write(hoop_stream_fd(pair.client.stream), record, sizeof record),
                     sizeof record);
    assert_reads(pair.server.stream, HOOP_ETLS);
    assert_string_equal(hoop_error_message(), "decryption failed or bad record mac");
    assert_int_equal(hoop_stream_write(pair.server.stream, "x", 1), HOOP_ETLS);
    assert_reads(pair.client.stream, HOOP_ETLS); /* it was told */
    pair_abort(&pair);
}

/* Writes SIZE bytes, which the socket has no room for, and ends; the other end then reads all. */
static void assert_ends_after(size_t size, bool is_close)
{
    struct pair pair;
    char *much = calloc(size, 1);
    tcp_pair_open(&pair, TLS1_3_VERSION, NULL);
    int small = 20000;
    assert_int_equal(
        setsockopt(hoop_stream_fd(pair.client.stream), SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
        0);
    assert_int_equal(hoop_stream_write_nowait(pair.client.stream, much, size), size);
    hoop_task *closing = NULL;
    if (is_close)
        closing = hoop_create_task(close_stream, pair.client.stream);
    else
        assert_int_equal(hoop_stream_write_eof(pair.client.stream), 0);
    assert_int_equal(hoop_stream_readexactly(pair.server.stream, much, size), size);
    assert_reads(pair.server.stream, 0);
    free(much);
    if (!is_close)
        closing = hoop_create_task(close_stream, pair.client.stream);
    assert_int_equal(hoop_stream_close(pair.server.stream), 0);
    assert_int_equal(hoop_await(closing), 0);
    pair_forget(&pair);
}

/* Some of these leave room for the last of the data, and none for the goodbye. */
OVER_TCP(a_goodbye_waits_for_room)
{
    for (size_t i = 0; i < 40; i++)
        assert_ends_after(300000 + i * 3000, i % 2 == 0);
}

/* ---- new keys ---- */

OVER_TCP(the_other_end_can_change_its_own_keys)
{
    struct pair pair;
    open_without_client(&pair);
    SSL *ssl = hoop_stream_ssl(pair.client.stream);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_passes(pair.client.stream, pair.server.stream, "there");
        assert_passes(pair.server.stream, pair.client.stream, "and back");
    }
    pair_close(&pair);
}

static void assert_refuses_to_write(hoop_stream *stream)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_stream_write(stream, "x", 1), HOOP_ETLS);
        assert_string_equal(hoop_error_message(),
                            "new keys were asked for, which the kernel cannot be given");
    }
}

/* Which OpenSSL could do, and the kernel cannot. */
OVER_TCP(who_is_asked_for_new_keys_can_write_no_more_if_the_kernel_has_them)
{
    struct pair pair;
    open_without_client(&pair);
    SSL *ssl = hoop_stream_ssl(pair.client.stream);
    assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_passes(pair.client.stream, pair.server.stream, "there");
    if (is_in_kernel()) {
        assert_refuses_to_write(pair.server.stream);
        assert_passes(pair.client.stream, pair.server.stream, "still read");
        assert_int_equal(hoop_stream_close(pair.server.stream), HOOP_ETLS);
        assert_reads(pair.client.stream, HOOP_ECUT);
        hoop_stream_abort(pair.client.stream);
        pair_forget(&pair);
        return;
    }
    assert_passes(pair.server.stream, pair.client.stream, "and back");
    pair_close(&pair);
}

OVER_TCP(keys_that_the_kernel_has_are_not_changed_behind_its_back)
{
    struct pair pair;
    open_without_client(&pair);
    SSL *ssl = hoop_stream_ssl(pair.server.stream);
    assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    if (is_in_kernel()) {
        assert_true(SSL_do_handshake(ssl) <= 0);
        assert_refuses_to_write(pair.server.stream);
        pair_abort(&pair);
        return;
    }
    assert_int_equal(SSL_do_handshake(ssl), 1);
    assert_passes(pair.server.stream, pair.client.stream, "with new keys");
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_kernel_encrypts_where_it_can),
        BEHAVIOUR(the_kernel_is_left_out_unless_asked),
        BEHAVIOUR(megabytes_go_both_ways_at_once),
        BEHAVIOUR(files_arrive_between_what_was_written_before_and_after),
        BEHAVIOUR(a_slow_reader_lets_no_more_than_the_mark_wait),
        BEHAVIOUR(after_a_goodbye_the_end_is_read_and_writing_goes_on),
        BEHAVIOUR(a_connection_that_is_cut_is_an_error_after_what_came),
        BEHAVIOUR(what_is_changed_on_the_way_ends_the_connection),
        BEHAVIOUR(a_goodbye_waits_for_room),
        BEHAVIOUR(the_other_end_can_change_its_own_keys),
        BEHAVIOUR(who_is_asked_for_new_keys_can_write_no_more_if_the_kernel_has_them),
        BEHAVIOUR(keys_that_the_kernel_has_are_not_changed_behind_its_back),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
