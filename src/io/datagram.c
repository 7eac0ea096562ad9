/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets, and the tasks that use them.
 *
 * The watch's flags say what the system was found to have: while one is up the call is made
 * without waiting, and -EAGAIN takes it down. How long a datagram is says nothing; but if a
 * batch comes back with fewer than were asked for, that was all.
 *
 * There is one case in which the system does not tell when there is room again: a Unix socket
 * that is not connected to the one it sends to. There a timer tries again.
 */
#include "io/datagram.h"

#include <errno.h>
#include <hoop/loop.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "loop/loop.h"

#define RETRY_NS 2000000

/* ---- system calls ---- */

static bool may_send(const hoop_datagram *socket)
{
    return (socket->watch.ready & HOOP_WRITABLE) != 0 && socket->retry.position == 0;
}

/* There was no room for a datagram to TO: -EAGAIN, and news will come; or -ENOMEM. */
static int send_blocked(hoop_datagram *socket, const hoop_address *to)
{
    if (socket->is_unix && to != NULL) {
        int rc =
            hoop_timer_start(socket->loop, &socket->retry, hoop_time_ns(socket->loop) + RETRY_NS);
        return rc < 0 ? rc : -EAGAIN;
    }
    hoop_watch_clear(&socket->watch, HOOP_WRITABLE);
    return -EAGAIN;
}

int64_t datagram_send_now(hoop_datagram *socket, const void *data, size_t size,
                          const hoop_address *to)
{
    if (!may_send(socket))
        return -EAGAIN;
    int64_t sent = sys_send_to(socket->watch.fd, data, size, to);
    return sent == -EAGAIN ? send_blocked(socket, to) : sent;
}

/* Of a batch, as the system wants it. */
struct batch {
    struct mmsghdr headers[DATAGRAM_BATCH];
    struct iovec pieces[DATAGRAM_BATCH];
};

static unsigned batch_init(struct batch *batch, const hoop_message *messages, size_t count,
                           bool is_received)
{
    if (count > DATAGRAM_BATCH)
        count = DATAGRAM_BATCH;
    for (size_t i = 0; i < count; i++) {
        hoop_address *address = messages[i].address;
        batch->pieces[i] = (struct iovec){messages[i].data, messages[i].size};
        batch->headers[i].msg_len = 0;
        batch->headers[i].msg_hdr = (struct msghdr){.msg_iov = &batch->pieces[i], .msg_iovlen = 1};
        if (address != NULL) {
            batch->headers[i].msg_hdr.msg_name = address->storage;
            batch->headers[i].msg_hdr.msg_namelen =
                is_received ? (socklen_t)sizeof address->storage : address->size;
        }
    }
    return (unsigned)count;
}

int64_t datagram_receive_batch(hoop_datagram *socket, hoop_message *messages, size_t count)
{
    hoop_watch *watch = &socket->watch;
    if (!(watch->ready & HOOP_READABLE))
        return -EAGAIN;
    struct batch batch;
    unsigned asked = batch_init(&batch, messages, count, true);
    int received = sys_receive_messages(watch->fd, batch.headers, asked);
    if (received == -EAGAIN)
        hoop_watch_clear(watch, HOOP_READABLE | HOOP_HANGUP);
    else if (received >= 0 && (unsigned)received < asked && !(watch->ready & HOOP_HANGUP))
        hoop_watch_clear(watch, HOOP_READABLE); /* with an error behind them it was not all */
    for (int i = 0; i < received; i++) {
        messages[i].size = batch.headers[i].msg_len;
        messages[i].is_truncated = (batch.headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        if (messages[i].address != NULL)
            messages[i].address->size = batch.headers[i].msg_hdr.msg_namelen;
    }
    return received;
}

static int64_t send_batch(hoop_datagram *socket, const hoop_message *messages, size_t count)
{
    if (!may_send(socket))
        return -EAGAIN;
    struct batch batch;
    unsigned asked = batch_init(&batch, messages, count, false);
    int sent = sys_send_messages(socket->watch.fd, batch.headers, asked);
    return sent == -EAGAIN ? send_blocked(socket, messages->address) : sent;
}

/* ---- news ---- */

static void wake_sender(hoop_datagram *socket)
{
    if (!list_is_empty(&socket->senders))
        wait_wake(&CONTAINER_OF(socket->senders.next, struct datagram_wait, link)->wait, 0);
}

static void news(hoop_datagram *socket, unsigned events)
{
    if (socket->endpoint != NULL) {
        endpoint_news(socket, events);
        return;
    }
    if ((events & HOOP_READABLE) && socket->receiver != NULL)
        wait_wake(&socket->receiver->wait, 0);
    if ((events & HOOP_WRITABLE) && may_send(socket))
        wake_sender(socket);
}

static void notify(hoop_watch *watch, unsigned events)
{
    news(CONTAINER_OF(watch, hoop_datagram, watch), events);
}

static void retry_expires(hoop_timer *timer)
{
    news(CONTAINER_OF(timer, hoop_datagram, retry), HOOP_WRITABLE);
}

/* ---- opening and closing ---- */

static void item_close(struct io_item *item)
{
    hoop_datagram *socket = CONTAINER_OF(item, hoop_datagram, item);
    if (socket->endpoint != NULL) {
        endpoint_loop_closes(socket);
        return;
    }
    datagram_stop(socket); /* who waits for it goes with the loop, too */
    datagram_free(socket);
}

static const char *item_describe(const struct io_item *item)
{
    const hoop_datagram *socket = CONTAINER_OF(item, hoop_datagram, item);
    return endpoint_is_closed(socket) ? NULL : "a datagram socket";
}

/* FD is the caller's on failure. */
static int datagram_new(int fd, hoop_datagram **ret_socket)
{
    int family;
    int rc = sys_get_option(fd, SOL_SOCKET, SO_DOMAIN, &family);
    if (rc < 0)
        return rc;
    hoop_loop *loop = hoop_running_loop();
    struct io_local *local = io_local_of(loop);
    hoop_datagram *socket = local != NULL ? alloc_zeroed(sizeof *socket) : NULL;
    if (socket == NULL)
        return -ENOMEM;
    hoop_watch_init(&socket->watch, notify);
    rc = hoop_watch_start(loop, &socket->watch, fd);
    if (rc < 0) {
        alloc_free(socket);
        return rc;
    }
    socket->watch.ready = HOOP_READABLE | HOOP_WRITABLE; /* the first call finds out */
    socket->loop = loop;
    socket->is_unix = family == AF_UNIX;
    socket->item = (struct io_item){.describe = item_describe, .close = item_close};
    list_init(&socket->senders);
    list_init(&socket->item.link);
    hoop_timer_init(&socket->retry, retry_expires);
    io_add(local, &socket->item);
    *ret_socket = socket;
    return 0;
}

/* The family of ADDRESS, 0 for NULL. */
static int family_of(const hoop_address *address)
{
    sa_family_t family = AF_UNSPEC;
    if (address != NULL && address->size >= sizeof family)
        memcpy(&family, address->storage, sizeof family);
    return family;
}

static int set_options(int fd, int family, const hoop_datagram_options *options)
{
    const struct {
        int level, option, value;
        bool is_wanted;
    } all[] = {
        {SOL_SOCKET, SO_REUSEPORT, 1, options->reuse_port},
        {SOL_SOCKET, SO_BROADCAST, 1, options->broadcast},
        {IPPROTO_IPV6, IPV6_V6ONLY, 1, options->ipv6_only && family == AF_INET6},
        {SOL_SOCKET, SO_RCVBUF, options->receive_buffer, options->receive_buffer > 0},
        {SOL_SOCKET, SO_SNDBUF, options->send_buffer, options->send_buffer > 0},
    };
    int rc = options->receive_buffer < 0 || options->send_buffer < 0 ? -EINVAL : 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0] && rc == 0; i++)
        if (all[i].is_wanted)
            rc = sys_set_option(fd, all[i].level, all[i].option, all[i].value);
    return rc;
}

int datagram_open(const hoop_address *local, const hoop_address *remote,
                  const hoop_datagram_options *options, hoop_datagram **ret_socket)
{
    static const hoop_datagram_options defaults;
    int family = family_of(local != NULL ? local : remote);
    if (family == AF_UNSPEC || (remote != NULL && family_of(remote) != family))
        return -EINVAL;
    int fd = sys_socket(family, SOCK_DGRAM, 0);
    if (fd < 0)
        return fd;
    int rc = set_options(fd, family, options != NULL ? options : &defaults);
    if (rc == 0 && local != NULL)
        rc = sys_bind(fd, local);
    if (rc == 0 && remote != NULL)
        rc = sys_connect(fd, remote);
    if (rc == 0)
        rc = datagram_new(fd, ret_socket);
    if (rc < 0)
        sys_close(fd);
    return rc;
}

int hoop_open_datagram(const hoop_address *local, const hoop_address *remote,
                       const hoop_datagram_options *options, hoop_datagram **ret_socket)
{
    int rc = io_check_loop(__func__);
    return rc < 0 ? rc : datagram_open(local, remote, options, ret_socket);
}

int hoop_open_datagram_fd(int fd, hoop_datagram **ret_socket)
{
    int type = 0;
    int rc = io_check_loop(__func__);
    if (rc == 0)
        rc = sys_get_option(fd, SOL_SOCKET, SO_TYPE, &type);
    if (rc == 0 && type == SOCK_STREAM)
        rc = -EINVAL;
    if (rc == 0)
        rc = sys_set_nonblocking(fd);
    if (rc >= 0)
        rc = datagram_new(fd, ret_socket);
    if (rc < 0 && rc != -EBADF)
        sys_close(fd);
    return rc;
}

void datagram_stop(hoop_datagram *socket)
{
    int fd = socket->watch.fd;
    hoop_timer_stop(socket->loop, &socket->retry);
    hoop_watch_stop(socket->loop, &socket->watch);
    if (fd >= 0)
        sys_close(fd);
}

void datagram_free(hoop_datagram *socket)
{
    list_remove(&socket->item.link);
    alloc_free(socket);
}

/* WAIT's task gets -EBADF, and does not look at the socket any more. */
static void let_go(struct datagram_wait *wait)
{
    wait->socket = NULL;
    wait_wake(&wait->wait, -EBADF);
}

void hoop_datagram_close(hoop_datagram *socket)
{
    if (socket == NULL)
        return;
    if (socket->endpoint != NULL) {
        endpoint_close(socket);
        return;
    }
    if (socket->receiver != NULL || !list_is_empty(&socket->senders))
        (void)misuse(socket->loop->debug, -EBUSY, __func__);
    if (socket->receiver != NULL)
        let_go(socket->receiver);
    for (hoop_link *link; (link = list_pop(&socket->senders)) != NULL;)
        let_go(CONTAINER_OF(link, struct datagram_wait, link));
    datagram_stop(socket);
    datagram_free(socket);
}

/* ---- waiting ---- */

static const struct wait_kind receive_wait = {"waits for a datagram", wait_cancel, NULL, NULL};
static const struct wait_kind send_wait = {"waits to send a datagram", wait_cancel, NULL, NULL};

/* 0, or why FUNCTION cannot be called by a task for SOCKET. */
static int check(const hoop_datagram *socket, const char *function)
{
    int rc = io_check_task(function);
    if (rc < 0 || socket->endpoint == NULL)
        return rc;
    return wait_failed(misuse(socket->loop->debug, -EBUSY, function));
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
    if (may_send(sender->socket))
        wake_sender(sender->socket);
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
        rc = send_batch(socket, messages + sent, count - sent);
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

/* ---- questions ---- */

int hoop_datagram_fd(const hoop_datagram *socket)
{
    return socket->watch.fd;
}

int hoop_datagram_local_address(const hoop_datagram *socket, hoop_address *ret_address)
{
    return sys_local_address(socket->watch.fd, ret_address);
}

int hoop_datagram_remote_address(const hoop_datagram *socket, hoop_address *ret_address)
{
    return sys_remote_address(socket->watch.fd, ret_address);
}
