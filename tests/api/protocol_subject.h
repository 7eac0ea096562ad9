/* SPDX-License-Identifier: MIT
 *
 * A protocol to be watched: it notes what it is told, and does in one of its callbacks what a
 * test wants. Its transport is one end of a pair of sockets, the test itself is the other.
 */
#ifndef TESTS_API_PROTOCOL_SUBJECT_H
#define TESTS_API_PROTOCOL_SUBJECT_H

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "in_a_task.h"
#include "socket_pair.h"

struct subject {
    struct record record;      /* "made data eof pause resume lost" */
    hoop_transport *transport; /* NULL before connection_made, and after connection_lost */
    int fd;                    /* the other end; -1: closed */
    const char *when;          /* in which callback DOES is called; NULL: in none */
    void (*does)(struct subject *subject);
    bool keeps;      /* what eof_received answers */
    bool is_calling; /* it is in a call of the transport: connection_lost must not come now */
    bool was_task;   /* a callback has come in a task */
    unsigned losses;
    int error; /* of connection_lost */
    size_t size;
    char data[4096]; /* the first of what came */
};

static inline void subject_note(struct subject *subject, const char *what)
{
    record_add(&subject->record, what);
    if (hoop_current_task() != NULL)
        subject->was_task = true;
    if (subject->when == NULL || strcmp(subject->when, what) != 0)
        return;
    subject->when = NULL;
    subject->is_calling = true;
    subject->does(subject);
    subject->is_calling = false;
}

static inline void subject_made(void *arg, hoop_transport *transport)
{
    struct subject *subject = arg;
    subject->transport = transport;
    subject_note(subject, "made");
}

static inline void subject_keep(struct subject *subject, const void *data, size_t size)
{
    size_t room = sizeof subject->data - 1 - subject->size;
    memcpy(subject->data + subject->size, data, size < room ? size : room);
    subject->size += size < room ? size : room;
}

static inline void subject_received(void *arg, const void *data, size_t size)
{
    subject_keep(arg, data, size);
    subject_note(arg, "data");
}

static inline bool subject_ended(void *arg)
{
    subject_note(arg, "eof");
    return ((struct subject *)arg)->keeps;
}

static inline void subject_lost(void *arg, int error)
{
    struct subject *subject = arg;
    assert_false(subject->is_calling);
    subject->losses++;
    subject->error = error;
    subject_note(subject, "lost");
    subject->transport = NULL;
}

static inline void subject_pauses(void *arg)
{
    subject_note(arg, "pause");
}

static inline void subject_resumes(void *arg)
{
    subject_note(arg, "resume");
}

static const hoop_protocol subject_protocol = {
    .connection_made = subject_made,
    .data_received = subject_received,
    .eof_received = subject_ended,
    .connection_lost = subject_lost,
    .pause_writing = subject_pauses,
    .resume_writing = subject_resumes,
};

static inline void subject_open_over(struct subject *subject, int fd, const hoop_protocol *protocol)
{
    hoop_transport *transport = NULL;
    assert_int_equal(hoop_transport_open(protocol, subject, fd, NULL, &transport), 0);
    assert_ptr_equal(transport, subject->transport);
}

static inline void subject_open_with(struct subject *subject, const hoop_protocol *protocol)
{
    int ends[2];
    open_pair(ends);
    subject->fd = ends[1];
    subject_open_over(subject, ends[0], protocol);
}

static inline void subject_open(struct subject *subject)
{
    subject_open_with(subject, &subject_protocol);
}

/* Closes the transport if it is open still, and the other end. */
static inline void subject_end(struct subject *subject)
{
    if (subject->transport != NULL)
        hoop_transport_abort(subject->transport);
    let_one_iteration_pass();
    assert_int_equal(subject->losses, 1);
    assert_false(subject->was_task);
    if (subject->fd >= 0)
        close(subject->fd);
}

/* ---- the other end ---- */

static inline void peer_sends(const struct subject *subject, const char *text)
{
    assert_int_equal(write(subject->fd, text, strlen(text)), strlen(text));
}

static inline void peer_closes(struct subject *subject)
{
    close(subject->fd);
    subject->fd = -1;
}

/* Of a socket that something unread lies in: the system tells the transport of a reset. */
static inline void peer_resets(struct subject *subject)
{
    assert_int_equal(hoop_transport_write(subject->transport, "unread", 6), 0);
    peer_closes(subject);
}

/* What it reads now, at most SIZE bytes, until the transport has nothing more for it. */
static inline size_t peer_takes(const struct subject *subject, char *buffer, size_t size)
{
    size_t total = 0;
    for (int idle = 0; idle < 2 && total < size;) {
        ssize_t count = read(subject->fd, buffer + total, size - total);
        idle = count > 0 ? 0 : idle + 1;
        total += count > 0 ? (size_t)count : 0;
        assert_int_equal(hoop_sleep(0.001), 0);
    }
    return total;
}

/* TEXT, all there is. */
static inline void assert_peer_reads(const struct subject *subject, const char *text)
{
    char buffer[256] = "";
    assert_int_equal(peer_takes(subject, buffer, sizeof buffer - 1), strlen(text));
    assert_string_equal(buffer, text);
}

static inline void assert_peer_is_at_end(const struct subject *subject)
{
    char byte;
    assert_int_equal(read(subject->fd, &byte, 1), 0);
}

/* ---- much data ---- */

/* More than the system takes at once. */
#define MUCH ((size_t)1 << 20)

static char much[MUCH];

static inline void make_much(void)
{
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 31 + (i >> 8));
}

static inline void write_much(struct subject *subject)
{
    assert_int_equal(hoop_transport_write(subject->transport, much, MUCH), 0);
}

/* All of it, and then TEXT. */
static inline void assert_peer_reads_much(const struct subject *subject, const char *text)
{
    static char taken[MUCH + 256];
    size_t size = peer_takes(subject, taken, sizeof taken - 1);
    assert_int_equal(size, MUCH + strlen(text));
    assert_memory_equal(taken, much, MUCH);
    taken[size] = '\0';
    assert_string_equal(taken + MUCH, text);
}

#endif
