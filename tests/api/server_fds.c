/* SPDX-License-Identifier: MIT
 *
 * Servers on sockets that somebody else has opened: systemd, say.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "child.h"
#include "network.h"

IN_A_TASK(a_server_takes_listening_sockets_over)
{
    hoop_server *server;
    uint16_t ports[2];
    int fds[2] = {listen_plainly(8, &ports[0]), listen_plainly(8, &ports[1])};
    assert_int_equal(hoop_start_server_fds(echo, NULL, fds, 2, NULL, &server), 0);
    for (int i = 0; i < 2; i++) {
        hoop_stream *stream = connect_to_port(ports[i]);
        assert_echoes(stream, "hello");
        assert_int_equal(hoop_stream_close(stream), 0);
        assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    }
    end_server(server);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* it was closed with the server */
}

IN_A_TASK(what_is_no_listening_socket_is_refused_and_closed)
{
    hoop_server *server = NULL;
    uint16_t port;
    int fds[3] = {listen_plainly(8, &port), -1, listen_plainly(8, &port)};
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(hoop_start_server_fds(echo, NULL, fds, 3, NULL, &server), -EINVAL);
    fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(hoop_start_server_fds(echo, NULL, fds, 1, NULL, &server), -ENOTSOCK);
    assert_int_equal(hoop_start_server_fds(echo, NULL, NULL, 0, NULL, &server), -EINVAL);
    fds[0] = listen_plainly(8, &port);
    assert_int_equal(hoop_start_server_fds(NULL, NULL, fds, 1, NULL, &server), -EINVAL);
    assert_null(server); /* and the harness finds no descriptor that is left */
}

static void sockets_are_closed_also_without_a_loop(void **state)
{
    (void)state;
    hoop_server *server;
    uint16_t port;
    int fd = listen_plainly(8, &port);
    assert_int_equal(hoop_start_server_fds(echo, NULL, &fd, 1, NULL, &server), HOOP_ENOLOOP);
}

/* ---- systemd ---- */

static void set_number(const char *name, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(name, text, 1);
}

/* In a child process, which says what comes of it. */
static void say_listen_fds(void)
{
    int first = -1, count = hoop_listen_fds(&first);
    fprintf(stderr, "%s %d from %d", count < 0 ? hoop_error_name(count) : "ok", count, first);
    fprintf(stderr, " %s %s\n", getenv("LISTEN_PID") == NULL ? "removed" : "left",
            getenv("LISTEN_FDS") == NULL ? "removed" : "left");
}

static void inherit_two(void *arg)
{
    (void)arg;
    dup2(STDERR_FILENO, 3);
    dup2(STDERR_FILENO, 4);
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", 2);
    say_listen_fds();
    fprintf(stderr, "%d%d\n", fcntl(3, F_GETFD) & FD_CLOEXEC, fcntl(4, F_GETFD) & FD_CLOEXEC);
    say_listen_fds();
}

static void inherit_anothers(void *arg)
{
    (void)arg;
    set_number("LISTEN_PID", getppid());
    set_number("LISTEN_FDS", 2);
    say_listen_fds();
}

static void inherit_nonsense(void *arg)
{
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", arg, 1);
    say_listen_fds();
}

static void assert_says(void (*body)(void *arg), void *arg, const char *text)
{
    struct child child = child_run(body, arg);
    assert_string_equal(child.text, text);
}

static void inherited_sockets_are_found_once_and_kept_from_children(void **state)
{
    (void)state;
    assert_says(inherit_two, NULL,
                "ok 2 from 3 removed removed\n11\nok 0 from -1 removed removed\n");
}

static void sockets_for_another_process_are_not_ours(void **state)
{
    (void)state;
    assert_says(inherit_anothers, NULL, "ok 0 from -1 removed removed\n");
}

static void what_systemd_would_not_say_is_refused(void **state)
{
    (void)state;
    static const char *const nonsense[] = {"", "x", "-1", "99999999999999999999", "1000000"};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_says(inherit_nonsense, (void *)(uintptr_t)nonsense[i],
                    "EINVAL -22 from -1 removed removed\n");
    assert_says(inherit_nonsense, "900", "EBADF -9 from -1 removed removed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_server_takes_listening_sockets_over),
        BEHAVIOUR(what_is_no_listening_socket_is_refused_and_closed),
        BEHAVIOUR(sockets_are_closed_also_without_a_loop),
        BEHAVIOUR(inherited_sockets_are_found_once_and_kept_from_children),
        BEHAVIOUR(sockets_for_another_process_are_not_ours),
        BEHAVIOUR(what_systemd_would_not_say_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
