/* SPDX-License-Identifier: MIT
 *
 * Servers that run out of descriptors or memory, or whose system calls fail. This program's own
 * accept4 fails on demand.
 */
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "child.h"
#include "network.h"

/* The errors of the next calls of accept4, 0 at the end. */
static const int *accept_errors;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the system's are reserved */
int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
    if (accept_errors == NULL || *accept_errors == 0)
        return (int)syscall(SYS_accept4, fd, address.__sockaddr__, size, flags);
    errno = *accept_errors++;
    return -1;
}

/* A client of the system's own. */
static int client_of(const hoop_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port_of(server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void listen_to_reports(struct reports *reports)
{
    *reports = (struct reports){0};
    hoop_set_exception_handler(hoop_running_loop(), reports_add, reports);
}

/* ---- descriptors ---- */

/* Leaves COUNT descriptors to the process; the limit that was. */
static struct rlimit leave_descriptors(unsigned count)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    const struct rlimit limit = {.rlim_cur = (rlim_t)next + count, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

#define CLIENTS 5

IN_A_TASK(a_server_without_descriptors_says_so_once_and_serves_the_others_later)
{
    struct reports reports;
    if (UNDER_VALGRIND)
        return; /* there a connection that is accepted without a descriptor is lost */
    hoop_server *server = serve_with(echo, NULL, &(hoop_server_options){.do_not_serve = true});
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = client_of(server);
    listen_to_reports(&reports);
    struct rlimit before = leave_descriptors(2);
    assert_int_equal(hoop_server_start_serving(server), 0);
    assert_int_equal(hoop_sleep(10.5), 0); /* it tries again and again */
    assert_int_equal(hoop_server_client_count(server), 2);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EMFILE);
    close(clients[0]); /* gives back its own, and with it that of the server */
    assert_int_equal(hoop_sleep(0.1), 0);
    assert_int_equal(hoop_server_client_count(server), 3);
    assert_int_equal(reports.count, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(hoop_sleep(1.5), 0);
    assert_int_equal(hoop_server_client_count(server), CLIENTS - 1);
    for (int i = 1; i < CLIENTS; i++)
        close(clients[i]);
    end_server(server);
}

/* ---- errors of accept ---- */

IN_A_TASK(connections_that_break_before_they_are_accepted_are_passed_over)
{
    static const int errors[] = {ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, EPERM, EINTR, 0};
    struct reports reports;
    hoop_server *server = serve(echo, NULL);
    listen_to_reports(&reports);
    accept_errors = errors;
    hoop_stream *stream = connect_to(server);
    assert_echoes(stream, "served");
    assert_int_equal(reports.count, 0);
    assert_float_equal(hoop_time(hoop_running_loop()), 0, 1e-6); /* without a pause */
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(other_errors_are_reported_and_accepting_is_tried_again)
{
    static const int errors[] = {ENFILE, ENOMEM, EBADMSG, 0};
    struct reports reports;
    hoop_server *server = serve(echo, NULL);
    listen_to_reports(&reports);
    accept_errors = errors;
    hoop_stream *stream = connect_to(server);
    assert_echoes(stream, "at last");
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -ENFILE);
    assert_float_equal(hoop_time(hoop_running_loop()), 3, 0.01);
    static const int again[] = {ENOBUFS, 0};
    accept_errors = again;
    hoop_stream *second = connect_to(server);
    assert_echoes(second, "again");
    assert_int_equal(reports.count, 2); /* it had recovered in between */
    assert_int_equal(reports.error, -ENOBUFS);
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(hoop_stream_close(second), 0);
    end_server(server);
}

static void close_server(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    hoop_server_free(*(hoop_server **)arg);
    *(hoop_server **)arg = NULL;
}

IN_A_TASK(the_exception_handler_may_free_the_server)
{
    static const int errors[] = {ENFILE, 0};
    hoop_server *server = serve(echo, NULL);
    hoop_set_exception_handler(hoop_running_loop(), close_server, &server);
    accept_errors = errors;
    hoop_stream *stream = connect_to(server);
    char byte;
    assert_int_equal(hoop_stream_read(stream, &byte, 1), -ECONNRESET);
    hoop_stream_abort(stream);
    assert_null(server);
    accept_errors = NULL;
}

/* ---- each call fails ---- */

/* How a server and its client find each other. */
struct way {
    int64_t (*start)(hoop_server **server);
    int64_t (*open)(const hoop_server *server, hoop_stream **stream);
};

static int64_t start_everywhere(hoop_server **server)
{
    return hoop_start_server(echo, NULL, NULL, 0, NULL, server);
}

static int64_t open_port(const hoop_server *server, hoop_stream **stream)
{
    return hoop_open_connection("127.0.0.1", port_of(server), NULL, stream);
}

static char path[64];

static int64_t start_at_path(hoop_server **server)
{
    const hoop_server_options options = {.unix_mode = 0600};
    return hoop_start_unix_server(echo, NULL, path, &options, server);
}

static int64_t open_path(const hoop_server *server, hoop_stream **stream)
{
    (void)server;
    return hoop_open_unix_connection(path, NULL, stream);
}

static int64_t start_on_fd(hoop_server **server)
{
    uint16_t port;
    int fd = listen_plainly(8, &port);
    return hoop_start_server_fds(echo, NULL, &fd, 1, NULL, server);
}

static struct way by_port = {start_everywhere, open_port}, by_path = {start_at_path, open_path},
                  by_fd = {start_on_fd, open_port};

/* One life of a server and a client; each step's error ends it. */
static int64_t live(const struct way *way, hoop_server **server, hoop_stream **stream)
{
    char text[8];
    int64_t rc = way->start(server);
    if (rc == 0)
        rc = way->open(*server, stream);
    if (rc == 0)
        rc = hoop_stream_write(*stream, "hello", 5);
    return rc >= 0 ? hoop_stream_readexactly(*stream, text, 5) : rc;
}

static int64_t live_and_die(void *way)
{
    hoop_server *server = NULL;
    hoop_stream *stream = NULL;
    int64_t rc = live(way, &server, &stream);
    int64_t closed = hoop_stream_close(stream);
    int64_t ended = server != NULL ? hoop_server_shutdown(server, 10) : 0;
    hoop_server_free(server);
    return rc < 0 ? rc : closed < 0 ? closed : ended;
}

static int run_life(void *way)
{
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop_with(
        &(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL, .no_overflow_report = true});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, live_and_die, way);
    hoop_close(loop);
    return (int)rc;
}

static struct way *const ways[] = {&by_port, &by_path, &by_fd};

static void fail_each_in_all_ways(unsigned kinds, unsigned least)
{
    snprintf(path, sizeof path, "/tmp/hoop-limits-%d", getpid());
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        assert_true(fail_each(kinds, run_life, ways[i]) > least);
    unlink(path); /* it is left if the server could not look whether it was its own */
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each_in_all_ways(HOOP_FAIL_ALLOCATION, 10);
}

static void the_system_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each_in_all_ways(HOOP_FAIL_SYSCALL, 20);
}

static void everything_may_fail_often(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, seed, 10);
        (void)run_life(&by_port);
        hoop_testing_fail_randomly(0, 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_server_without_descriptors_says_so_once_and_serves_the_others_later),
        BEHAVIOUR(connections_that_break_before_they_are_accepted_are_passed_over),
        BEHAVIOUR(other_errors_are_reported_and_accepting_is_tried_again),
        BEHAVIOUR(the_exception_handler_may_free_the_server),
        BEHAVIOUR(memory_may_fail_anywhere),
        BEHAVIOUR(the_system_may_fail_anywhere),
        BEHAVIOUR(everything_may_fail_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
