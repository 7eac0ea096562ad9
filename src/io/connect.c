/* SPDX-License-Identifier: MIT
 *
 * Connecting, by Happy Eyeballs (RFC 8305): the addresses of a host are tried in turn, families
 * interleaved, each one a while after the one before, or as soon as that has failed; the first
 * that answers wins.
 *
 * All attempts belong to one task. Their watches and the timer only note what happened and wake
 * it; it begins attempts, and closes them all but the winner, on every way out.
 */
#include "io/connect.h"

#include <errno.h>
#include <hoop/error.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "io/resolve.h"
#include "loop/loop.h"
#include "task/wait.h"

#define DELAY_DEFAULT 0.25

struct connector;

/* One address. */
struct attempt {
    hoop_watch watch; /* while it is under way */
    struct connector *connector;
    hoop_address address;
    int fd;    /* -1 before it begins, and after it has failed */
    int error; /* why it has failed; 0 */
};

/* In the frame of the task that connects. */
struct connector {
    struct wait wait;
    bool is_waiting; /* parked, and not woken yet */
    hoop_loop *loop;
    hoop_timer timer; /* until the next attempt is due */
    double delay;
    bool next_is_due;
    struct attempt *attempts; /* owned, in the order in which they are made */
    size_t count;
    size_t begun;
    size_t under_way;
    struct attempt *winner;
    const hoop_address *local; /* where they come from; NULL: anywhere */
};

/* ---- what wakes the task ---- */

static void connector_wake(struct connector *connector)
{
    if (!connector->is_waiting)
        return;
    connector->is_waiting = false;
    wait_wake(&connector->wait, 0);
}

static void next_is_due(hoop_timer *timer)
{
    struct connector *connector = CONTAINER_OF(timer, struct connector, timer);
    connector->next_is_due = true;
    connector_wake(connector);
}

static void attempt_fail(struct attempt *attempt, int error)
{
    if (attempt->fd >= 0)
        sys_close(attempt->fd);
    attempt->fd = -1;
    attempt->error = error;
    attempt->connector->next_is_due = true;
}

/* A socket that connects is writable once that is decided. */
static void attempt_notify(hoop_watch *watch, unsigned events)
{
    struct attempt *attempt = CONTAINER_OF(watch, struct attempt, watch);
    struct connector *connector = attempt->connector;
    if (!(events & HOOP_WRITABLE))
        return;
    int rc = sys_socket_error(attempt->fd);
    hoop_watch_stop(connector->loop, watch);
    connector->under_way--;
    if (rc < 0)
        attempt_fail(attempt, rc);
    else if (connector->winner == NULL)
        connector->winner = attempt;
    connector_wake(connector);
}

/* ---- the task's part ---- */

static int attempt_connect(struct attempt *attempt)
{
    struct connector *connector = attempt->connector;
    int rc = attempt->fd = sys_socket(address_family(&attempt->address), SOCK_STREAM, 0);
    if (rc >= 0 && connector->local != NULL)
        rc = sys_bind(attempt->fd, connector->local);
    return rc < 0 ? rc : sys_connect(attempt->fd, &attempt->address);
}

static void attempt_begin(struct attempt *attempt)
{
    struct connector *connector = attempt->connector;
    int rc = attempt_connect(attempt);
    if (rc == 0) {
        connector->winner = attempt;
        return;
    }
    if (rc == -EINPROGRESS)
        rc = hoop_watch_start(connector->loop, &attempt->watch, attempt->fd);
    if (rc < 0)
        attempt_fail(attempt, rc);
    else
        connector->under_way++;
}

/* Begins the next attempt, and sees to it that the one after it will be due. */
static int begin_next(struct connector *connector)
{
    hoop_timer_stop(connector->loop, &connector->timer);
    connector->next_is_due = false;
    attempt_begin(&connector->attempts[connector->begun++]);
    if (connector->winner != NULL || connector->next_is_due || connector->begun == connector->count)
        return 0;
    return hoop_timer_start(connector->loop, &connector->timer,
                            loop_deadline(connector->loop, connector->delay));
}

static void connector_done(struct connector *connector)
{
    hoop_timer_stop(connector->loop, &connector->timer);
    for (size_t i = 0; i < connector->begun; i++) {
        struct attempt *attempt = &connector->attempts[i];
        hoop_watch_stop(connector->loop, &attempt->watch);
        if (attempt->fd >= 0 && attempt != connector->winner)
            sys_close(attempt->fd);
    }
    alloc_free(connector->attempts);
}

static void connector_cancel(struct wait *wait)
{
    CONTAINER_OF(wait, struct connector, wait)->is_waiting = false;
    wait_cancel(wait);
}

/* Not even a winner that the task was not told of remains. */
static void connector_abandon(struct wait *wait)
{
    struct connector *connector = CONTAINER_OF(wait, struct connector, wait);
    connector->winner = NULL;
    connector_done(connector);
}

static const struct wait_kind connector_wait = {"connects", connector_cancel, NULL,
                                                connector_abandon};

static int connector_park(struct connector *connector)
{
    wait_init(&connector->wait, &connector_wait);
    connector->is_waiting = true;
    return (int)wait_park(&connector->wait);
}

/* The task's error, which is the first attempt's, with a message that tells of all. */
static int all_have_failed(const struct connector *connector)
{
    char message[1024] = "", text[HOOP_ADDRESS_TEXT_SIZE];
    size_t length = 0;
    for (size_t i = 0; i < connector->count && length < sizeof message; i++) {
        const struct attempt *attempt = &connector->attempts[i];
        length += (size_t)snprintf(message + length, sizeof message - length, "%s%s: %s",
                                   i > 0 ? ", " : "",
                                   hoop_address_format(&attempt->address, text, sizeof text),
                                   hoop_error_name(attempt->error));
    }
    return (int)hoop_error_set(connector->attempts[0].error, "%s", message);
}

static int connector_run(struct connector *connector)
{
    int rc = 0;
    while (connector->winner == NULL && rc == 0) {
        bool is_left = connector->begun < connector->count;
        if (is_left && (connector->next_is_due || connector->under_way == 0))
            rc = begin_next(connector);
        else if (connector->under_way > 0)
            rc = connector_park(connector);
        else
            return all_have_failed(connector);
    }
    if (rc == 0)
        return connector->winner->fd;
    connector->winner = NULL; /* it came after the error */
    return wait_failed(rc);
}

/* ---- in which order ---- */

/* The next of ADDRESSES from *AT on that is of the first one's family, or is not; NULL at the
 * end. */
static const hoop_address *next_of_family(const struct addresses *addresses, size_t *at,
                                          bool is_first_family)
{
    while (*at < addresses->count) {
        const hoop_address *address = &addresses->items[(*at)++];
        bool is_of_first = address_family(address) == address_family(&addresses->items[0]);
        if (is_of_first == is_first_family)
            return address;
    }
    return NULL;
}

/* The families take turns, in the resolver's order otherwise. */
static void interleave(struct connector *connector, const struct addresses *addresses)
{
    size_t at[2] = {0, 0};
    for (unsigned turn_of = 0; connector->count < addresses->count; turn_of ^= 1) {
        const hoop_address *address = next_of_family(addresses, &at[turn_of], turn_of == 0);
        if (address == NULL)
            continue;
        struct attempt *attempt = &connector->attempts[connector->count++];
        *attempt = (struct attempt){.connector = connector, .address = *address, .fd = -1};
        hoop_watch_init(&attempt->watch, attempt_notify);
    }
}

/* The family of the addresses to look for: the local address can reach one only. */
static int wanted_family(const hoop_connection_options *options)
{
    if (options->local == NULL)
        return options->family;
    int family = address_family(options->local);
    return options->family == AF_UNSPEC || options->family == family ? family : -1;
}

int connect_host(const char *host, uint16_t port, const hoop_connection_options *options)
{
    double delay =
        options->happy_eyeballs_delay == 0 ? DELAY_DEFAULT : options->happy_eyeballs_delay;
    hoop_loop *loop = hoop_running_loop();
    if (host == NULL || loop_deadline(loop, delay) < 0)
        return wait_failed(misuse(hoop_get_debug(loop), -EINVAL, __func__));
    struct addresses addresses;
    int rc = resolve(host, port, wanted_family(options), 0, &addresses);
    if (rc < 0)
        return rc;
    struct connector connector = {.loop = loop, .delay = delay, .local = options->local};
    hoop_timer_init(&connector.timer, next_is_due);
    connector.attempts = alloc_array(NULL, addresses.count, sizeof *connector.attempts);
    if (connector.attempts != NULL)
        interleave(&connector, &addresses);
    addresses_done(&addresses);
    if (connector.attempts == NULL)
        return wait_failed(-ENOMEM);
    rc = connector_run(&connector);
    connector_done(&connector);
    return rc;
}

/* ---- Unix sockets ---- */

/* Seconds between two looks whether a server that is busy has room for us: the system does not
 * tell. */
#define UNIX_PAUSE_MIN 0.001
#define UNIX_PAUSE_MAX 0.05

static int connect_once(const hoop_address *address)
{
    int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    int rc = fd < 0 ? fd : sys_connect(fd, address);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        sys_close(fd);
    return rc;
}

int connect_unix(const char *path)
{
    hoop_address address;
    int fd = path != NULL ? hoop_address_unix(path, &address) : -EINVAL;
    if (fd < 0)
        return wait_failed(fd);
    double pause = UNIX_PAUSE_MIN;
    while ((fd = connect_once(&address)) == -EAGAIN) {
        int rc = hoop_sleep(pause);
        if (rc < 0)
            return rc;
        pause = pause * 2 < UNIX_PAUSE_MAX ? pause * 2 : UNIX_PAUSE_MAX;
    }
    char text[HOOP_ADDRESS_TEXT_SIZE];
    return fd < 0
               ? (int)hoop_error_set(fd, "%s: %s", hoop_address_format(&address, text, sizeof text),
                                     hoop_error_name(fd))
               : fd;
}
