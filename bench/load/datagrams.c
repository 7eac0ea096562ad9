/* SPDX-License-Identifier: MIT
 *
 * Each socket keeps a window of datagrams under way to a server that sends each back. They are
 * numbered; on one machine they keep their order, so a number that is skipped is lost. A socket
 * that has heard nothing for a while takes all that it has under way for lost.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "load.h"

enum { EVENTS = 256 };
#define PATIENCE (50 * BENCH_MS)

struct pinger {
    struct connection connection;
    uint64_t next; /* number to send */
    uint64_t seen; /* the answer to this one, or to a later one, comes next */
    int64_t heard; /* when the last answer came */
};

static size_t size;
static char *message; /* the first 8 bytes are the number */
static char *answer;

static void pinger_send(struct pinger *pinger, int window)
{
    while (pinger->next < pinger->seen + (uint64_t)window) {
        memcpy(message, &pinger->next, sizeof pinger->next);
        if (connection_send(&pinger->connection, message, size) == 0)
            return;
        pinger->next++;
    }
}

/* Takes the answers that are there. Returns how many; adds what was skipped to *LOST. */
static uint64_t pinger_receive(struct pinger *pinger, uint64_t *lost)
{
    uint64_t answers = 0, number;
    for (size_t got; (got = connection_receive(&pinger->connection, answer, size)) > 0;) {
        memcpy(&number, answer, sizeof number);
        bench_require(got == size && number < pinger->next &&
                          memcmp(answer + 8, message + 8, size - 8) == 0,
                      "a datagram is not what was sent");
        if (number < pinger->seen)
            continue; /* it was taken for lost */
        *lost += number - pinger->seen;
        pinger->seen = number + 1;
        answers++;
    }
    return answers;
}

static void pingers_look_for_lost(struct pinger *pingers, const struct load_options *options,
                                  uint64_t *lost)
{
    int64_t now = bench_now();
    for (struct pinger *pinger = pingers; pinger < pingers + options->connections; pinger++) {
        if (now - pinger->heard < PATIENCE)
            continue;
        *lost += pinger->next - pinger->seen;
        pinger->seen = pinger->next;
        pinger->heard = now;
        pinger_send(pinger, options->window);
    }
}

void load_udp(const struct load_options *options)
{
    bench_require(options->size >= 8, "a datagram has 8 bytes at least");
    size = options->size;
    message = bench_calloc(size, 1);
    answer = bench_calloc(size, 1);
    uint64_t state = 1;
    for (size_t i = 8; i < size; i++)
        message[i] = (char)bench_random(&state);
    struct pinger *pingers = bench_calloc((size_t)options->connections, sizeof *pingers);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < options->connections; i++) {
        connection_open(&pingers[i].connection, options->address);
        load_watch(poller, pingers[i].connection.fd, &pingers[i]);
        pingers[i].heard = bench_now();
        pinger_send(&pingers[i], options->window);
    }
    struct meter meter;
    uint64_t count = 0, lost = 0;
    meter_start(&meter, options);
    for (unsigned turn = 1; meter_goes_on(&meter, count); turn++) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, 0);
        int64_t now = bench_now();
        for (int i = 0; i < ready; i++) {
            struct pinger *pinger = events[i].data.ptr;
            uint64_t answers = pinger_receive(pinger, &lost);
            if (answers > 0)
                pinger->heard = now;
            count += answers;
            pinger_send(pinger, options->window);
        }
        if (turn % 1024 == 0)
            pingers_look_for_lost(pingers, options, &lost);
    }
    meter_print(&meter, lost);
}
