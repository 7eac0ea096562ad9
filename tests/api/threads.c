/* SPDX-License-Identifier: MIT
 *
 * A loop in each of several threads. What runs in them must not assert: it notes, and the test
 * looks afterwards.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "interrupt.h"
#include "network.h"

#define COUNT 4

static struct {
    unsigned expected; /* calls */
    atomic_uint calls;
    atomic_uint cancelled;
    hoop_loop *loops[COUNT];
    char names[COUNT][16];
    uint16_t port;
} notes;

static void notes_begin(void)
{
    memset(&notes, 0, sizeof notes);
}

/* ---- each on its own ---- */

static int64_t note_who(void *arg)
{
    unsigned index = hoop_thread_index();
    atomic_fetch_add(&notes.calls, 1);
    notes.loops[index] = hoop_running_loop();
    pthread_getname_np(pthread_self(), notes.names[index], sizeof notes.names[index]);
    while (atomic_load(&notes.calls) < notes.expected) /* so that they all exist at a time */
        if (hoop_sleep(0.001) < 0)
            return -1;
    return *(int64_t *)arg + index;
}

static void each_thread_has_a_loop_a_name_and_a_number(void **state)
{
    (void)state;
    int64_t base = 100;
    notes_begin();
    notes.expected = COUNT;
    assert_int_equal(hoop_run_threads(COUNT, note_who, &base), 100); /* the first one's */
    assert_int_equal(notes.calls, COUNT);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(notes.loops[i], notes.loops[j]);
    assert_string_equal(notes.names[1], "hoop-1");
    assert_string_equal(notes.names[3], "hoop-3");
    assert_int_equal(hoop_thread_index(), 0);
}

static int64_t count_call(void *arg)
{
    (void)arg;
    atomic_fetch_add(&notes.calls, 1);
    return 0;
}

static void without_a_number_there_is_one_for_each_processor(void **state)
{
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    notes_begin();
    assert_int_equal(hoop_run_threads(0, count_call, NULL), 0);
    assert_int_equal(notes.calls, CPU_COUNT(&set));
}

static void one_thread_is_the_callers(void **state)
{
    (void)state;
    int64_t base = 7;
    notes_begin();
    assert_int_equal(hoop_run_threads(1, note_who, &base), 7);
    assert_int_equal(notes.calls, 1);
    assert_string_not_equal(notes.names[0], "hoop-0");
}

static int64_t run_threads_again(void *arg)
{
    return hoop_run_threads(2, count_call, arg);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    notes_begin();
    assert_int_equal(hoop_run_threads(1025, count_call, NULL), -EINVAL);
    assert_int_equal(hoop_run_threads(2, NULL, NULL), -EINVAL);
    assert_int_equal(hoop_run(run_threads_again, NULL), HOOP_ERUNNING);
    assert_int_equal(notes.calls, 0);
}

/* ---- together ---- */

/* The thread with the number ARG fails, the others sleep until they are cancelled. */
static int64_t fail_or_sleep(void *arg)
{
    unsigned index = hoop_thread_index();
    if (index == *(unsigned *)arg)
        return hoop_sleep(0.01) < 0 ? 0 : -EIO;
    int rc = hoop_sleep((double)INFINITY);
    if (rc == -ECANCELED)
        atomic_fetch_add(&notes.cancelled, 1);
    return rc;
}

static void an_error_of_one_cancels_the_others(void **state)
{
    (void)state;
    for (unsigned failing = 0; failing < COUNT; failing++) {
        notes_begin();
        assert_int_equal(hoop_run_threads(COUNT, fail_or_sleep, &failing), -EIO);
        assert_int_equal(notes.cancelled, COUNT - 1);
    }
}

/* All but the last thread are through when that fails. */
static int64_t fail_last(void *arg)
{
    (void)arg;
    if (hoop_thread_index() < COUNT - 1)
        return 5;
    return hoop_sleep(0.02) < 0 ? 0 : -EIO;
}

static void the_first_thread_waits_for_the_others(void **state)
{
    (void)state;
    assert_int_equal(hoop_run_threads(COUNT, fail_last, NULL), -EIO);
}

static int64_t stop_oneself(void *arg)
{
    (void)arg;
    if (hoop_thread_index() != 0)
        return hoop_sleep((double)INFINITY);
    hoop_stop(hoop_running_loop());
    return hoop_sleep((double)INFINITY);
}

static void a_loop_that_is_stopped_ends_them_all(void **state)
{
    (void)state;
    assert_int_equal(hoop_run_threads(COUNT, stop_oneself, NULL), HOOP_ESTOPPED);
}

/* ---- SIGINT ---- */

static int64_t sleep_in_all(void *arg)
{
    (void)arg;
    if (hoop_thread_index() == 0)
        interrupt_soon();
    return hoop_sleep((double)INFINITY);
}

static int64_t sleep_in_others(void *arg)
{
    (void)arg;
    if (hoop_thread_index() != 0)
        return hoop_sleep((double)INFINITY);
    interrupt_soon();
    return 3;
}

static void run_interrupted(void *arg)
{
    hoop_coroutine_fn main = arg == NULL ? sleep_in_all : sleep_in_others;
    say_result(hoop_run_threads(3, main, NULL));
}

static void an_interrupt_cancels_them_all(void **state)
{
    (void)state;
    assert_says(run_interrupted, NULL, "EINTR\n");
}

static void an_interrupt_is_heard_when_the_first_is_through(void **state)
{
    (void)state;
    assert_says(run_interrupted, "", "EINTR\n");
}

/* ---- a server on all processors ---- */

static const hoop_server_options shared = {.reuse_port = true};

static int64_t ask(const char *text)
{
    char buffer[16];
    hoop_stream *stream;
    int64_t rc = hoop_open_connection("127.0.0.1", notes.port, NULL, &stream);
    if (rc < 0)
        return rc;
    rc = hoop_stream_write(stream, text, strlen(text));
    if (rc >= 0)
        rc = hoop_stream_readexactly(stream, buffer, strlen(text));
    int closed = hoop_stream_close(stream);
    return rc < 0 ? rc : closed;
}

/* Each thread serves; the first one asks as well, and ends them all. */
static int64_t serve_in_each(void *arg)
{
    hoop_server *server;
    (void)arg;
    int64_t rc = hoop_start_server(echo, NULL, "127.0.0.1", notes.port, &shared, &server);
    if (rc < 0)
        return rc;
    if (hoop_thread_index() != 0)
        return hoop_server_serve_forever(server);
    for (int i = 0; i < 20 && rc == 0; i++)
        rc = ask("hello");
    int64_t ended = hoop_server_shutdown(server, 10);
    hoop_server_free(server);
    return rc < 0 ? rc : ended < 0 ? ended : -ESHUTDOWN;
}

static void servers_in_all_threads_share_a_port(void **state)
{
    (void)state;
    notes_begin();
    notes.port = free_port();
    assert_int_equal(hoop_run_threads(COUNT, serve_in_each, NULL), -ESHUTDOWN);
}

/* ---- failures ---- */

static int run_three(void *arg)
{
    return (int)hoop_run_threads(3, count_call, arg);
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, run_three, NULL);
}

static void the_system_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_SYSCALL, run_three, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(each_thread_has_a_loop_a_name_and_a_number),
        BEHAVIOUR(without_a_number_there_is_one_for_each_processor),
        BEHAVIOUR(one_thread_is_the_callers),
        BEHAVIOUR(what_makes_no_sense_is_refused),
        BEHAVIOUR(an_error_of_one_cancels_the_others),
        BEHAVIOUR(the_first_thread_waits_for_the_others),
        BEHAVIOUR(a_loop_that_is_stopped_ends_them_all),
        BEHAVIOUR(an_interrupt_cancels_them_all),
        BEHAVIOUR(an_interrupt_is_heard_when_the_first_is_through),
        BEHAVIOUR(servers_in_all_threads_share_a_port),
        BEHAVIOUR(memory_may_fail_anywhere),
        BEHAVIOUR(the_system_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
