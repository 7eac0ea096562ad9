/* SPDX-License-Identifier: MIT
 *
 * Streams without memory, at each allocation in turn: a call fails and can be made again, and no
 * byte is lost or comes twice.
 */
#include "stream_scene.h"

/* CALL is -ENOMEM at most once, and EXPECTED then. */
#define ASSERT_AT_LAST(scene, call, expected) \
    do { \
        int64_t rc_ = (call); \
        if (rc_ == -ENOMEM) { \
            (scene)->failures++; \
            rc_ = (call); \
        } \
        assert_int_equal(rc_, expected); \
    } while (0)

static void open_at_last(struct scene *scene)
{
    int ends[2], rc;
    for (int i = 0; i < 2; i++) {
        open_pair(ends);
        rc = hoop_stream_open(ends[0], &limited, &scene->stream);
        if (rc == 0)
            break;
        assert_int_equal(rc, -ENOMEM);
        scene->failures++;
        assert_true(peer_is_at_end(ends[1])); /* it was closed */
        close(ends[1]);
    }
    assert_int_equal(rc, 0);
    scene->peer = ends[1];
}

/* FN(ARG) as a task that waits for something. */
static hoop_task *start_at_last(struct scene *scene, hoop_coroutine_fn fn, void *arg)
{
    for (;;) {
        hoop_task *task = hoop_create_task(fn, arg);
        if (task != NULL) {
            ASSERT_AT_LAST(scene, hoop_sleep(1), 0);
            if (!hoop_task_is_done(task))
                return task;
            assert_int_equal(hoop_await(task), -ENOMEM);
        }
        scene->failures++;
    }
}

static void assert_taken(struct scene *scene, const char *bytes, size_t size)
{
    assert_bytes(bytes, size, (uint64_t)scene->position);
    scene->position += (int64_t)size;
}

/* Each kind of read, of bytes that are there. */
static int64_t read_without_memory(void *arg)
{
    struct scene *scene = arg;
    static char bytes[LARGE];
    const void *data;
    open_at_last(scene);
    hoop_stream *stream = scene->stream;
    fill_bytes(bytes, 100000, 0);
    peer_sends(scene->peer, bytes, 100000);
    ASSERT_AT_LAST(scene, hoop_stream_read(stream, bytes, 5), 5);
    assert_taken(scene, bytes, 5);
    ASSERT_AT_LAST(scene, hoop_stream_readexactly(stream, bytes, 900), 900);
    assert_taken(scene, bytes, 900);
    ASSERT_AT_LAST(scene, hoop_stream_readexactly(stream, bytes, 40000), 40000);
    assert_taken(scene, bytes, 40000);
    char separator[8];
    fill_bytes(separator, 8, (uint64_t)scene->position + 500);
    ASSERT_AT_LAST(scene, hoop_stream_readuntil(stream, separator, 8, bytes, LARGE), 508);
    assert_taken(scene, bytes, 508);
    ASSERT_AT_LAST(scene, hoop_stream_peek(stream, 1000, &data) >= 1000 ? 0 : -ENOMEM, 0);
    assert_taken(scene, data, 1000);
    hoop_stream_consume(stream, 1000);
    size_t rest = 100000 - (size_t)scene->position;
    ASSERT_AT_LAST(scene, hoop_stream_readexactly(stream, bytes, rest), rest);
    assert_taken(scene, bytes, rest);
    ASSERT_AT_LAST(scene, hoop_stream_close(stream), 0);
    return 0;
}

struct line {
    hoop_stream *stream;
    char bytes[200];
};

static int64_t read_line(void *arg)
{
    struct line *line = arg;
    return hoop_stream_readline(line->stream, line->bytes, sizeof line->bytes);
}

/* A line that comes in pieces, around waits. */
static int64_t wait_without_memory(void *arg)
{
    struct scene *scene = arg;
    open_at_last(scene);
    struct line line = {.stream = scene->stream};
    peer_says(scene->peer, "first\nsec");
    ASSERT_AT_LAST(scene, read_line(&line), 6);
    assert_memory_equal(line.bytes, "first\n", 6);
    hoop_task *task = start_at_last(scene, read_line, &line);
    peer_says(scene->peer, "ond\nthi");
    int64_t rc = hoop_await(task);
    if (rc == -ENOMEM) {
        scene->failures++;
        rc = read_line(&line);
    }
    assert_int_equal(rc, 7);
    assert_memory_equal(line.bytes, "second\n", 7);
    close(scene->peer);
    scene->peer = -1;
    ASSERT_AT_LAST(scene, read_line(&line), 3);
    assert_memory_equal(line.bytes, "thi", 3);
    ASSERT_AT_LAST(scene, hoop_stream_read(scene->stream, line.bytes, 1), 0);
    ASSERT_AT_LAST(scene, hoop_stream_close(scene->stream), 0);
    return 0;
}

/* Without memory for a copy a write goes on out of its own memory. */
static int64_t write_without_memory(void *arg)
{
    struct scene *scene = arg;
    char *sent = bytes_new(LARGE + 2000);
    open_at_last(scene);
    hoop_stream *stream = scene->stream;
    assert_int_equal(hoop_stream_write(stream, sent, 100), 100);
    struct transfer transfer = {stream, sent + 100, LARGE};
    hoop_task *task = start_at_last(scene, write_all, &transfer);
    uint64_t position = 0;
    while (position < LARGE / 2) {
        position = peer_takes_some(scene, position);
        ASSERT_AT_LAST(scene, hoop_sleep(1), 0);
    }
    /* One in line behind it, as long as that writes still. */
    struct transfer next = {stream, sent + 100 + LARGE, 1000};
    hoop_task *last = hoop_create_task(write_all, &next);
    while (position < 100 + LARGE) {
        position = peer_takes_some(scene, position);
        ASSERT_AT_LAST(scene, hoop_sleep(1), 0);
    }
    assert_int_equal(hoop_await(task), LARGE);
    if (hoop_await(last) == -ENOMEM) { /* there was none for the task */
        scene->failures++;
        assert_int_equal(hoop_stream_bytes_written(stream), 100 + LARGE);
        assert_int_equal(hoop_stream_write(stream, next.bytes, next.size), 1000);
    }
    position = peer_takes_some(scene, position);
    assert_int_equal(position, 100 + LARGE + 1000);
    assert_int_equal(hoop_stream_bytes_written(stream), position);
    ASSERT_AT_LAST(scene, hoop_stream_close(stream), 0);
    free(sent);
    return 0;
}

/* Takes all without waiting: or nothing, and then it may be tried again. */
static int64_t take_without_memory(void *arg)
{
    struct scene *scene = arg;
    char bytes[1000];
    open_at_last(scene);
    uint64_t written = 0, position = 0;
    while (written < LARGE) {
        fill_bytes(bytes, sizeof bytes, written);
        int64_t rc = hoop_stream_write_nowait(scene->stream, bytes, sizeof bytes);
        if (rc == -ENOMEM) {
            scene->failures++;
            assert_int_equal(hoop_stream_bytes_written(scene->stream), written); /* nothing */
            continue;
        }
        assert_int_equal(rc, sizeof bytes);
        written += sizeof bytes;
        assert_int_equal(hoop_stream_bytes_written(scene->stream), written);
    }
    while (position < written) {
        position = peer_takes_some(scene, position);
        ASSERT_AT_LAST(scene, hoop_sleep(1), 0);
    }
    assert_int_equal(hoop_stream_close(scene->stream), 0);
    return 0;
}

/* A close in the background needs a timer's place; without it the rest is dropped, and the
 * caller hears of it. */
static int64_t close_without_memory(void *arg)
{
    struct scene *scene = arg;
    static char bytes[LARGE];
    fill_bytes(bytes, LARGE, 0);
    open_at_last(scene);
    struct transfer transfer = {scene->stream, bytes, LARGE};
    hoop_task *task = start_at_last(scene, write_all, &transfer);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    ASSERT_AT_LAST(scene, hoop_stream_write_nowait(scene->stream, "", 0), 0);
    int64_t rc = hoop_stream_write_nowait(scene->stream, bytes, 100);
    if (rc == -ENOMEM) {
        scene->failures++;
        assert_int_equal(hoop_stream_write_nowait(scene->stream, bytes, 100), 100);
    }
    rc = hoop_stream_close(scene->stream);
    assert_true(rc == -ETIMEDOUT || rc == -ENOMEM);
    scene->failures += rc == -ENOMEM;
    return 0;
}

static int64_t open_two_without_memory(void *arg)
{
    struct scene *scene = arg;
    hoop_stream *one = NULL, *other = NULL;
    int rc = hoop_stream_pair(NULL, &one, &other);
    if (rc == -ENOMEM) {
        scene->failures++;
        assert_null(one);
        rc = hoop_stream_pair(NULL, &one, &other);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(hoop_stream_write(one, "x", 1), 1);
    ASSERT_AT_LAST(scene, hoop_stream_read(other, &(char){0}, 1), 1);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_stream_close(other), 0);
    return 0;
}

static void fail_each_allocation(hoop_coroutine_fn fn)
{
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, body, &fn) > 3);
}

static void no_read_loses_anything_without_memory(void **state)
{
    (void)state;
    fail_each_allocation(read_without_memory);
}

static void no_waiting_read_loses_anything_without_memory(void **state)
{
    (void)state;
    fail_each_allocation(wait_without_memory);
}

static void a_write_needs_no_memory(void **state)
{
    (void)state;
    fail_each_allocation(write_without_memory);
}

static void what_is_taken_without_waiting_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    fail_each_allocation(take_without_memory);
}

static void a_close_without_memory_says_so(void **state)
{
    (void)state;
    fail_each_allocation(close_without_memory);
}

static void two_are_opened_or_none(void **state)
{
    (void)state;
    fail_each_allocation(open_two_without_memory);
}

static int64_t write_without_any_memory(void *arg)
{
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 1, 1);
    return write_all(arg);
}

/* What would be copied, and sent in the background, if there were memory. */
IN_A_TASK(a_rest_that_cannot_be_copied_is_sent_from_where_it_is)
{
    struct scene scene = {0};
    char *sent = bytes_new(LARGE);
    open_at_last(&scene);
    assert_int_equal(hoop_stream_write_nowait(scene.stream, sent, LARGE), LARGE);
    size_t at_once = LARGE - hoop_stream_write_buffered(scene.stream); /* the system takes */
    peer_takes(scene.peer, 0, LARGE);
    struct transfer transfer = {scene.stream, sent, at_once + 20000};
    assert_true(transfer.size <= LARGE);
    hoop_task *task = hoop_create_task(write_without_any_memory, &transfer);
    let_one_iteration_pass();
    hoop_testing_fail_nth(0, 0);
    assert_false(hoop_task_is_done(task));
    assert_int_equal(hoop_stream_write_buffered(scene.stream), 0);
    peer_takes(scene.peer, 0, transfer.size);
    assert_int_equal(hoop_await(task), transfer.size);
    stream_and_peer_end(scene.stream, scene.peer);
    free(sent);
}

/* The system has taken a part, and there is no memory for the rest: that part cannot be taken
 * back, and the rest cannot follow. */
IN_A_TASK(a_part_that_cannot_be_followed_by_the_rest_breaks_the_stream)
{
    struct scene scene = {0};
    char *sent = bytes_new(LARGE);
    open_at_last(&scene);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    int64_t rc = hoop_stream_write_nowait(scene.stream, sent, LARGE);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(rc, -ENOMEM);
    size_t written = hoop_stream_bytes_written(scene.stream);
    assert_in_range(written, 1, LARGE - 1);
    assert_int_equal(hoop_stream_write_nowait(scene.stream, "x", 1), -ENOMEM);
    assert_int_equal(hoop_stream_write(scene.stream, "x", 1), -ENOMEM);
    peer_takes(scene.peer, 0, written);
    assert_int_equal(hoop_stream_close(scene.stream), -ENOMEM);
    assert_true(peer_is_at_end(scene.peer));
    close(scene.peer);
    free(sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(no_read_loses_anything_without_memory),
        BEHAVIOUR(no_waiting_read_loses_anything_without_memory),
        BEHAVIOUR(a_write_needs_no_memory),
        BEHAVIOUR(a_close_without_memory_says_so),
        BEHAVIOUR(two_are_opened_or_none),
        BEHAVIOUR(a_rest_that_cannot_be_copied_is_sent_from_where_it_is),
        BEHAVIOUR(what_is_taken_without_waiting_is_taken_whole_or_not_at_all),
        BEHAVIOUR(a_part_that_cannot_be_followed_by_the_rest_breaks_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
