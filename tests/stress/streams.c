/* SPDX-License-Identifier: MIT
 *
 * Two ends talk to each other at length, both ways at once: pieces of random sizes, written and
 * read by random functions, by tasks that are cancelled or delayed at random. Each byte must
 * arrive once, in its place, and neither end may hold more than it should.
 *
 *     HOOP_SEED=7 stress_streams          another seed
 *     HOOP_STRESS=8192 stress_streams     1 GiB each way, where 1000, the default, is 125 MiB
 *
 * Says nothing if all holds; otherwise prints the seed, and what did not hold.
 */
#include <errno.h>
#include <hoop.h>
#include <hoop/testing.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "random.h"

uint64_t stress_seed;

enum {
    PERIOD = 1000003, /* after so many the bytes come again; a prime, as no piece's size is */
    PIECE_MAX = 200000,
    PIECES_MAX = 100,
};

static unsigned char pattern[PERIOD + PIECE_MAX];

static void make_pattern(void)
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

/* ---- one end ---- */

struct end {
    hoop_stream *stream;
    size_t limit;
    size_t write_high;
    uint64_t length; /* what it writes, and reads */
    uint64_t read;
    uint64_t random[2]; /* the writer's and the reader's */
    hoop_task *tasks[2];
    unsigned cancelled;
};

static size_t size_up_to(uint64_t *random, uint64_t max)
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
        int64_t rc = go_on(end, write_somehow(end, written, size));
        uint64_t before = written;
        written = hoop_stream_bytes_written(end->stream);
        CHECK(rc == -ECANCELED ? written - before <= size : written - before == (uint64_t)rc);
        CHECK(hoop_stream_write_buffered(end->stream) <= end->write_high + PIECE_MAX);
        rest_now_and_then(end, &end->random[0]);
    }
    return hoop_stream_write_eof(end->stream);
}

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
    unsigned char *buffer = malloc(PIECE_MAX);
    CHECK(buffer != NULL);
    while (!hoop_stream_at_eof(end->stream)) {
        int64_t rc = read_somehow(end, buffer, size_up_to(&end->random[1], PIECE_MAX));
        if (rc == HOOP_ELIMIT || rc == HOOP_EINCOMPLETE)
            rc = hoop_stream_read(end->stream, buffer, size_up_to(&end->random[1], PIECE_MAX));
        rc = go_on(end, rc);
        CHECK(rc >= 0 || rc == -ECANCELED);
        if (rc > 0)
            CHECK(memcmp(buffer, bytes_at(end->read), (size_t)rc) == 0);
        end->read += rc > 0 ? (uint64_t)rc : 0;
        size_t buffered = hoop_stream_buffered(end->stream);
        CHECK(hoop_stream_bytes_read(end->stream) == end->read + buffered);
        /* What a large read puts back may be as much as that. */
        CHECK(buffered <= 2 * (end->limit + 65536) + PIECE_MAX);
        rest_now_and_then(end, &end->random[1]);
    }
    free(buffer);
    return 0;
}

/* ---- a conversation ---- */

struct conversation {
    struct end ends[2];
    uint64_t random;
};

static bool is_over(const struct conversation *conversation)
{
    for (int i = 0; i < 4; i++)
        if (!hoop_task_is_done(conversation->ends[i / 2].tasks[i % 2]))
            return false;
    return true;
}

static void cancel_now_and_then(struct conversation *conversation)
{
    uint64_t *random = &conversation->random;
    while (!is_over(conversation)) {
        CHECK(hoop_sleep(pick(random, 3) == 0 ? 0.0001 : 0) == 0);
        if (pick(random, 3) == 0)
            hoop_task_cancel(conversation->ends[pick(random, 2)].tasks[pick(random, 2)]);
    }
}

static void set_little_room(int fd, uint64_t *random)
{
    int size = 1 + pick(random, 100000);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
}

static void start(struct end *end)
{
    end->tasks[0] = hoop_create_task(write_all, end);
    end->tasks[1] = hoop_create_task(read_all, end);
    CHECK(end->tasks[0] != NULL && end->tasks[1] != NULL);
}

static void finish(struct end *end)
{
    CHECK(hoop_task_result(end->tasks[0]) == 0);
    CHECK(hoop_task_result(end->tasks[1]) == 0);
    hoop_task_unref(end->tasks[0]);
    hoop_task_unref(end->tasks[1]);
    CHECK(end->read == end->length);
    CHECK(hoop_stream_close(end->stream) == 0);
}

static void talk(struct conversation *conversation)
{
    for (int i = 0; i < 2; i++)
        if (pick(&conversation->random, 2) == 0)
            set_little_room(hoop_stream_fd(conversation->ends[i].stream), &conversation->random);
    for (int i = 0; i < 2; i++)
        start(&conversation->ends[i]);
    cancel_now_and_then(conversation);
    for (int i = 0; i < 2; i++)
        finish(&conversation->ends[i]);
}

/* ---- the kinds of connection ---- */

static void open_unix_pair(int fds[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static void open_tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fds[0], (struct sockaddr *)&address, size) == 0);
    fds[1] = accept(listener, NULL, NULL);
    CHECK(fds[1] >= 0);
    close(listener);
}

static void (*const kinds[])(int fds[2]) = {open_unix_pair, open_tcp_pair};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct plan {
    uint64_t length;
    int kind;
};

static int64_t converse(void *arg)
{
    const struct plan *plan = arg;
    struct conversation conversation = {.random = stress_seed * 1000003 + (uint64_t)plan->kind + 1};
    int fds[2];
    kinds[plan->kind](fds);
    for (int i = 0; i < 2; i++) {
        struct end *end = &conversation.ends[i];
        uint64_t *random = &conversation.random;
        end->length = plan->length;
        end->limit = size_up_to(random, PIECE_MAX) + 100;
        end->write_high = size_up_to(random, PIECE_MAX);
        end->random[0] = next_random(random);
        end->random[1] = next_random(random);
        hoop_stream_options options = {.limit = end->limit, .write_high = end->write_high};
        CHECK(hoop_stream_open(fds[i], &options, &end->stream) == 0);
    }
    talk(&conversation);
    CHECK(plan->length < 1 << 20 || conversation.ends[0].cancelled > 0);
    return 0;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    enum { CONVERSATIONS = 4 }; /* of each kind, with marks of their own */
    stress_seed = number_of("HOOP_SEED", 1);
    uint64_t length = number_of("HOOP_STRESS", 1000) << 17;
    make_pattern();
    for (int i = 0; i < CONVERSATIONS * KINDS; i++) {
        size_t before = hoop_testing_live_allocations();
        struct plan plan = {length / CONVERSATIONS, i % KINDS};
        CHECK(hoop_run(converse, &plan) == 0);
        CHECK(hoop_testing_live_allocations() == before);
        stress_seed++;
    }
    return 0;
}
