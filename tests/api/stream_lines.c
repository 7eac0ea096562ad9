/* SPDX-License-Identifier: MIT
 *
 * Reading lines and records: separators across receives, limits, ends, and many at once.
 */
#include "stream_peer.h"

#include <malloc.h>

#include "child.h"

/* One read of a line or record, in a task. */
struct record_read {
    hoop_stream *stream;
    const char *separator; /* NULL: a line */
    char bytes[128];
    size_t size;
};

static int64_t read_record(void *arg)
{
    struct record_read *read = arg;
    if (read->separator == NULL)
        return hoop_stream_readline(read->stream, read->bytes, read->size);
    return hoop_stream_readuntil(read->stream, read->separator, strlen(read->separator),
                                 read->bytes, read->size);
}

static void assert_record_is(hoop_stream *stream, const char *separator, const char *expected)
{
    struct record_read read = {.stream = stream, .separator = separator, .size = sizeof read.bytes};
    assert_int_equal(read_record(&read), strlen(expected));
    assert_memory_equal(read.bytes, expected, strlen(expected));
}

static void assert_line_is(hoop_stream *stream, const char *expected)
{
    assert_record_is(stream, NULL, expected);
}

/* ---- across receives ---- */

/* TEXT, which begins with a record, comes in two parts, cut at each place in turn. */
static void cut_everywhere(const char *separator, const char *record, const char *rest)
{
    char text[64];
    size_t size = (size_t)snprintf(text, sizeof text, "%s%s", record, rest);
    for (size_t cut = 0; cut <= size; cut++) {
        int peer;
        hoop_stream *stream = stream_to_peer(&peer, NULL);
        struct record_read read = {.stream = stream, .separator = separator, .size = 64};
        peer_sends(peer, text, cut);
        hoop_task *task = hoop_create_task(read_record, &read);
        let_others_wait();
        assert_int_equal(hoop_task_is_done(task), cut >= strlen(record));
        peer_sends(peer, text + cut, size - cut);
        assert_int_equal(hoop_await(task), strlen(record));
        assert_memory_equal(read.bytes, record, strlen(record));
        assert_reads(stream, rest);
        assert_int_equal(hoop_stream_buffered(stream), 0);
        stream_and_peer_end(stream, peer);
    }
}

IN_A_TASK(a_line_may_be_cut_anywhere)
{
    cut_everywhere(NULL, "hello\n", "wor\nld");
    cut_everywhere(NULL, "\n", "x");
}

IN_A_TASK(a_separator_may_be_cut_anywhere)
{
    cut_everywhere("\r\n\r\n", "GET /\r\nHost: x\r\n\r\n", "body");
    cut_everywhere("aab", "xaaab", "aab");
    cut_everywhere("abababc", "ababababababc", "ab");
    cut_everywhere("END", "END", "END");
}

/* The same byte by byte. */
static void drip(const char *separator, const char *record)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct record_read read = {.stream = stream, .separator = separator, .size = 64};
    hoop_task *task = start_waiting(read_record, &read);
    for (const char *byte = record; *byte != '\0'; byte++) {
        assert_false(hoop_task_is_done(task));
        peer_sends(peer, byte, 1);
        let_others_wait();
    }
    assert_int_equal(hoop_await(task), strlen(record));
    assert_memory_equal(read.bytes, record, strlen(record));
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_record_may_come_byte_by_byte)
{
    drip(NULL, "a line\n");
    drip("aab", "aaaaaab");
    drip("--x", "-----x");
}

IN_A_TASK(a_separator_may_hold_any_bytes)
{
    int peer;
    char buffer[16];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_sends(peer, "a\0b\0\0c", 6);
    assert_int_equal(hoop_stream_readuntil(stream, "\0\0", 2, buffer, sizeof buffer), 5);
    assert_memory_equal(buffer, "a\0b\0\0", 5);
    assert_reads(stream, "c");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(no_separator_is_refused)
{
    int peer;
    char buffer[16];
    const void *data;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_readuntil(stream, "", 0, buffer, sizeof buffer), -EINVAL);
    assert_int_equal(hoop_stream_peekuntil(stream, "", 0, &data), -EINVAL);
    stream_and_peer_end(stream, peer);
}

/* ---- many at once ---- */

IN_A_TASK(thousands_of_lines_in_one_receive_come_one_by_one)
{
    enum { LINES = 5000 };
    int peer;
    char *text = malloc(LINES * 12), line[12];
    size_t size = 0;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    for (int i = 0; i < LINES; i++)
        size += (size_t)snprintf(text + size, 12, "line %d\n", i);
    peer_sends(peer, text, size);
    size_t position = 0;
    for (int i = 0; i < LINES; i++) {
        size_t length = (size_t)snprintf(line, sizeof line, "line %d\n", i);
        assert_int_equal(hoop_stream_readline(stream, line, sizeof line), length);
        assert_memory_equal(line, text + position, length);
        position += length;
        /* One system call takes as much as there is, up to 64 KiB. */
        if (i == 0)
            assert_true(hoop_stream_buffered(stream) > size / 2);
    }
    assert_int_equal(position, size);
    stream_and_peer_end(stream, peer);
    free(text);
}

IN_A_TASK(lines_and_counted_bytes_take_turns)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    for (int i = 0; i < 100; i++)
        peer_says(peer, "5\nab\ncd6\n\n\n\n\n\n\n");
    for (int i = 0; i < 100; i++) {
        assert_line_is(stream, "5\n");
        assert_reads(stream, "ab\ncd");
        assert_line_is(stream, "6\n");
        assert_reads(stream, "\n\n\n\n\n\n");
    }
    assert_int_equal(hoop_stream_buffered(stream), 0);
    stream_and_peer_end(stream, peer);
}

/* ---- limits ---- */

static const hoop_stream_options eight = {.limit = 8};

IN_A_TASK(a_line_as_long_as_the_limit_is_read)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, &eight);
    peer_says(peer, "1234567\nabcdefg\n");
    assert_line_is(stream, "1234567\n");
    assert_line_is(stream, "abcdefg\n");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_line_that_grows_to_the_limit_is_read)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, &eight);
    struct record_read read = {.stream = stream, .size = 64};
    hoop_task *task = start_waiting(read_record, &read);
    peer_says(peer, "1234567");
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    peer_says(peer, "\n");
    assert_int_equal(hoop_await(task), 8);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_longer_line_is_refused_and_can_be_read_in_pieces)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, &eight);
    peer_says(peer, "12345678\nok\n");
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_stream_readline(stream, buffer, sizeof buffer), HOOP_ELIMIT);
    assert_int_equal(hoop_stream_read(stream, buffer, 5), 5);
    assert_memory_equal(buffer, "12345", 5);
    assert_line_is(stream, "678\n");
    assert_line_is(stream, "ok\n");
    stream_and_peer_end(stream, peer);
}

/* It is refused as soon as that is certain, not when its end comes. */
IN_A_TASK(a_longer_line_is_refused_before_its_end_comes)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, &eight);
    peer_says(peer, "123456789");
    assert_int_equal(hoop_stream_readline(stream, buffer, sizeof buffer), HOOP_ELIMIT);
    assert_int_equal(hoop_stream_readuntil(stream, "\r\n", 2, buffer, sizeof buffer), HOOP_ELIMIT);
    assert_reads(stream, "123456789");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_long_separator_counts_with_the_record)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, &eight);
    peer_says(peer, "1234<--><--->");
    assert_int_equal(hoop_stream_readuntil(stream, "<-->", 4, buffer, sizeof buffer), 8);
    assert_int_equal(hoop_stream_readuntil(stream, "--->", 4, buffer, sizeof buffer), 5);
    peer_says(peer, "12345<-->");
    assert_int_equal(hoop_stream_readuntil(stream, "<-->", 4, buffer, sizeof buffer), HOOP_ELIMIT);
    assert_reads(stream, "12345<-->");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_callers_room_that_is_too_small_loses_nothing)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "12345\nab");
    for (size_t size = 0; size < 6; size++)
        assert_int_equal(hoop_stream_readline(stream, buffer, size), HOOP_ELIMIT);
    assert_int_equal(hoop_stream_readline(stream, buffer, 6), 6);
    assert_memory_equal(buffer, "12345\n", 6);
    close(peer);
    assert_int_equal(hoop_stream_readline(stream, buffer, 1), HOOP_ELIMIT);
    assert_int_equal(hoop_stream_readline(stream, buffer, 2), 2);
    assert_int_equal(hoop_stream_readline(stream, buffer, 0), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
}

/* Memory of the heap in use; 0 where that cannot be told. */
static size_t heap_in_use(void)
{
    return UNDER_SANITIZER || UNDER_VALGRIND || UNDER_EMULATOR ? 0 : mallinfo2().uordblks;
}

/* Whoever sends a line without an end does not fill the memory. */
IN_A_TASK(an_endless_line_takes_no_more_memory_than_the_limit_allows)
{
    enum { LIMIT = 100000 };
    int peer;
    static char piece[65536], buffer[LIMIT];
    size_t sent = 0, before = heap_in_use();
    hoop_stream *stream = stream_to_peer(&peer, &(hoop_stream_options){.limit = LIMIT});
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 1000; i++) {
        ssize_t more = write(peer, piece, sizeof piece);
        sent += more > 0 ? (size_t)more : 0;
        int64_t rc;
        hoop_timeout timeout;
        assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
        rc = hoop_stream_readline(stream, buffer, sizeof buffer);
        rc = hoop_timeout_exit(&timeout, rc);
        assert_int_equal(rc, sent < LIMIT ? -ETIMEDOUT : HOOP_ELIMIT);
    }
    assert_true(hoop_stream_buffered(stream) >= LIMIT);
    assert_true(hoop_stream_buffered(stream) < 3 * LIMIT);
    assert_true(heap_in_use() - before < 6 * LIMIT);
    assert_true(sent < 16 << 20); /* the kernel holds the rest back, at the sender's */
    stream_and_peer_end(stream, peer);
}

/* Once it is refused it can be skipped, however long. */
IN_A_TASK(a_long_line_can_be_skipped_in_pieces)
{
    enum { LENGTH = 150000 };
    int peer;
    char *line = malloc(LENGTH), buffer[1000];
    memset(line, 'x', LENGTH);
    hoop_stream *stream = stream_to_peer(&peer, &(hoop_stream_options){.limit = 1000});
    peer_sends(peer, line, LENGTH);
    peer_says(peer, "y\nnext\n");
    int64_t rc;
    size_t skipped = 0;
    while ((rc = hoop_stream_readline(stream, buffer, sizeof buffer)) == HOOP_ELIMIT) {
        rc = hoop_stream_read(stream, buffer, sizeof buffer);
        assert_true(rc > 0);
        skipped += (size_t)rc;
    }
    assert_int_equal(skipped + (size_t)rc, LENGTH + 2);
    assert_memory_equal(buffer + rc - 2, "y\n", 2);
    assert_line_is(stream, "next\n");
    stream_and_peer_end(stream, peer);
    free(line);
}

/* ---- ends ---- */

IN_A_TASK(the_last_line_needs_no_end)
{
    int peer;
    char buffer[16];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "one\ntwo");
    close(peer);
    assert_line_is(stream, "one\n");
    assert_line_is(stream, "two");
    assert_true(hoop_stream_at_eof(stream));
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_stream_readline(stream, buffer, sizeof buffer), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(the_last_line_may_be_as_long_as_the_limit)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, &eight);
    peer_says(peer, "1234567\n12345678");
    close(peer);
    assert_line_is(stream, "1234567\n");
    assert_line_is(stream, "12345678");
    assert_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(a_waiting_line_ends_with_the_stream)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct record_read read = {.stream = stream, .size = 64};
    peer_says(peer, "half");
    hoop_task *task = start_waiting(read_record, &read);
    close(peer);
    assert_int_equal(hoop_await(task), 4);
    assert_memory_equal(read.bytes, "half", 4);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(a_record_without_its_separator_is_incomplete_and_stays)
{
    int peer;
    char buffer[16];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "one;two");
    close(peer);
    assert_record_is(stream, ";", "one;");
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_stream_readuntil(stream, ";", 1, buffer, sizeof buffer),
                         HOOP_EINCOMPLETE);
    assert_int_equal(hoop_stream_buffered(stream), 3);
    assert_reads(stream, "two");
    assert_int_equal(hoop_stream_readuntil(stream, ";", 1, buffer, sizeof buffer),
                     HOOP_EINCOMPLETE);
    assert_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_line_may_be_cut_anywhere),
        BEHAVIOUR(a_separator_may_be_cut_anywhere),
        BEHAVIOUR(a_record_may_come_byte_by_byte),
        BEHAVIOUR(a_separator_may_hold_any_bytes),
        BEHAVIOUR(no_separator_is_refused),
        BEHAVIOUR(thousands_of_lines_in_one_receive_come_one_by_one),
        BEHAVIOUR(lines_and_counted_bytes_take_turns),
        BEHAVIOUR(a_line_as_long_as_the_limit_is_read),
        BEHAVIOUR(a_line_that_grows_to_the_limit_is_read),
        BEHAVIOUR(a_longer_line_is_refused_and_can_be_read_in_pieces),
        BEHAVIOUR(a_longer_line_is_refused_before_its_end_comes),
        BEHAVIOUR(a_long_separator_counts_with_the_record),
        BEHAVIOUR(a_callers_room_that_is_too_small_loses_nothing),
        BEHAVIOUR(an_endless_line_takes_no_more_memory_than_the_limit_allows),
        BEHAVIOUR(a_long_line_can_be_skipped_in_pieces),
        BEHAVIOUR(the_last_line_needs_no_end),
        BEHAVIOUR(a_waiting_line_ends_with_the_stream),
        BEHAVIOUR(a_record_without_its_separator_is_incomplete_and_stays),
        BEHAVIOUR(the_last_line_may_be_as_long_as_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
