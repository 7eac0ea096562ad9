/* SPDX-License-Identifier: MIT
 *
 * Reading from a stream.
 *
 * An idle stream has no memory for what it may receive: all receive into the loop's one scratch
 * buffer, 64 KiB, so that one system call takes all that there is. While a read looks through
 * it, that buffer is the stream's (`in`); at the read's end, and before it waits, what is left
 * over moves to memory of its own size (settle). If there is none, the stream keeps the
 * scratch buffer: so nothing that was received is ever lost.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "io/stream.h"
#include "io/tls.h"

/* Reads of this size go into the caller's memory directly: fewer bytes are copied quicker than
 * the system is asked a second time whether that was all. */
#define DIRECT_SIZE ((size_t)16384)

/* The least room for another receive into a buffer that holds something. */
#define ROOM_MIN ((size_t)4096)

void stream_readable(struct channel *channel)
{
    hoop_stream *stream = stream_of(channel);
    if (stream->reader != NULL)
        wait_wake(&stream->reader->wait, 0);
}

/* ---- the buffer ---- */

static bool is_on_scratch(const hoop_stream *stream)
{
    return stream->in.capacity == IO_SCRATCH_SIZE && stream->channel.local->scratch == NULL;
}

/* Gives the scratch buffer back, unless it is needed. */
static void settle(hoop_stream *stream)
{
    struct buffer *in = &stream->in;
    if (!is_on_scratch(stream) || in->size > IO_SCRATCH_SIZE / 2)
        return;
    struct buffer own = {0};
    if (in->size > 0 && buffer_append(&own, buffer_data(in), in->size) < 0)
        return;
    stream->channel.local->scratch = in->memory;
    *in = own;
}

/* Takes bytes that are there, not necessarily all. */
static void consume(hoop_stream *stream, size_t size)
{
    if (size == stream->in.size && is_on_scratch(stream)) {
        stream->in.start = stream->in.size = 0;
        settle(stream);
    } else {
        buffer_consume(&stream->in, size);
        settle(stream);
    }
}

static int64_t take(hoop_stream *stream, void *buffer, size_t size)
{
    if (size > stream->in.size)
        size = stream->in.size;
    memcpy(buffer, buffer_data(&stream->in), size);
    consume(stream, size);
    return (int64_t)size;
}

/* ---- receiving ---- */

/* As channel_receive, and knows the end. */
static int64_t receive(hoop_stream *stream, void *buffer, size_t size)
{
    if (stream->is_over || stream->channel.is_closing)
        return 0;
    int64_t received = channel_receive(&stream->channel, buffer, size);
    if (received == 0)
        stream->is_over = true;
    return received;
}

/* Receives once into the stream's buffer: how many bytes came, 0 at the end, or an error. */
static int64_t fill(hoop_stream *stream)
{
    struct buffer *in = &stream->in;
    struct io_local *local = stream->channel.local;
    char *place;
    if (in->capacity == 0) {
        place = io_scratch(local);
        if (place == NULL)
            return -ENOMEM;
        *in = (struct buffer){.memory = place, .capacity = IO_SCRATCH_SIZE};
        local->scratch = NULL;
    } else {
        place = buffer_reserve(in, ROOM_MIN);
        if (place == NULL)
            return -ENOMEM;
    }
    int64_t received = receive(stream, place, buffer_room(in));
    if (received > 0)
        buffer_added(in, (size_t)received);
    if (received <= 0)
        settle(stream);
    return received;
}

static const struct wait_kind read_wait = {"reads", wait_cancel, NULL, NULL};

static int wait_readable(hoop_stream *stream)
{
    struct stream_wait reader = {.stream = stream};
    settle(stream);
    stream->reader = &reader;
    int rc = stream_park(&reader, &read_wait);
    if (reader.stream != NULL)
        stream->reader = NULL;
    return rc;
}

/* Before one more receive of the same read: others are to have their turns, too. */
static int give_way(hoop_stream *stream)
{
    struct stream_wait reader = {.stream = stream};
    if (!stream_must_give_way())
        return 0;
    settle(stream);
    stream->reader = &reader;
    int rc = stream_give_way(&reader);
    if (rc == 0)
        stream->reader = NULL;
    return rc;
}

/* The same, but waits for it. */
static int64_t fill_waiting(hoop_stream *stream)
{
    int rc = give_way(stream);
    int64_t received = rc;
    while (rc == 0 && (received = fill(stream)) == -EAGAIN)
        received = rc = wait_readable(stream);
    return received;
}

/* 0, or why FUNCTION cannot read STREAM. */
static int check(const hoop_stream *stream, bool is_valid, const char *function)
{
    int rc = stream_check(stream, function);
    if (rc < 0)
        return rc;
    if (UNLIKELY(!is_valid || stream->reader != NULL)) {
        bool debug = hoop_get_debug(stream->channel.loop);
        return wait_failed(misuse(debug, is_valid ? -EBUSY : -EINVAL, function));
    }
    return 0;
}

/* The end of each read: RESULT, an error being an await's. */
static int64_t done(const hoop_stream *stream, int64_t result)
{
    if (UNLIKELY(result < 0))
        return tls_failed(&stream->channel, (int)result);
    wait_spend();
    return result;
}

/* ---- some bytes, or a number of them ---- */

static int64_t receive_waiting(hoop_stream *stream, void *buffer, size_t size)
{
    int rc = give_way(stream);
    int64_t received = rc;
    while (rc == 0 && (received = receive(stream, buffer, size)) == -EAGAIN)
        received = rc = wait_readable(stream);
    return received;
}

int64_t hoop_stream_read(hoop_stream *stream, void *buffer, size_t size)
{
    int rc = check(stream, size > 0, __func__);
    if (rc < 0)
        return rc;
    if (stream->in.size == 0) {
        if (size >= DIRECT_SIZE)
            return done(stream, receive_waiting(stream, buffer, size));
        int64_t received = fill_waiting(stream);
        if (received <= 0)
            return done(stream, received);
    }
    return done(stream, take(stream, buffer, size));
}

/* Waits until SIZE bytes are buffered: 0, HOOP_EINCOMPLETE at the end, or an error. */
static int64_t gather(hoop_stream *stream, size_t size)
{
    while (stream->in.size < size) {
        int64_t received = fill_waiting(stream);
        if (received <= 0)
            return received < 0 ? received : HOOP_EINCOMPLETE;
    }
    return 0;
}

/* For more than the buffer should hold: straight to the caller. What came goes back into the
 * buffer if the rest does not. */
static int64_t read_large(hoop_stream *stream, char *buffer, size_t size)
{
    size_t had = buffer_take(&stream->in, buffer, size);
    while (had < size) {
        int64_t received = receive_waiting(stream, buffer + had, size - had);
        if (received > 0) {
            had += (size_t)received;
            continue;
        }
        if (received != -EBADF && buffer_prepend(&stream->in, buffer, had) < 0)
            stream->channel.read_error = -ENOMEM; /* else the next read would miss them */
        return received < 0 ? received : HOOP_EINCOMPLETE;
    }
    return (int64_t)size;
}

int64_t hoop_stream_readexactly(hoop_stream *stream, void *buffer, size_t size)
{
    int rc = check(stream, true, __func__);
    if (rc < 0)
        return rc;
    if (size > stream->limit)
        return done(stream, read_large(stream, buffer, size));
    int64_t gathered = gather(stream, size);
    if (gathered < 0 || size == 0)
        return done(stream, gathered);
    return done(stream, take(stream, buffer, size));
}

int64_t hoop_stream_peek(hoop_stream *stream, size_t size, const void **ret_data)
{
    int rc = check(stream, size > 0 && size <= stream->limit, __func__);
    if (rc < 0)
        return rc;
    int64_t gathered = gather(stream, size);
    if (gathered < 0 && gathered != HOOP_EINCOMPLETE)
        return done(stream, gathered);
    settle(stream);
    *ret_data = buffer_data(&stream->in);
    return done(stream, (int64_t)stream->in.size);
}

void hoop_stream_consume(hoop_stream *stream, size_t size)
{
    consume(stream, size < stream->in.size ? size : stream->in.size);
}

/* ---- up to a separator ---- */

/* Waits until a separator is buffered: how many bytes end with it, HOOP_ELIMIT if they are more
 * than MOST, HOOP_EINCOMPLETE at the end, or an error. */
static int64_t find(hoop_stream *stream, const void *separator, size_t separator_size, size_t most)
{
    size_t searched = 0; /* bytes that no separator begins in */
    for (;;) {
        const char *data = buffer_data(&stream->in);
        size_t size = stream->in.size;
        const char *found = size >= separator_size ? memmem(data + searched, size - searched,
                                                            separator, separator_size)
                                                   : NULL;
        if (found != NULL) {
            size_t length = (size_t)(found - data) + separator_size;
            return length <= most ? (int64_t)length : HOOP_ELIMIT;
        }
        if (size > most) /* with just as many it may be the last line */
            return HOOP_ELIMIT;
        if (size >= separator_size)
            searched = size - separator_size + 1;
        int64_t received = fill_waiting(stream);
        if (received <= 0)
            return received < 0 ? received : HOOP_EINCOMPLETE;
    }
}

static size_t lesser(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* Hands out the LENGTH bytes that find has found, or what it said instead. */
static int64_t hand_out(hoop_stream *stream, int64_t length, void *buffer)
{
    if (length > 0)
        return done(stream, take(stream, buffer, (size_t)length));
    if (length != -EBADF) /* else it is gone */
        settle(stream);
    return done(stream, length);
}

int64_t hoop_stream_readuntil(hoop_stream *stream, const void *separator, size_t separator_size,
                              void *buffer, size_t size)
{
    int rc = check(stream, separator_size > 0, __func__);
    if (rc < 0)
        return rc;
    size_t most = lesser(size, stream->limit);
    return hand_out(stream, find(stream, separator, separator_size, most), buffer);
}

int64_t hoop_stream_readline(hoop_stream *stream, void *buffer, size_t size)
{
    int rc = check(stream, true, __func__);
    if (rc < 0)
        return rc;
    int64_t length = find(stream, "\n", 1, lesser(size, stream->limit));
    if (length == HOOP_EINCOMPLETE)
        length = (int64_t)stream->in.size; /* the last line needs none */
    return hand_out(stream, length, buffer);
}

int64_t hoop_stream_peekuntil(hoop_stream *stream, const void *separator, size_t separator_size,
                              const void **ret_data)
{
    int rc = check(stream, separator_size > 0, __func__);
    if (rc < 0)
        return rc;
    int64_t length = find(stream, separator, separator_size, stream->limit);
    if (length != -EBADF)
        settle(stream);
    if (length > 0)
        *ret_data = buffer_data(&stream->in);
    return done(stream, length);
}

/* ---- questions ---- */

size_t hoop_stream_buffered(const hoop_stream *stream)
{
    return stream->in.size;
}

bool hoop_stream_at_eof(const hoop_stream *stream)
{
    return stream->in.size == 0 && stream->is_over;
}

uint64_t hoop_stream_bytes_read(const hoop_stream *stream)
{
    return stream->channel.bytes_read;
}
