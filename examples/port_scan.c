/* SPDX-License-Identifier: MIT
 *
 * Which ports of a host are open: port_scan HOST [FIRST [LAST [AT_ONCE]]]. So many connections
 * are tried at once, each for a second. Ask before you scan a host that is not yours.
 */
#include <errno.h>
#include <hoop.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

struct scan {
    const char *name;
    char address[NI_MAXHOST]; /* of that name, so that it is looked up once, not for each port */
    int first, last;
    hoop_semaphore *free; /* how many more may be tried */
    int open, refused, silent;
};

struct attempt {
    struct scan *scan;
    int port;
};

static int64_t connect_to(void *arg)
{
    const struct attempt *attempt = arg;
    hoop_stream *stream;
    int rc = hoop_open_connection(attempt->scan->address, (uint16_t)attempt->port, NULL, &stream);
    if (rc == 0)
        hoop_stream_abort(stream);
    return rc;
}

static int64_t try_port(void *arg)
{
    struct attempt *attempt = arg;
    struct scan *scan = attempt->scan;
    int64_t rc = hoop_wait_for(connect_to, attempt, 1);
    hoop_semaphore_release(scan->free);
    switch (rc) {
    case 0:
        printf("%d is open\n", attempt->port);
        scan->open++;
        return 0;
    case -ECONNREFUSED:
        scan->refused++;
        return 0;
    case -ETIMEDOUT:
    case -EHOSTUNREACH:
        scan->silent++;
        return 0;
    default:
        return rc; /* such as -EMFILE: the group ends, and so does the scan */
    }
}

/* A task is made when it may begin, so there are never more than may be tried at once. */
static int64_t try_all(struct scan *scan)
{
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    for (int port = scan->first; port <= scan->last && rc == 0; port++) {
        struct attempt attempt = {scan, port};
        rc = hoop_semaphore_acquire(scan->free);
        if (rc == 0 &&
            hoop_task_group_create_task_copy(&group, try_port, &attempt, sizeof attempt) == NULL)
            rc = hoop_last_error();
    }
    return hoop_task_group_exit(&group, rc);
}

static int64_t look_up(struct scan *scan)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = hoop_getaddrinfo(scan->name, NULL, &hints, &found);
    if (rc < 0)
        return rc;
    rc = getnameinfo(found->ai_addr, found->ai_addrlen, scan->address, sizeof scan->address, NULL,
                     0, NI_NUMERICHOST);
    freeaddrinfo(found);
    return rc == 0 ? 0 : HOOP_EAI_FAIL;
}

static int64_t scan_host(void *arg)
{
    int64_t rc = look_up(arg);
    return rc < 0 ? rc : try_all(arg);
}

int main(int argc, char **argv)
{
    int at_once = argc > 4 ? atoi(argv[4]) : 100;
    struct scan scan = {
        .name = argc > 1 ? argv[1] : "127.0.0.1",
        .first = argc > 2 ? atoi(argv[2]) : 1,
        .last = argc > 3 ? atoi(argv[3]) : 1024,
        .free = hoop_semaphore_new(at_once),
    };
    int64_t rc = scan.free != NULL ? hoop_run(scan_host, &scan) : hoop_last_error();
    if (rc < 0)
        fprintf(stderr, "port_scan: %s\n", hoop_strerror(rc));
    else
        printf("%d open, %d refused, %d silent\n", scan.open, scan.refused, scan.silent);
    hoop_semaphore_free(scan.free);
    return rc < 0;
}
