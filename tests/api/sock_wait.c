/* SPDX-License-Identifier: MIT
 *
 * Waiting for descriptors: until they are ready, one task a direction, and every way out of it
 * leaves the descriptor to its owner.
 */
#include <fcntl.h>

#include "in_a_task.h"
#include "socket_pair.h"
#include "sockets.h"
#include "stderr_capture.h"

static int64_t wait_readable(void *fd)
{
    return hoop_wait_readable(*(int *)fd);
}

static int64_t wait_writable(void *fd)
{
    return hoop_wait_writable(*(int *)fd);
}

static int64_t receive_byte(void *fd)
{
    char byte;
    return hoop_sock_recv(*(int *)fd, &byte, 1);
}

/* So that nothing more can be written to FD. */
static void fill(int fd)
{
    char data[4096] = "";
    while (write(fd, data, sizeof data) > 0 || write(fd, data, 1) > 0)
        ;
}

static void drain(int fd)
{
    char data[4096];
    while (read(fd, data, sizeof data) > 0)
        ;
}

/* Nobody watches FD: the program can. */
static void assert_unwatched(int fd)
{
    hoop_loop *loop = hoop_running_loop();
    assert_int_equal(hoop_remove_reader(loop, fd), 0);
    assert_int_equal(hoop_remove_writer(loop, fd), 0);
}

IN_A_TASK(a_task_waits_until_there_is_something_to_read)
{
    int ends[2];
    open_pair(ends);
    hoop_task *task = hoop_create_task(wait_readable, &ends[0]);
    let_one_iteration_pass();
    assert_non_null(strstr(printed_tasks(), "waits for a descriptor to become readable"));
    send_byte(ends[1]);
    assert_int_equal(hoop_await(task), 0);
    assert_unwatched(ends[0]);
    assert_int_equal(hoop_wait_readable(ends[0]), 0); /* still */
    drain(ends[0]);
    close(ends[1]);
    assert_int_equal(hoop_wait_readable(ends[0]), 0); /* the end */
    close(ends[0]);
}

IN_A_TASK(a_task_waits_until_there_is_room_to_write)
{
    int ends[2];
    open_pair(ends);
    assert_int_equal(hoop_wait_writable(ends[0]), 0);
    fill(ends[0]);
    hoop_task *task = hoop_create_task(wait_writable, &ends[0]);
    let_one_iteration_pass();
    assert_non_null(strstr(printed_tasks(), "waits for a descriptor to become writable"));
    drain(ends[1]);
    assert_int_equal(hoop_await(task), 0);
    assert_unwatched(ends[0]);
    close_pair(ends);
}

IN_A_TASK(pipes_can_be_waited_for_too)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    hoop_task *task = hoop_create_task(wait_readable, &ends[0]);
    let_one_iteration_pass();
    assert_int_equal(hoop_wait_writable(ends[1]), 0);
    close(ends[1]);
    assert_int_equal(hoop_await(task), 0);
    close(ends[0]);
}

IN_A_TASK(what_cannot_be_waited_for_is_refused)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(hoop_wait_readable(fileno(file)), -EPERM);
    assert_int_equal(hoop_wait_writable(fileno(file)), -EPERM);
    fclose(file);
    assert_int_equal(hoop_wait_readable(-1), -EBADF);
    assert_int_equal(hoop_wait_readable(1000000), -EBADF);
    char byte;
    hoop_address address;
    assert_true(address_here(AF_INET, &address));
    assert_int_equal(hoop_sock_recv(-1, &byte, 1), -EBADF);
    assert_int_equal(hoop_sock_recvfrom(-1, &byte, 1, NULL), -EBADF);
    assert_int_equal(hoop_sock_sendto(-1, &byte, 1, &address), -EBADF);
    assert_int_equal(hoop_sock_connect(-1, &address), -EBADF);
    assert_int_equal(hoop_sock_accept(-1, &address), -EBADF);
}

static int64_t return_zero(void *arg)
{
    *(int *)arg += 1;
    return 0;
}

IN_A_TASK(what_need_not_wait_does_not_suspend)
{
    int ends[2], others = 0;
    char byte;
    open_pair(ends);
    send_byte(ends[1]);
    hoop_task *other = hoop_create_task(return_zero, &others);
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), 1);
    assert_int_equal(hoop_sock_sendall(ends[0], "x", 1, NULL), 0);
    assert_int_equal(others, 0);
    assert_int_equal(hoop_await(other), 0);
    close_pair(ends);
}

IN_A_TASK(one_that_never_needs_to_wait_lets_others_run_now_and_then)
{
    int ends[2], others = 0;
    open_pair(ends);
    hoop_task *other = hoop_create_task(return_zero, &others);
    for (int i = 0; i < 100000 && others == 0; i++) {
        char byte;
        assert_int_equal(hoop_sock_sendall(ends[1], "x", 1, NULL), 0);
        assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), 1);
    }
    assert_int_equal(others, 1);
    assert_int_equal(hoop_await(other), 0);
    close_pair(ends);
}

/* ---- one task a direction ---- */

IN_A_TASK(a_second_task_for_the_same_direction_is_refused)
{
    int ends[2];
    char byte;
    open_pair(ends);
    hoop_task *first = hoop_create_task(receive_byte, &ends[0]);
    let_one_iteration_pass();
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), -EBUSY);
    assert_int_equal(hoop_wait_readable(ends[0]), -EBUSY);
    assert_int_equal(hoop_sock_recvfrom(ends[0], &byte, 1, NULL), -EBUSY);
    assert_int_equal(hoop_wait_writable(ends[0]), 0); /* the other one is free */
    send_byte(ends[1]);
    assert_int_equal(hoop_await(first), 1);
    close_pair(ends);
}

IN_A_TASK(both_directions_of_a_descriptor_can_be_waited_for_at_once)
{
    int ends[2];
    open_pair(ends);
    fill(ends[0]);
    hoop_task *reader = hoop_create_task(wait_readable, &ends[0]);
    hoop_task *writer = hoop_create_task(wait_writable, &ends[0]);
    let_one_iteration_pass();
    drain(ends[1]);
    assert_int_equal(hoop_await(writer), 0);
    assert_false(hoop_future_is_done(hoop_task_future(reader)));
    send_byte(ends[1]);
    assert_int_equal(hoop_await(reader), 0);
    close_pair(ends);
}

static void count_up(void *arg)
{
    *(int *)arg += 1;
}

IN_A_TASK(where_a_callback_watches_no_task_waits)
{
    int ends[2], calls = 0;
    hoop_loop *loop = hoop_running_loop();
    open_pair(ends);
    assert_int_equal(hoop_add_reader(loop, ends[0], count_up, &calls), 0);
    assert_int_equal(hoop_wait_readable(ends[0]), -EBUSY);
    fill(ends[0]);
    assert_int_equal(hoop_add_writer(loop, ends[0], count_up, &calls), 0);
    assert_int_equal(hoop_wait_writable(ends[0]), -EBUSY);
    assert_int_equal(hoop_remove_reader(loop, ends[0]), 1); /* theirs is as it was */
    assert_int_equal(hoop_remove_writer(loop, ends[0]), 1);
    close_pair(ends);
}

/* ---- cancelled ---- */

IN_A_TASK(a_cancelled_task_leaves_the_descriptor_as_it_was)
{
    int ends[2];
    char byte;
    open_pair(ends);
    hoop_task *task = hoop_create_task(receive_byte, &ends[0]);
    let_one_iteration_pass();
    assert_true(hoop_task_cancel(task));
    assert_unwatched(ends[0]); /* at once */
    assert_int_equal(hoop_await(task), -ECANCELED);
    send_byte(ends[1]);
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), 1);
    close_pair(ends);
}

IN_A_TASK(who_is_being_cancelled_does_what_needs_no_waiting)
{
    int ends[2];
    char byte;
    open_pair(ends);
    send_byte(ends[1]);
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), 1);
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), -ECANCELED);
    assert_unwatched(ends[0]);
    hoop_task_uncancel(hoop_current_task());
    close_pair(ends);
}

IN_A_TASK(a_byte_that_comes_with_the_cancellation_is_not_lost)
{
    int ends[2];
    char byte;
    open_pair(ends);
    hoop_task *task = hoop_create_task(receive_byte, &ends[0]);
    let_one_iteration_pass();
    send_byte(ends[1]);
    hoop_task_cancel(task);
    int64_t received = hoop_await(task);
    assert_true(received == 1 || received == -ECANCELED);
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1) == 1, received == -ECANCELED ? 1 : 0);
    close_pair(ends);
}

IN_A_TASK(a_connection_under_way_can_be_given_up)
{
    /* Addresses for documentation: nobody answers, or there is no way there at all. */
    hoop_address address;
    assert_int_equal(hoop_address_parse("192.0.2.1", 9, &address), 0);
    int fd = new_socket(AF_INET, SOCK_STREAM);
    hoop_task_cancel(hoop_current_task());
    int rc = hoop_sock_connect(fd, &address);
    hoop_task_uncancel(hoop_current_task());
    assert_true(rc < 0);
    assert_unwatched(fd);
    close(fd);
}

/* ---- the loop goes ---- */

static void close_while_waiting(hoop_coroutine_fn fn, bool debug)
{
    struct reports reports = {0};
    int ends[2];
    open_pair(ends);
    fill(ends[0]);
    hoop_loop *loop = reporting_loop(&reports);
    hoop_set_debug(loop, debug);
    hoop_task_detach(hoop_create_task_with(fn, &ends[0], &(hoop_task_options){.loop = loop}));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1); /* and not of the descriptor */
    assert_string_equal(reports.message, "task was destroyed but it is pending");
    close_pair(ends);
}

static void a_loop_can_be_closed_with_tasks_that_wait(void **state)
{
    (void)state;
    close_while_waiting(wait_readable, false);
    close_while_waiting(wait_writable, false);
    close_while_waiting(receive_byte, true);
}

/* ---- misuse ---- */

static void outside_of_a_task_there_is_no_waiting(void **state)
{
    (void)state;
    char byte = 0;
    uint64_t file_sent = 1;
    size_t sent = 1;
    const hoop_address address = {.size = 0};
    assert_int_equal(hoop_wait_readable(0), HOOP_ENOTASK);
    assert_int_equal(hoop_wait_writable(0), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_recv(0, &byte, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_recvfrom(0, &byte, 1, NULL), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_sendall(0, &byte, 1, &sent), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_sendto(0, &byte, 1, &address), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_connect(0, &address), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_accept(0, NULL), HOOP_ENOTASK);
    assert_int_equal(hoop_sock_sendfile(0, 0, 0, 0, &file_sent), HOOP_ENOTASK);
    assert_int_equal(sent, 0);
    assert_int_equal(file_sent, 0);
}

static int64_t use_a_blocking_one(void *arg)
{
    int *ends = arg;
    char byte;
    assert_int_equal(hoop_sock_recv(ends[0], &byte, 1), -EINVAL);
    assert_int_equal(hoop_wait_readable(ends[0]), -EINVAL);
    assert_int_equal(hoop_sock_recv(ends[1], &byte, 1), 1);
    return 0;
}

static void in_debug_mode_a_blocking_descriptor_is_refused_and_explained(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
    send_byte(ends[0]);
    hoop_loop *loop = virtual_loop();
    hoop_set_debug(loop, true);
    struct stderr_capture capture;
    stderr_capture_begin(&capture);
    int64_t result = hoop_run_until_complete(loop, use_a_blocking_one, ends);
    const char *explained = stderr_capture_end(&capture);
    assert_int_equal(result, 0);
    assert_non_null(strstr(explained, "hoop_sock_recv"));
    assert_non_null(strstr(explained, "hoop_wait_readable"));
    hoop_close(loop);
    close_pair(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_task_waits_until_there_is_something_to_read),
        BEHAVIOUR(a_task_waits_until_there_is_room_to_write),
        BEHAVIOUR(pipes_can_be_waited_for_too),
        BEHAVIOUR(what_cannot_be_waited_for_is_refused),
        BEHAVIOUR(what_need_not_wait_does_not_suspend),
        BEHAVIOUR(one_that_never_needs_to_wait_lets_others_run_now_and_then),
        BEHAVIOUR(a_second_task_for_the_same_direction_is_refused),
        BEHAVIOUR(both_directions_of_a_descriptor_can_be_waited_for_at_once),
        BEHAVIOUR(where_a_callback_watches_no_task_waits),
        BEHAVIOUR(a_cancelled_task_leaves_the_descriptor_as_it_was),
        BEHAVIOUR(who_is_being_cancelled_does_what_needs_no_waiting),
        BEHAVIOUR(a_byte_that_comes_with_the_cancellation_is_not_lost),
        BEHAVIOUR(a_connection_under_way_can_be_given_up),
        BEHAVIOUR(a_loop_can_be_closed_with_tasks_that_wait),
        BEHAVIOUR(outside_of_a_task_there_is_no_waiting),
        BEHAVIOUR(in_debug_mode_a_blocking_descriptor_is_refused_and_explained),
    };
    return cmocka_run_group_tests_name("sock_wait", tests, NULL, NULL);
}
