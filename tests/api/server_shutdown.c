/* SPDX-License-Identifier: MIT
 *
 * The end of a server: closed, shut down with grace, or interrupted.
 */
#include <math.h>

#include "interrupt.h"
#include "network.h"

/* A client that sleeps ARG's seconds, and then says how that went. */
struct sleeper {
    double seconds;
    int result;
    double end;
};

static int64_t sleep_a_while(hoop_stream *stream, void *arg)
{
    struct sleeper *sleeper = arg;
    (void)stream;
    sleeper->result = hoop_sleep(sleeper->seconds);
    sleeper->end = hoop_time(hoop_running_loop());
    return sleeper->result;
}

/* A server with one client that has begun. */
static hoop_server *serve_one(hoop_client_fn fn, void *arg, hoop_stream **ret_stream)
{
    hoop_server *server = serve(fn, arg);
    *ret_stream = connect_to(server);
    while (hoop_server_client_count(server) == 0)
        let_one_iteration_pass();
    let_one_iteration_pass();
    return server;
}

/* ---- with grace ---- */

IN_A_TASK(a_client_that_ends_in_time_is_not_cancelled)
{
    struct sleeper sleeper = {.seconds = 5, .result = 1};
    hoop_stream *stream;
    hoop_server *server = serve_one(sleep_a_while, &sleeper, &stream);
    assert_int_equal(hoop_server_shutdown(server, 10), 0);
    assert_int_equal(sleeper.result, 0);
    assert_true(hoop_time(hoop_running_loop()) < 10);
    assert_int_equal(hoop_server_client_count(server), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    hoop_server_free(server);
}

IN_A_TASK(clients_that_take_longer_are_cancelled_and_counted)
{
    struct sleeper sleeper = {.seconds = 100, .result = 1};
    hoop_stream *stream;
    hoop_server *server = serve_one(sleep_a_while, &sleeper, &stream);
    hoop_stream *another = connect_to(server);
    let_one_iteration_pass();
    let_one_iteration_pass();
    double begin = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_server_shutdown(server, 10), 2);
    assert_int_equal(sleeper.result, -ECANCELED);
    assert_float_equal(sleeper.end, begin + 10, 1e-6);
    assert_is_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(hoop_stream_close(another), 0);
    hoop_server_free(server);
}

IN_A_TASK(without_grace_clients_are_cancelled_at_once)
{
    struct sleeper sleeper = {.seconds = 100, .result = 1};
    hoop_stream *stream;
    hoop_server *server = serve_one(sleep_a_while, &sleeper, &stream);
    double begin = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_server_shutdown(server, 0), 1);
    assert_float_equal(hoop_time(hoop_running_loop()), begin, 1e-6);
    assert_int_equal(hoop_stream_close(stream), 0);
    hoop_server_free(server);
}

IN_A_TASK(endless_grace_waits_as_long_as_it_takes)
{
    struct sleeper sleeper = {.seconds = 1e6, .result = 1};
    hoop_stream *stream;
    hoop_server *server = serve_one(sleep_a_while, &sleeper, &stream);
    assert_int_equal(hoop_server_shutdown(server, (double)INFINITY), 0);
    assert_int_equal(sleeper.result, 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    hoop_server_free(server);
}

static int64_t shut_down(void *server)
{
    return hoop_server_shutdown(server, 1000);
}

IN_A_TASK(a_cancelled_shutdown_cancels_the_clients_and_waits_for_them)
{
    struct sleeper sleeper = {.seconds = 100, .result = 1};
    hoop_stream *stream;
    hoop_server *server = serve_one(sleep_a_while, &sleeper, &stream);
    hoop_task *task = hoop_create_task(shut_down, server);
    let_others_wait();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(sleeper.result, -ECANCELED);
    assert_int_equal(hoop_server_client_count(server), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    hoop_server_free(server);
}

IN_A_TASK(a_server_without_clients_is_shut_down_at_once)
{
    hoop_server *server = serve(echo, NULL);
    assert_int_equal(hoop_server_shutdown(server, 10), 0);
    assert_int_equal(hoop_server_shutdown(server, 10), 0);
    assert_float_equal(hoop_time(hoop_running_loop()), 0, 1e-6);
    assert_int_equal(hoop_server_wait_closed(server), 0);
    hoop_server_free(server);
}

IN_A_TASK(a_grace_that_is_no_time_is_refused_and_nothing_happens)
{
    hoop_server *server = serve(echo, NULL);
    assert_int_equal(hoop_server_shutdown(server, -1), -EINVAL);
    assert_int_equal(hoop_server_shutdown(server, (double)NAN), -EINVAL);
    assert_true(hoop_server_is_serving(server));
    end_server(server);
}

static int64_t wait_for_oneself(hoop_stream *stream, void *arg)
{
    hoop_server *server = *(hoop_server **)arg;
    (void)stream;
    assert_int_equal(hoop_server_shutdown(server, 0), -EDEADLK);
    assert_int_equal(hoop_server_wait_closed(server), -EDEADLK);
    assert_int_equal(hoop_server_serve_forever(server), -EDEADLK);
    hoop_server_close(server);
    return 0;
}

IN_A_TASK(a_client_may_close_its_server_but_not_wait_for_itself)
{
    hoop_server *server = serve(wait_for_oneself, &server);
    hoop_stream *stream = connect_to(server);
    assert_int_equal(hoop_server_wait_closed(server), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    hoop_server_free(server);
}

/* ---- waiting ---- */

static int64_t wait_closed(void *server)
{
    return hoop_server_wait_closed(server);
}

IN_A_TASK(to_wait_for_a_servers_end_is_to_wait_for_its_last_client)
{
    hoop_stream *stream;
    hoop_server *server = serve_one(echo, NULL, &stream);
    hoop_task *task = hoop_create_task(wait_closed, server);
    let_others_wait();
    hoop_server_close(server);
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(hoop_await(task), 0);
    hoop_server_free(server);
}

IN_A_TASK(to_wait_for_a_servers_end_can_be_cancelled)
{
    hoop_server *server = serve(echo, NULL);
    hoop_task *task = hoop_create_task(wait_closed, server);
    let_others_wait();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_true(hoop_server_is_serving(server));
    end_server(server);
}

static int64_t serve_and_wait(void *arg)
{
    (void)arg;
    return hoop_server_wait_closed(serve(echo, NULL));
}

static void a_loop_may_be_closed_while_a_task_waits_for_a_server(void **state)
{
    (void)state;
    close_while_it_waits(serve_and_wait, NULL, NULL);
}

/* ---- clients that are sent away ---- */

static int64_t read_to_end(hoop_stream *stream, void *arg)
{
    char byte;
    *(int64_t *)arg = 1;
    int64_t size = hoop_stream_write(stream, "last words", 10);
    if (size == 10)
        size = hoop_stream_read(stream, &byte, 1);
    *(int64_t *)arg = size;
    return size;
}

IN_A_TASK(closing_the_clients_connections_sends_what_waits)
{
    int64_t result = 0;
    char text[11] = "";
    hoop_stream *stream;
    hoop_server *server = serve_one(read_to_end, &result, &stream);
    hoop_server_close_clients(server);
    assert_int_equal(hoop_stream_readexactly(stream, text, 10), 10);
    assert_string_equal(text, "last words");
    assert_is_at_end(stream);
    assert_true(result <= 0); /* its read has ended */
    assert_int_equal(hoop_stream_close(stream), 0);
    end_server(server);
}

IN_A_TASK(aborting_the_clients_connections_ends_them_at_once)
{
    int64_t result = 0;
    char text[16];
    hoop_stream *stream;
    hoop_server *server = serve_one(read_to_end, &result, &stream);
    hoop_server_abort_clients(server);
    while (hoop_stream_read(stream, text, sizeof text) > 0)
        ;
    let_others_wait();
    assert_int_equal(hoop_server_client_count(server), 0);
    assert_true(result <= 0);
    hoop_stream_abort(stream);
    end_server(server);
}

static int64_t sleep_then_write(hoop_stream *stream, void *arg)
{
    assert_int_equal(hoop_sleep(10), 0);
    return *(int64_t *)arg = hoop_stream_write(stream, "x", 1);
}

IN_A_TASK(a_client_that_does_something_else_finds_out_later)
{
    int64_t result = 0;
    hoop_stream *stream;
    hoop_server *server = serve_one(sleep_then_write, &result, &stream);
    hoop_server_abort_clients(server);
    hoop_server_abort_clients(server);
    hoop_server_close_clients(server);
    assert_int_equal(hoop_server_client_count(server), 1);
    end_server(server);
    assert_true(result < 0);
    hoop_stream_abort(stream);
}

/* ---- for ever ---- */

static int64_t serve_for_ever(void *server)
{
    return hoop_server_serve_forever(server);
}

IN_A_TASK(serving_for_ever_ends_with_its_task_and_cancels_the_clients)
{
    struct sleeper sleeper = {.seconds = 100, .result = 1};
    hoop_server *server =
        serve_with(sleep_a_while, &sleeper, &(hoop_server_options){.do_not_serve = true});
    hoop_task *task = hoop_create_task(serve_for_ever, server);
    hoop_stream *stream = connect_to(server);
    let_others_wait();
    assert_int_equal(hoop_server_client_count(server), 1);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(sleeper.result, -ECANCELED);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(with_grace_clients_may_finish_before_serving_for_ever_ends)
{
    struct sleeper quick = {.seconds = 3, .result = 1}, slow = {.seconds = 100, .result = 1};
    for (int i = 0; i < 2; i++) {
        struct sleeper *sleeper = i == 0 ? &quick : &slow;
        hoop_server *server =
            serve_with(sleep_a_while, sleeper, &(hoop_server_options){.grace = 5});
        hoop_task *task = hoop_create_task(serve_for_ever, server);
        hoop_stream *stream = connect_to(server);
        let_others_wait();
        double start = hoop_time(hoop_running_loop());
        hoop_task_cancel(task);
        assert_int_equal(hoop_await(task), -ECANCELED);
        double took = hoop_time(hoop_running_loop()) - start;
        assert_true(i == 0 ? took > 1 && took < 4 : took > 4 && took < 6);
        assert_int_equal(hoop_stream_close(stream), 0);
    }
    assert_int_equal(quick.result, 0);
    assert_int_equal(slow.result, -ECANCELED);
}

IN_A_TASK(a_grace_that_is_no_time_makes_no_server)
{
    const double graces[] = {-1, NAN};
    for (int i = 0; i < 2; i++) {
        hoop_server *server;
        assert_int_equal(hoop_start_server(echo, NULL, "127.0.0.1", 0,
                                           &(hoop_server_options){.grace = graces[i]}, &server),
                         -EINVAL);
    }
}

IN_A_TASK(serving_for_ever_ends_when_another_task_closes_the_server)
{
    hoop_server *server = serve(echo, NULL);
    hoop_task *task = hoop_create_task(serve_for_ever, server);
    hoop_stream *stream = connect_to(server);
    assert_echoes(stream, "x");
    hoop_server_close(server);
    let_others_wait();
    assert_false(hoop_task_is_done(task)); /* there is a client */
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(hoop_await(task), 0);
}

static int64_t serve_until_interrupted(void *arg)
{
    (void)arg;
    hoop_server *server;
    int rc = hoop_start_server(echo, NULL, "127.0.0.1", 0, NULL, &server);
    if (rc < 0)
        return rc;
    interrupt_soon();
    return hoop_server_serve_forever(server);
}

static void be_interrupted(void *arg)
{
    say_result(hoop_run(serve_until_interrupted, arg));
}

static void serving_for_ever_ends_with_an_interrupt(void **state)
{
    (void)state;
    assert_says(be_interrupted, NULL, "EINTR\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_client_that_ends_in_time_is_not_cancelled),
        BEHAVIOUR(clients_that_take_longer_are_cancelled_and_counted),
        BEHAVIOUR(without_grace_clients_are_cancelled_at_once),
        BEHAVIOUR(endless_grace_waits_as_long_as_it_takes),
        BEHAVIOUR(a_cancelled_shutdown_cancels_the_clients_and_waits_for_them),
        BEHAVIOUR(a_server_without_clients_is_shut_down_at_once),
        BEHAVIOUR(a_grace_that_is_no_time_is_refused_and_nothing_happens),
        BEHAVIOUR(a_client_may_close_its_server_but_not_wait_for_itself),
        BEHAVIOUR(to_wait_for_a_servers_end_is_to_wait_for_its_last_client),
        BEHAVIOUR(to_wait_for_a_servers_end_can_be_cancelled),
        BEHAVIOUR(a_loop_may_be_closed_while_a_task_waits_for_a_server),
        BEHAVIOUR(closing_the_clients_connections_sends_what_waits),
        BEHAVIOUR(aborting_the_clients_connections_ends_them_at_once),
        BEHAVIOUR(a_client_that_does_something_else_finds_out_later),
        BEHAVIOUR(serving_for_ever_ends_with_its_task_and_cancels_the_clients),
        BEHAVIOUR(with_grace_clients_may_finish_before_serving_for_ever_ends),
        BEHAVIOUR(a_grace_that_is_no_time_makes_no_server),
        BEHAVIOUR(serving_for_ever_ends_when_another_task_closes_the_server),
        BEHAVIOUR(serving_for_ever_ends_with_an_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
