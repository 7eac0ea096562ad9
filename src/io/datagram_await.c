/* SPDX-License-Identifier: MIT
 *
 * Tasks that receive and send datagrams. One at a time receives; of those that send, who has to
 * wait keeps its place in a queue until its call ends, and who comes later goes behind it.
 */
#include <errno.h>
#include <hoop/loop.h>

#include "base/check.h"
#include "base/list.h"
#include "base/sys_socket.h"
#include "io/datagram.h"

/* ---- waiting ---- */

static const struct wait_kind receive_wait = {"waits for a datagram", wait_cancel, NULL, NULL};
static const struct wait_kind send_wait = {"waits to send a datagram", wait_cancel, NULL, NULL};

/* 0, or why FUNCTION cannot be called by a task for SOCKET. */
static int check(const hoop_datagram *socket, const char *function)
{
    int rc = io_check_task(function);
    if (rc < 0 || socket->endpoint == NULL)
        return rc;
    return wait_failed(misuse(hoop_get_debug(socket->loop), -EBUSY, function));
}

/* The task stands in its socket: 0, or an error; -EBADF if the socket is gone. */
static int park(struct datagram_wait *wait, const struct wait_kind *kind)
{
    wait_init(&wait->wait, kind);
    int rc = (int)wait_park(&wait->wait);
    return wait->socket == NULL ? wait_failed(-EBADF) : rc;
}

/* The end of a call that is over with RESULT. */
static int64_t ended(int64_t result)
{
    wait_spend();
    return result < 0 ? wait_failed((int)result) : result;
}

static int wait_readable(hoop_datagram *socket)
{
    struct datagram_wait wait = {.socket = socket};
    socket->receiver = &wait;
    int rc = park(&wait, &receive_wait);
    if (wait.socket != NULL)
        socket->receiver = NULL;
    return rc;
}

/* ---- receiving ---- */

static int64_t receive_now(hoop_datagram *socket, void *buffer, size_t size, hoop_address *ret_from)
{
    if (!(socket->watch.ready & HOOP_READABLE))
        return -EAGAIN;
    int64_t received = sys_receive_from(socket->watch.fd, buffer, size, ret_from);
    if (received == -EAGAIN)
        hoop_watch_clear(&socket->watch, HOOP_READABLE | HOOP_HANGUP);
    return received;
}

int64_t hoop_datagram_recv(hoop_datagram *socket, void *buffer, size_t size, hoop_address *ret_from)
{
    int64_t received = check(socket, __func__);
    if (received < 0)
        return received;
    if (socket->receiver != NULL)
        return wait_failed(-EBUSY);
    while ((received = receive_now(socket, buffer, size, ret_from)) == -EAGAIN) {
        int rc = wait_readable(socket);
        if (rc < 0)
            return rc;
    }
    return ended(received);
}

int64_t hoop_datagram_recv_many(hoop_datagram *socket, hoop_message *messages, size_t count)
{
    int64_t received = check(socket, __func__);
    if (received < 0)
        return received;
    if (count == 0 || socket->receiver != NULL)
        return wait_failed(count == 0 ? -EINVAL : -EBUSY);
    while ((received = datagram_receive_batch(socket, messages, count)) == -EAGAIN) {
        int rc = wait_readable(socket);
        if (rc < 0)
            return rc;
    }
    return ended(received);
}

/* ---- sending ---- */

/* Waits behind the others. */
static int sender_begin(struct datagram_wait *sender, hoop_datagram *socket)
{
    *sender = (struct datagram_wait){.socket = socket};
    list_init(&sender->link);
    if (list_is_empty(&socket->senders))
        return 0;
    list_append(&socket->senders, &sender->link);
    return park(sender, &send_wait);
}

static int sender_wait(struct datagram_wait *sender)
{
    if (!list_is_linked(&sender->link))
        list_append(&sender->socket->senders, &sender->link);
    return park(sender, &send_wait);
}

/* Keeps its turn, and lets other tasks run if it has made many calls without waiting. */
static int sender_spend(struct datagram_wait *sender)
{
    if (!list_is_linked(&sender->link))
        list_append(&sender->socket->senders, &sender->link);
    wait_spend();
    return sender->socket == NULL ? wait_failed(-EBADF) : 0;
}

static void sender_end(struct datagram_wait *sender)
{
    if (sender->socket == NULL || !list_is_linked(&sender->link))
        return;
    list_remove(&sender->link);
    if (datagram_may_send(sender->socket))
        datagram_wake_sender(sender->socket);
}

int64_t hoop_datagram_send(hoop_datagram *socket, const void *data, size_t size,
                           const hoop_address *to)
{
    int64_t sent = check(socket, __func__);
    if (sent < 0)
        return sent;
    struct datagram_wait sender;
    sent = sender_begin(&sender, socket);
    while (sent == 0) {
        sent = datagram_send_now(socket, data, size, to);
        if (sent != -EAGAIN)
            break;
        sent = sender_wait(&sender);
    }
    sender_end(&sender);
    return ended(sent);
}

int64_t hoop_datagram_send_many(hoop_datagram *socket, const hoop_message *messages, size_t count)
{
    int64_t rc = check(socket, __func__);
    if (rc < 0)
        return rc;
    size_t sent = 0;
    struct datagram_wait sender;
    rc = sender_begin(&sender, socket);
    while (rc >= 0 && sent < count) {
        rc = datagram_send_batch(socket, messages + sent, count - sent);
        if (rc >= 0) {
            sent += (size_t)rc;
            rc = sent < count ? sender_spend(&sender) : 0;
        } else if (rc == -EAGAIN) {
            rc = sender_wait(&sender);
        }
    }
    sender_end(&sender);
    return ended((sent > 0 && sender.socket != NULL) || rc >= 0 ? (int64_t)sent : rc);
}
