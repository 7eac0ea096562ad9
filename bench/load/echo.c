/* SPDX-License-Identifier: MIT
 *
 * Each connection sends a message, waits until all of it has come back, compares it, and sends
 * the next one. A message is a line, or several of the same length: letters, and a line feed at
 * the end. The first letters tell the connection's number and the message's, so that no answer
 * passes for another.
 *
 * Also here, with the same connections: one that sends as fast as it can to a server that
 * answers nothing.
 */
#include <sys/epoll.h>

#include "load.h"

enum { EVENTS = 256, NUMBER_LEN = 16, CHUNK = 65536 };

struct talker {
    struct connection connection;
    uint64_t number; /* of the message that is under way */
    size_t sent;
    size_t received;
    char *message;
    char *answer;
};

static void talker_send(struct talker *talker, size_t size)
{
    while (talker->sent < size) {
        size_t sent = connection_send(&talker->connection, talker->message + talker->sent,
                                      size - talker->sent);
        if (sent == 0)
            return;
        talker->sent += sent;
    }
}

static void talker_next(struct talker *talker, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOP";
    talker->number++;
    for (int i = 0; i < NUMBER_LEN; i++)
        talker->message[i] = digits[talker->number >> (4 * i) & 15];
    talker->sent = talker->received = 0;
    talker_send(talker, size);
}

/* Goes on with what the socket can do now. Returns how many answers were completed. */
static uint64_t talker_turn(struct talker *talker, size_t size)
{
    uint64_t answers = 0;
    talker_send(talker, size);
    for (;;) {
        size_t got = connection_receive(&talker->connection, talker->answer + talker->received,
                                        size - talker->received);
        if (got == 0)
            return answers;
        talker->received += got;
        if (talker->received < size)
            continue;
        bench_require(talker->sent == size && memcmp(talker->message, talker->answer, size) == 0,
                      "the answer is not what was sent");
        talker_next(talker, size);
        answers++;
        if (talker->connection.ssl == NULL)
            return answers; /* nothing can have come yet */
    }
}

static void talker_open(struct talker *talker, const struct load_options *options, int index)
{
    uint64_t state = (uint64_t)index + 1;
    talker->message = bench_calloc(options->size, 1);
    talker->answer = bench_calloc(options->size, 1);
    size_t line = options->size / (size_t)options->lines;
    for (size_t i = 0; i < options->size; i++)
        talker->message[i] = (i + 1) % line == 0 ? '\n' : (char)('a' + bench_random(&state) % 26);
    talker->number = (uint64_t)index << 40;
    connection_open(&talker->connection, options->address);
}

void load_echo(const struct load_options *options)
{
    bench_require(options->lines > 0 && options->size % (size_t)options->lines == 0,
                  "the lines of a message are of the same length");
    bench_require(options->size / (size_t)options->lines > NUMBER_LEN,
                  "a line has 17 bytes at least");
    struct talker *talkers = bench_calloc((size_t)options->connections, sizeof *talkers);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < options->connections; i++) {
        talker_open(&talkers[i], options, i);
        load_watch(poller, talkers[i].connection.fd, &talkers[i]);
    }
    for (int i = 0; i < options->connections; i++)
        talker_next(&talkers[i], options->size);
    struct meter meter;
    uint64_t count = 0;
    meter_start(&meter, options);
    do {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, 0);
        for (int i = 0; i < ready; i++)
            count += talker_turn(events[i].data.ptr, options->size) * (uint64_t)options->lines;
    } while (meter_goes_on(&meter, count));
    meter_print(&meter, 0);
}

/* An operation is a KiB that the system took. At the beginning and at the end of the measurement
 * some megabytes are under way: next to nothing beside those of a second. */
void load_sink(const struct load_options *options)
{
    struct connection connection;
    connection_open(&connection, options->address);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    load_watch(poller, connection.fd, NULL);
    char *chunk = bench_calloc(CHUNK, 1);
    int is_full = 0;
    struct meter meter;
    uint64_t bytes = 0;
    meter_start(&meter, options);
    do {
        struct epoll_event event;
        size_t sent = 0;
        if (epoll_wait(poller, &event, 1, 0) > 0 || !is_full)
            sent = connection_send(&connection, chunk, CHUNK);
        is_full = sent == 0;
        bytes += sent;
    } while (meter_goes_on(&meter, bytes / 1024));
    meter_print(&meter, 0);
}
