/* SPDX-License-Identifier: MIT
 *
 * Streams when the system fails, at each call in turn: that breaks the direction in which it came,
 * for good. What was received before is there to be read.
 */
#include "stream_scene.h"

/* Reads all that comes into BYTES, in reads of all kinds, until a failure: how many. */
static int64_t read_until_failure(hoop_stream *stream, char *bytes, size_t size, int64_t *ret_rc)
{
    const void *data;
    size_t had = 0;
    int64_t rc = 1;
    for (int kind = 0; had < size && rc > 0; kind++) {
        size_t room = size - had;
        switch (kind % 4) {
        case 0:
            rc = hoop_stream_read(stream, bytes + had, room < 100 ? room : 100);
            break;
        case 1:
            rc = hoop_stream_readexactly(stream, bytes + had, room < 500 ? room : 500);
            break;
        case 2:
            rc = hoop_stream_peek(stream, 1, &data);
            if (rc > 0) {
                rc = rc < 700 ? rc : 700;
                memcpy(bytes + had, data, (size_t)rc);
                hoop_stream_consume(stream, (size_t)rc);
            }
            break;
        default:
            rc = hoop_stream_readexactly(stream, bytes + had, room < 20000 ? room : 20000);
            break;
        }
        had += rc > 0 ? (size_t)rc : 0;
    }
    *ret_rc = rc;
    return (int64_t)had;
}

/* A writer that fails ends the connection, or its reader would wait for ever. */
static int64_t write_and_close_on_failure(void *arg)
{
    struct transfer *transfer = arg;
    int64_t rc = write_all(transfer);
    if (rc < 0) {
        assert_int_equal(hoop_stream_write(transfer->stream, "x", 1), rc);
        hoop_stream_abort(transfer->stream);
        transfer->stream = NULL;
    }
    return rc;
}

static int64_t hear_a_failing_writer(void *arg)
{
    struct scene *scene = arg;
    static char sent[LARGE];
    int ends[2];
    open_pair(ends);
    scene->peer = ends[1];
    int64_t rc = hoop_stream_open(ends[0], &limited, &scene->stream);
    if (rc < 0)
        return rc;
    fill_bytes(sent, LARGE, 0);
    struct transfer transfer = {scene->stream, sent, LARGE};
    scene->task = hoop_create_task(write_and_close_on_failure, &transfer);
    uint64_t position = 0;
    while (!hoop_task_is_done(scene->task)) {
        position = peer_takes_some(scene, position);
        assert_int_equal(hoop_sleep(1), 0);
    }
    for (uint64_t before = position + 1; before != position;) {
        before = position;
        position = peer_takes_some(scene, position);
        assert_int_equal(hoop_sleep(1), 0);
    }
    int64_t written = hoop_task_result(scene->task);
    if (written < 0) {
        assert_int_equal(written, -HOOP_TESTING_ERRNO);
        assert_true(peer_is_at_end(scene->peer));
        return written;
    }
    assert_int_equal(position, LARGE);
    return hoop_stream_close(transfer.stream);
}

static void a_failing_system_is_heard_of_by_writers(void **state)
{
    (void)state;
    hoop_coroutine_fn fn = hear_a_failing_writer;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, body, &fn) > 5);
}

/* Reads what a peer has sent before, so that the one to fail is the reader. */
static int64_t hear_of_a_failing_reader(void *arg)
{
    struct scene *scene = arg;
    static char bytes[LARGE];
    int ends[2];
    open_pair(ends);
    scene->peer = ends[1];
    int64_t rc = hoop_stream_open(ends[0], &limited, &scene->stream);
    if (rc < 0)
        return rc;
    fill_bytes(bytes, 100000, 0);
    peer_sends(scene->peer, bytes, 100000);
    int64_t had = read_until_failure(scene->stream, bytes, 100000, &rc);
    assert_bytes(bytes, (size_t)had, 0);
    if (had < 100000) {
        assert_int_equal(rc, -HOOP_TESTING_ERRNO);
        size_t rest = hoop_stream_buffered(scene->stream);
        if (rest > 0)
            assert_int_equal(hoop_stream_readexactly(scene->stream, bytes, rest), rest);
        assert_bytes(bytes, rest, (uint64_t)had);
        assert_int_equal(hoop_stream_bytes_read(scene->stream), (uint64_t)had + rest);
        for (int i = 0; i < 2; i++)
            assert_int_equal(hoop_stream_read(scene->stream, bytes, 1), -HOOP_TESTING_ERRNO);
        assert_int_equal(hoop_stream_write(scene->stream, "on", 2), 2); /* the other direction */
    }
    assert_int_equal(hoop_stream_close(scene->stream), 0);
    return rc < 0 ? rc : 0;
}

static void a_failing_system_breaks_reading_after_the_bytes_that_came(void **state)
{
    (void)state;
    hoop_coroutine_fn fn = hear_of_a_failing_reader;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, body, &fn) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_failing_system_is_heard_of_by_writers),
        BEHAVIOUR(a_failing_system_breaks_reading_after_the_bytes_that_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
