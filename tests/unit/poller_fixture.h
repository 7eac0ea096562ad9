/* SPDX-License-Identifier: MIT
 *
 * A poller, a pair of connected sockets, and a watch for one of them.
 */
#ifndef TESTS_UNIT_POLLER_FIXTURE_H
#define TESTS_UNIT_POLLER_FIXTURE_H

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/poller.h"

struct fixture {
    struct poller poller;
    int ends[2];
    hoop_watch watch;
};

static unsigned told; /* the events of the last notification */
static int notifications;

static inline void note(hoop_watch *watch, unsigned events)
{
    (void)watch;
    told = events;
    notifications++;
}

static inline void begin(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->poller.ops = &POLLER;
    assert_int_equal(fixture->poller.ops->open(&fixture->poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture->ends), 0);
    told = 0;
    notifications = 0;
}

static inline void close_end(struct fixture *fixture, int end)
{
    close(fixture->ends[end]);
    fixture->ends[end] = -1;
}

static inline void end(struct fixture *fixture)
{
    if (fixture->poller.fd >= 0)
        fixture->poller.ops->close(&fixture->poller);
    for (int i = 0; i < 2; i++)
        if (fixture->ends[i] >= 0)
            close(fixture->ends[i]);
}

static inline void add(struct fixture *fixture, unsigned interest, bool edge)
{
    fixture->watch =
        (hoop_watch){.fd = fixture->ends[0], .interest = interest, .edge = edge, .notify = note};
    assert_int_equal(fixture->poller.ops->add(&fixture->poller, &fixture->watch), 0);
}

static inline void wait_for(struct fixture *fixture, int events)
{
    assert_int_equal(fixture->poller.ops->wait(&fixture->poller, 0), events);
}

static inline void send_byte(struct fixture *fixture)
{
    assert_int_equal(write(fixture->ends[1], "x", 1), 1);
}

static inline void settle(struct fixture *fixture)
{
    assert_int_equal(poller_settle(&fixture->poller), 0);
}

static inline void remove_watch(struct fixture *fixture, hoop_watch *watch)
{
    fixture->poller.ops->remove(&fixture->poller, watch);
}

/* Would an outer loop be woken? */
static inline bool polls_readable(const struct fixture *fixture)
{
    struct pollfd entry = {.fd = fixture->poller.fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static inline void assert_end_of_file(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

/* Says that all tests are skipped, if this poller is not there. */
static inline bool is_skipped(void)
{
    bool is_there = strcmp(POLLER.name, "epoll") == 0 || has_uring();
    if (!is_there)
        printf("ok 1 - %s # SKIP not available here\n1..1\n", POLLER.name);
    return !is_there;
}

#endif
