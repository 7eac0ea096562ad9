/* SPDX-License-Identifier: MIT
 *
 * The inside of a datagram socket (datagram.c): an edge-triggered watch, and either the tasks that
 * wait for it (datagram_await.c) or a protocol (datagram_protocol.c).
 *
 * A task that waits stands in the socket with a struct of its own frame. Whoever frees the socket
 * under it says so there, so that it does not look at the socket any more.
 */
#ifndef IO_DATAGRAM_H
#define IO_DATAGRAM_H

#include <hoop/datagram.h>
#include <hoop/embed.h>

#include "base/list.h"
#include "io/local.h"
#include "task/wait.h"

struct datagram_wait {
    struct wait wait;
    hoop_link link;        /* senders: on socket->senders until their call ends */
    hoop_datagram *socket; /* NULL: it was closed by another task */
};

struct hoop_datagram {
    hoop_watch watch;
    hoop_loop *loop;
    struct io_item item;
    bool is_unix;
    bool is_blocked;                /* the last send found no room */
    struct datagram_wait *receiver; /* who waits for a datagram; or NULL */
    hoop_link senders;         /* datagram_wait.link: who has to wait, the first one's turn it is */
    hoop_timer retry;          /* armed while a Unix socket that is sent to has no room */
    struct endpoint *endpoint; /* datagram_protocol.c's; NULL: tasks use the socket */
};

/* How many datagrams one system call receives or sends. */
#define DATAGRAM_BATCH 64

/* A socket as of hoop_open_datagram, in *RET_SOCKET. */
int datagram_open(const hoop_address *local, const hoop_address *remote,
                  const hoop_datagram_options *options, hoop_datagram **ret_socket);
/* Closes the descriptor, and nothing happens any more. */
void datagram_stop(hoop_datagram *socket);
/* After that. */
void datagram_free(hoop_datagram *socket);

/* Is there room, as far as is known? */
static inline bool datagram_may_send(const hoop_datagram *socket)
{
    return (socket->watch.ready & HOOP_WRITABLE) != 0 && socket->retry.position == 0;
}

/* Makes the system call: as that, -EAGAIN also if it is known to have nothing or no room; then
 * news come when that is over. -ENOMEM if they cannot. */
int64_t datagram_send_now(hoop_datagram *socket, const void *data, size_t size,
                          const hoop_address *to);
/* Up to DATAGRAM_BATCH of them; how many. */
int64_t datagram_send_batch(hoop_datagram *socket, const hoop_message *messages, size_t count);
int64_t datagram_receive_batch(hoop_datagram *socket, hoop_message *messages, size_t count);

/* The sender whose turn it is, if there is one, tries again. */
static inline void datagram_wake_sender(hoop_datagram *socket)
{
    if (!list_is_empty(&socket->senders))
        wait_wake(&CONTAINER_OF(socket->senders.next, struct datagram_wait, link)->wait, 0);
}

/* datagram_protocol.c: there may be something to receive, or room to send. */
void endpoint_news(hoop_datagram *socket, unsigned events);
/* The program closes SOCKET, or the loop does. */
void endpoint_close(hoop_datagram *socket);
void endpoint_loop_closes(hoop_datagram *socket);
/* Is it closed, and connection_lost has not been called yet? */
bool endpoint_is_closed(const hoop_datagram *socket);

#endif
