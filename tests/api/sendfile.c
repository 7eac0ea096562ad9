/* SPDX-License-Identifier: MIT
 *
 * Files through streams: in the clear, through a pipe, and through TLS.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "tls_pair.h"

/* More than a socket takes at once, and no multiple of anything. */
#define FILE_SIZE ((size_t)700001)

static unsigned char content[FILE_SIZE];
static int file_fd;

static int file_make(void **state)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < FILE_SIZE; i++)
        content[i] = (unsigned char)hoop_testing_random(&seed);
    file_fd = memfd_create("hoop-test", MFD_CLOEXEC);
    assert_true(file_fd >= 0);
    assert_int_equal(write(file_fd, content, FILE_SIZE), FILE_SIZE);
    return identities_make(state);
}

static int file_drop(void **state)
{
    close(file_fd);
    return identities_forget(state);
}

/* What comes out of a stream, until its end. */
struct sink {
    hoop_stream *stream;
    unsigned char *bytes;
    size_t size;
};

/* A coroutine. */
static int64_t receive_all(void *arg)
{
    struct sink *sink = arg;
    int64_t size;
    while ((size = hoop_stream_read(sink->stream, sink->bytes + sink->size,
                                    FILE_SIZE + 1 - sink->size)) > 0)
        sink->size += (size_t)size;
    return size;
}

static void sink_open(struct sink *sink, hoop_stream *stream)
{
    *sink = (struct sink){.stream = stream, .bytes = malloc(FILE_SIZE + 1)};
    assert_non_null(sink->bytes);
}

/* It has got SIZE bytes of the file, from OFFSET on. */
static void sink_got(struct sink *sink, size_t offset, size_t size)
{
    assert_int_equal(sink->size, size);
    assert_memory_equal(sink->bytes, content + offset, size);
    free(sink->bytes);
}

IN_A_TASK(a_whole_file_arrives)
{
    hoop_stream *one, *other;
    struct sink sink;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    sink_open(&sink, other);
    hoop_task *task = hoop_create_task(receive_all, &sink);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, 0, 0), FILE_SIZE);
    assert_int_equal(hoop_stream_bytes_written(one), FILE_SIZE);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_await(task), 0);
    sink_got(&sink, 0, FILE_SIZE);
    assert_int_equal(hoop_stream_close(other), 0);
}

IN_A_TASK(a_part_of_it_too_and_its_end_is_the_end)
{
    hoop_stream *one, *other;
    struct sink sink;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    sink_open(&sink, other);
    hoop_task *task = hoop_create_task(receive_all, &sink);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, FILE_SIZE - 1000, 600), 600);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, FILE_SIZE - 400, 1 << 20), 400);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, FILE_SIZE, 0), 0);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, FILE_SIZE + 5, 10), 0);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_await(task), 0);
    sink_got(&sink, FILE_SIZE - 1000, 1000);
    assert_int_equal(hoop_stream_close(other), 0);
}

/* What was written before comes before, what is written after comes after. */
IN_A_TASK(a_file_keeps_its_place_between_writes)
{
    hoop_stream *one, *other;
    struct sink sink;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    sink_open(&sink, other);
    assert_int_equal(hoop_stream_write_nowait(one, content, 300000), 300000);
    assert_true(hoop_stream_write_buffered(one) > 0);
    hoop_task *task = hoop_create_task(receive_all, &sink);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, 300000, 300000), 300000);
    assert_int_equal(hoop_stream_write(one, content + 600000, FILE_SIZE - 600000),
                     FILE_SIZE - 600000);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_await(task), 0);
    sink_got(&sink, 0, FILE_SIZE);
    assert_int_equal(hoop_stream_close(other), 0);
}

IN_A_TASK(a_file_goes_through_a_pipe)
{
    int ends[2];
    hoop_stream *one, *other;
    struct sink sink;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(hoop_stream_open(ends[0], NULL, &other), 0);
    assert_int_equal(hoop_stream_open(ends[1], NULL, &one), 0);
    sink_open(&sink, other);
    hoop_task *task = hoop_create_task(receive_all, &sink);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, 1, 0), FILE_SIZE - 1);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_await(task), 0);
    sink_got(&sink, 1, FILE_SIZE - 1);
    assert_int_equal(hoop_stream_close(other), 0);
}

IN_A_TASK(a_file_goes_through_tls)
{
    struct pair pair;
    struct sink sink;
    pair_open(&pair);
    sink_open(&sink, pair.client.stream);
    hoop_task *task = hoop_create_task(receive_all, &sink);
    assert_int_equal(hoop_stream_sendfile(pair.server.stream, file_fd, 5, 0), FILE_SIZE - 5);
    assert_int_equal(hoop_stream_write_eof(pair.server.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    sink_got(&sink, 5, FILE_SIZE - 5);
    pair_close(&pair);
}

IN_A_TASK(only_a_regular_file_can_be_sent)
{
    hoop_stream *one, *other;
    int ends[2];
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(hoop_stream_sendfile(one, ends[0], 0, 0), -EINVAL);
    assert_int_equal(hoop_stream_sendfile(one, -1, 0, 0), -EBADF);
    close(ends[0]);
    close(ends[1]);
    hoop_stream_abort(one);
    hoop_stream_abort(other);
}

/* A coroutine: sends the file, and tells how that ended. */
static int64_t send_file(void *stream)
{
    return hoop_stream_sendfile(stream, file_fd, 0, 0);
}

/* The counter tells where to go on. */
IN_A_TASK(a_cancelled_transfer_can_be_continued)
{
    hoop_stream *one, *other;
    struct sink sink;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    hoop_task *task = hoop_create_task(send_file, one);
    let_others_wait();
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    size_t sent = hoop_stream_bytes_written(one);
    assert_in_range(sent, 1, FILE_SIZE - 1);

    sink_open(&sink, other);
    task = hoop_create_task(receive_all, &sink);
    assert_int_equal(hoop_stream_sendfile(one, file_fd, sent, 0), FILE_SIZE - sent);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_await(task), 0);
    sink_got(&sink, 0, FILE_SIZE);
    assert_int_equal(hoop_stream_close(other), 0);
}

IN_A_TASK(the_other_end_goes_away)
{
    hoop_stream *one, *other;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    hoop_task *task = hoop_create_task(send_file, one);
    let_others_wait();
    hoop_stream_abort(other);
    assert_int_equal(hoop_await(task), -EPIPE);
    assert_int_equal(hoop_stream_write(one, "x", 1), -EPIPE);
    hoop_stream_abort(one);
}

/* A stream that is closed by another task. */
IN_A_TASK(the_stream_goes_away)
{
    hoop_stream *one, *other;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    hoop_task *task = hoop_create_task(send_file, one);
    let_others_wait();
    hoop_stream_abort(one);
    assert_int_equal(hoop_await(task), -EBADF);
    hoop_stream_abort(other);
}

/* A coroutine: who cannot receive says so to the other end. */
static int64_t receive_or_abort(void *arg)
{
    struct sink *sink = arg;
    int64_t rc = receive_all(sink);
    if (rc < 0)
        hoop_stream_abort(sink->stream);
    else
        (void)hoop_stream_close(sink->stream);
    return rc;
}

static int64_t transfer(void *arg)
{
    (void)arg;
    hoop_stream *one, *other;
    struct sink sink;
    int rc = hoop_stream_pair(NULL, &one, &other);
    if (rc < 0)
        return rc;
    sink_open(&sink, other);
    hoop_task *task = hoop_create_task(receive_or_abort, &sink);
    if (task == NULL)
        hoop_stream_abort(other);
    int64_t sent = hoop_stream_sendfile(one, file_fd, 0, 0);
    int64_t closed = hoop_stream_close(one);
    int64_t received = hoop_await(task);
    bool is_whole = sent == (int64_t)FILE_SIZE && closed == 0 && received == 0;
    if (is_whole)
        sink_got(&sink, 0, FILE_SIZE);
    else
        free(sink.bytes);
    return is_whole ? 0 : -EIO;
}

static int transfer_in_a_loop(void *arg)
{
    return (int)hoop_run(transfer, arg);
}

static void any_call_may_fail(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, transfer_in_a_loop, NULL) > 10);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, transfer_in_a_loop, NULL) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_whole_file_arrives),
        BEHAVIOUR(a_part_of_it_too_and_its_end_is_the_end),
        BEHAVIOUR(a_file_keeps_its_place_between_writes),
        BEHAVIOUR(a_file_goes_through_a_pipe),
        BEHAVIOUR(a_file_goes_through_tls),
        BEHAVIOUR(only_a_regular_file_can_be_sent),
        BEHAVIOUR(a_cancelled_transfer_can_be_continued),
        BEHAVIOUR(the_other_end_goes_away),
        BEHAVIOUR(the_stream_goes_away),
        BEHAVIOUR(any_call_may_fail),
    };
    return cmocka_run_group_tests(tests, file_make, file_drop);
}
