/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets: their system calls, their news, their life.
 *
 * The watch's flags say what the system was found to have: while one is up the call is made
 * without waiting, and -EAGAIN takes it down. How long a datagram is says nothing; but if a
 * batch comes back with fewer than were asked for, that was all.
 *
 * There are two cases in which the system does not tell when there is room again, and a timer has
 * to try: a Unix socket that is not connected to the one it sends to; and a connected one with
 * io_uring, which takes the failure of a send for a wake-up, so that the next one follows at
 * once: there the first false alarm is the last one.
 */
#include "io/datagram.h"

#include <errno.h>
#include <hoop/loop.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "io/resolve.h"

#define RETRY_NS 2000000

/* ---- system calls ---- */

/* There was no room for a datagram to TO: -EAGAIN, and news will come; or -ENOMEM. */
static int send_blocked(hoop_datagram *socket, const hoop_address *to)
{
    bool is_again = socket->is_blocked;
    socket->is_blocked = true;
    if (socket->is_unix && (to != NULL || is_again)) {
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
    if (!datagram_may_send(socket))
        return -EAGAIN;
    int64_t sent = sys_send_to(socket->watch.fd, data, size, to);
    if (sent == -EAGAIN)
        return send_blocked(socket, to);
    socket->is_blocked = false;
    return sent;
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

int64_t datagram_send_batch(hoop_datagram *socket, const hoop_message *messages, size_t count)
{
    if (!datagram_may_send(socket))
        return -EAGAIN;
    struct batch batch;
    unsigned asked = batch_init(&batch, messages, count, false);
    int sent = sys_send_messages(socket->watch.fd, batch.headers, asked);
    if (sent == -EAGAIN)
        return send_blocked(socket, messages->address);
    socket->is_blocked = false;
    return sent;
}

/* ---- news ---- */

static void news(hoop_datagram *socket, unsigned events)
{
    if (socket->endpoint != NULL) {
        endpoint_news(socket, events);
        return;
    }
    if ((events & HOOP_READABLE) && socket->receiver != NULL)
        wait_wake(&socket->receiver->wait, 0);
    if ((events & HOOP_WRITABLE) && datagram_may_send(socket))
        datagram_wake_sender(socket);
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
    if (local == NULL && remote == NULL)
        return -EINVAL;
    int family = address_family(local != NULL ? local : remote);
    if (family == AF_UNSPEC || (remote != NULL && address_family(remote) != family))
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
        (void)misuse(hoop_get_debug(socket->loop), -EBUSY, __func__);
    if (socket->receiver != NULL)
        let_go(socket->receiver);
    for (hoop_link *link; (link = list_pop(&socket->senders)) != NULL;)
        let_go(CONTAINER_OF(link, struct datagram_wait, link));
    datagram_stop(socket);
    datagram_free(socket);
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
