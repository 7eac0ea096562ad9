/* SPDX-License-Identifier: MIT
 *
 * Each connection sends a request, waits until all of the answer is there, and sends it again. An
 * answer begins with the status 200 and tells its length; the body must be what is expected.
 */
#include <sys/epoll.h>

#include "load.h"

enum { EVENTS = 256, ANSWER_SIZE = 4096 };

static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char status[] = "HTTP/1.1 200 ";
static const char expected[] = "Hello, world!";

struct visitor {
    struct connection connection;
    size_t sent;
    size_t received;
    char answer[ANSWER_SIZE + 1];
};

static void visitor_send(struct visitor *visitor)
{
    size_t size = sizeof request - 1;
    while (visitor->sent < size) {
        size_t sent =
            connection_send(&visitor->connection, request + visitor->sent, size - visitor->sent);
        if (sent == 0)
            return;
        visitor->sent += sent;
    }
}

/* Is all of the answer there? */
static int answer_is_whole(const char *answer, size_t received)
{
    const char *head_end = strstr(answer, "\r\n\r\n");
    if (head_end == NULL)
        return 0;
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    bench_require(strncmp(answer, status, sizeof status - 1) == 0 && length && length < head_end,
                  "an answer without the status 200 or without its length");
    size_t body = (size_t)atol(length + sizeof "\r\ncontent-length:" - 1);
    const char *begin = head_end + 4;
    size_t end = (size_t)(begin - answer) + body;
    if (received < end)
        return 0;
    bench_require(received == end && body == sizeof expected - 1 &&
                      memcmp(begin, expected, body) == 0,
                  "the answer is not what was expected");
    return 1;
}

/* Goes on with what the socket can do now. Returns how many answers were completed. */
static uint64_t visitor_turn(struct visitor *visitor)
{
    visitor_send(visitor);
    for (;;) {
        size_t got = connection_receive(&visitor->connection, visitor->answer + visitor->received,
                                        ANSWER_SIZE - visitor->received);
        if (got == 0)
            return 0;
        visitor->received += got;
        visitor->answer[visitor->received] = '\0';
        if (answer_is_whole(visitor->answer, visitor->received))
            break;
        bench_require(visitor->received < ANSWER_SIZE, "an answer is too long");
    }
    visitor->sent = visitor->received = 0;
    visitor_send(visitor);
    return 1;
}

void load_http(const struct load_options *options)
{
    struct visitor *visitors = bench_calloc((size_t)options->connections, sizeof *visitors);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < options->connections; i++) {
        connection_open(&visitors[i].connection, options->address);
        load_watch(poller, visitors[i].connection.fd, &visitors[i]);
        visitor_send(&visitors[i]);
    }
    struct meter meter;
    uint64_t count = 0;
    meter_start(&meter, options);
    do {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, 0);
        for (int i = 0; i < ready; i++)
            count += visitor_turn(events[i].data.ptr);
    } while (meter_goes_on(&meter, count));
    meter_print(&meter, 0);
}
