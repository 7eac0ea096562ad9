/* SPDX-License-Identifier: MIT
 *
 * See end.h. Each byte is checked against the place that it should have.
 */
#include "end.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/uio.h>

enum {
    PERIOD = 1000003, /* after so many the bytes come again; a prime, as no piece's size is */
    PIECES_MAX = 100,
    SLOW_MAX = 4096,    /* what a slow reader reads at a time */
    OVERRUN = 20 << 10, /* by how much TLS may pass the mark: a record, and what it adds to each */
    SCRATCH = 64 << 10, /* what comes in one system call */
};

static unsigned char pattern[PERIOD + PIECE_MAX];

void make_pattern(void)
{
    uint64_t random = 1;
    for (size_t i = 0; i < PERIOD; i++)
        pattern[i] = (unsigned char)(next_random(&random) >> 32);
    memcpy(pattern + PERIOD, pattern, PIECE_MAX);
}

static unsigned char *bytes_at(uint64_t position)
{
    return pattern + position % PERIOD;
}

/* ---- memory ---- */

static void check_written(struct end *end)
{
    size_t buffered = hoop_stream_write_buffered(end->stream);
    if (buffered <= end->write_high)
        end->unasked = 0;
    size_t overrun = hoop_stream_ssl(end->stream) != NULL ? OVERRUN : 0;
    CHECK(buffered <= end->write_high + end->unasked + overrun);
}

void end_check_memory(struct end *end)
{
    check_written(end);
    /* What a large read puts back may be as much as that. */
    CHECK(hoop_stream_buffered(end->stream) <= 2 * (end->limit + SCRATCH) + PIECE_MAX);
}

/* ---- what both tasks do ---- */

size_t size_up_to(uint64_t *random, uint64_t max)
{
    int log = pick(random, 18);
    uint64_t size = 1 + next_random(random) % ((uint64_t)1 << log);
    return (size_t)(size < max ? size : max);
}

/* Takes back a cancellation that CALL's result tells of. */
static int64_t go_on(struct end *end, int64_t rc)
{
    if (rc != -ECANCELED)
        return rc;
    end->cancelled++;
    while (hoop_task_cancelling(hoop_current_task()) > 0)
        hoop_task_uncancel(hoop_current_task());
    return rc;
}

static void rest_now_and_then(struct end *end, uint64_t *random)
{
    int choice = pick(random, 200);
    if (choice < 10)
        (void)go_on(end, hoop_sleep(choice == 0 ? 0.0001 : 0));
}

/* ---- writing ---- */

/* The next record will have a new key; and at times the other end's, too. */
static void change_keys_now_and_then(const struct end *end, uint64_t *random)
{
    SSL *ssl = hoop_stream_ssl(end->stream);
    if (ssl == NULL || SSL_version(ssl) != TLS1_3_VERSION || pick(random, 300) > 0)
        return;
    if (!SSL_is_init_finished(ssl))
        return; /* the last change waits for a write: that before this one was cancelled */
    bool is_for_both = pick(random, 2) == 0;
    CHECK(SSL_key_update(ssl, is_for_both ? SSL_KEY_UPDATE_REQUESTED
                                          : SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
}

static int64_t write_pieces(hoop_stream *stream, uint64_t position, size_t size, uint64_t *random)
{
    struct iovec pieces[PIECES_MAX];
    size_t count = 0;
    for (size_t left = size; left > 0 && count < PIECES_MAX; count++) {
        size_t length = pick(random, 5) == 0 ? 0 : size_up_to(random, left);
        if (count == PIECES_MAX - 1)
            length = left;
        pieces[count] = (struct iovec){bytes_at(position + size - left), length};
        left -= length;
    }
    return hoop_stream_writev(stream, pieces, count);
}

/* SIZE, -ECANCELED and a part was taken, or 0 if it came to nothing. */
static int64_t write_somehow(struct end *end, uint64_t position, size_t size)
{
    uint64_t *random = &end->random[0];
    int64_t rc;
    switch (pick(random, 4)) {
    case 0:
        return write_pieces(end->stream, position, size, random);
    case 1:
        if (hoop_stream_write_buffered(end->stream) > end->write_high)
            return hoop_stream_drain(end->stream); /* its last drain was cancelled */
        end->unasked = size;
        rc = hoop_stream_write_nowait(end->stream, bytes_at(position), size);
        CHECK(rc == (int64_t)size);
        (void)go_on(end, hoop_stream_drain(end->stream));
        return rc;
    default:
        return hoop_stream_write(end->stream, bytes_at(position), size);
    }
}

static int64_t write_all(void *arg)
{
    struct end *end = arg;
    uint64_t written = 0;
    while (written < end->length) {
        uint64_t left = end->length - written;
        size_t size = size_up_to(&end->random[0], left < PIECE_MAX ? left : PIECE_MAX);
        change_keys_now_and_then(end, &end->random[0]);
        int64_t rc = go_on(end, write_somehow(end, written, size));
        uint64_t before = written;
        written = hoop_stream_bytes_written(end->stream);
        CHECK(rc == -ECANCELED ? written - before <= size : written - before == (uint64_t)rc);
        end_check_memory(end);
        rest_now_and_then(end, &end->random[0]);
    }
    return hoop_stream_write_eof(end->stream);
}

/* ---- reading ---- */

/* Looks at some bytes, and takes a part of them. */
static int64_t look(struct end *end, unsigned char *buffer, size_t size)
{
    const void *data;
    uint64_t *random = &end->random[1];
    int64_t shown =
        pick(random, 2) == 0
            ? hoop_stream_peek(end->stream, size < end->limit ? size : end->limit, &data)
            : hoop_stream_peekuntil(end->stream, "\n", 1, &data);
    if (shown <= 0)
        return shown;
    size_t taken = (size_t)(next_random(random) % (uint64_t)(shown + 1));
    if (taken > PIECE_MAX)
        taken = PIECE_MAX;
    memcpy(buffer, data, taken);
    hoop_stream_consume(end->stream, taken);
    return (int64_t)taken;
}

/* Up to SIZE bytes; 0 also for none that were taken. */
static int64_t read_somehow(struct end *end, unsigned char *buffer, size_t size)
{
    hoop_stream *stream = end->stream;
    switch (pick(&end->random[1], 6)) {
    case 0:
        return hoop_stream_readexactly(stream, buffer, size);
    case 1:
        return hoop_stream_readline(stream, buffer, size);
    case 2:
        return hoop_stream_readuntil(stream, bytes_at(size), 2, buffer, size);
    case 3:
        return look(end, buffer, size);
    default:
        return hoop_stream_read(stream, buffer, size);
    }
}

static int64_t read_all(void *arg)
{
    struct end *end = arg;
    uint64_t *random = &end->random[1], most = end->is_slow ? SLOW_MAX : PIECE_MAX;
    unsigned char *buffer = malloc(PIECE_MAX);
    CHECK(buffer != NULL);
    while (!hoop_stream_at_eof(end->stream)) {
        int64_t rc = read_somehow(end, buffer, size_up_to(random, most));
        if (rc == HOOP_ELIMIT || rc == HOOP_EINCOMPLETE)
            rc = hoop_stream_read(end->stream, buffer, size_up_to(random, most));
        rc = go_on(end, rc);
        CHECK(rc >= 0 || rc == -ECANCELED);
        if (rc > 0)
            CHECK(memcmp(buffer, bytes_at(end->read), (size_t)rc) == 0);
        end->read += rc > 0 ? (uint64_t)rc : 0;
        size_t buffered = hoop_stream_buffered(end->stream);
        CHECK(hoop_stream_bytes_read(end->stream) == end->read + buffered);
        end_check_memory(end);
        if (end->is_slow && pick(random, 3) == 0)
            (void)go_on(end, hoop_sleep(0.0002));
        rest_now_and_then(end, random);
    }
    free(buffer);
    return 0;
}

/* ---- both ---- */

void end_start(struct end *end)
{
    end->tasks[0] = hoop_create_task(write_all, end);
    end->tasks[1] = hoop_create_task(read_all, end);
    CHECK(end->tasks[0] != NULL && end->tasks[1] != NULL);
}

bool end_is_over(const struct end *end)
{
    return hoop_task_is_done(end->tasks[0]) && hoop_task_is_done(end->tasks[1]);
}

void end_finish(struct end *end)
{
    CHECK(hoop_task_result(end->tasks[0]) == 0);
    CHECK(hoop_task_result(end->tasks[1]) == 0);
    hoop_task_unref(end->tasks[0]);
    hoop_task_unref(end->tasks[1]);
    CHECK(end->read == end->length);
    CHECK(hoop_stream_close(end->stream) == 0);
}
