/* SPDX-License-Identifier: MIT
 *
 * Signals and threads: any thread may be hit, any number of loops be told, and listeners come and
 * go while signals rain. What runs in a thread does not assert; it counts, and the test looks.
 */
#include <errno.h>

#include "child.h"
#include "other_thread.h"
#include "signals.h"
#include "stderr_capture.h"

/* ---- who is hit, and who is told ---- */

static void tell(void *arg)
{
    sem_post(arg);
}

/* A loop that runs in its own thread, and is told of SIGUSR1. */
struct listening_host {
    struct host host;
    sem_t told;
    sem_t listens;
};

static void begin_to_listen(void *arg)
{
    struct listening_host *host = arg;
    if (hoop_add_signal_handler(host->host.loop, SIGUSR1, tell, &host->told) == 0)
        sem_post(&host->listens);
}

static void listening_host_start(struct listening_host *host)
{
    sem_init(&host->told, 0, 0);
    sem_init(&host->listens, 0, 0);
    host_start(&host->host);
    assert_int_equal(hoop_call_soon_threadsafe(host->host.loop, begin_to_listen, host), 0);
    sem_take(&host->listens);
}

static void listening_host_end(struct listening_host *host)
{
    host_end(&host->host);
    sem_destroy(&host->told);
    sem_destroy(&host->listens);
}

static void loops_in_two_threads_are_both_told(void **state)
{
    (void)state;
    struct listening_host hosts[2];
    for (int i = 0; i < 2; i++)
        listening_host_start(&hosts[i]);
    for (int round = 0; round < 10; round++) {
        raise(SIGUSR1); /* this thread has no loop */
        for (int i = 0; i < 2; i++)
            sem_take(&hosts[i].told);
    }
    for (int i = 0; i < 2; i++)
        listening_host_end(&hosts[i]);
    assert_true(is_at_default(SIGUSR1));
}

static void a_loop_is_told_of_what_hits_its_own_thread_while_it_sleeps(void **state)
{
    (void)state;
    if (UNDER_THREAD_SANITIZER) {
        print_message("ThreadSanitizer keeps a signal back while the loop sleeps\n");
        skip();
    }
    struct listening_host host;
    listening_host_start(&host);
    for (int round = 0; round < 10; round++) {
        assert_int_equal(pthread_kill(host.host.thread, SIGUSR1), 0);
        sem_take(&host.told);
    }
    listening_host_end(&host);
}

/* ---- other threads' system calls ---- */

struct reader {
    int fd;
    sem_t reads;
    unsigned interruptions;
    ssize_t result;
    char byte;
};

static void *read_one(void *arg)
{
    struct reader *reader = arg;
    sem_post(&reader->reads);
    while ((reader->result = read(reader->fd, &reader->byte, 1)) < 0 && errno == EINTR)
        reader->interruptions++;
    return NULL;
}

static void a_blocking_call_of_another_thread_goes_on(void **state)
{
    (void)state;
    if (UNDER_THREAD_SANITIZER) {
        print_message("ThreadSanitizer keeps a signal back until the call returns\n");
        skip();
    }
    int ends[2];
    pthread_t thread;
    struct listening_host host;
    listening_host_start(&host);
    assert_int_equal(pipe(ends), 0);
    struct reader reader = {.fd = ends[0]};
    sem_init(&reader.reads, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, read_one, &reader), 0);
    sem_take(&reader.reads);
    for (int i = 0; i < 10; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* mostly it reads by now */
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
        sem_take(&host.told);
    }
    assert_int_equal(write(ends[1], "x", 1), 1);
    pthread_join(thread, NULL);
    assert_int_equal(reader.result, 1);
    assert_int_equal(reader.interruptions, 0);
    sem_destroy(&reader.reads);
    listening_host_end(&host);
    close(ends[0]);
    close(ends[1]);
}

/* ---- a rain of signals ---- */

enum { RAISERS = 3 };

struct rain {
    pthread_t threads[RAISERS];
    atomic_bool is_over;
    int left; /* signals that each thread raises at least */
    atomic_uint raised;
};

static void *raise_many(void *arg)
{
    struct rain *rain = arg;
    for (int i = 0; i < rain->left || !atomic_load(&rain->is_over); i++) {
        raise(i % 2 == 0 ? SIGUSR1 : SIGUSR2);
        atomic_fetch_add(&rain->raised, 1);
    }
    return NULL;
}

static void rain_begins(struct rain *rain, int signals)
{
    *rain = (struct rain){.left = signals / RAISERS};
    for (int i = 0; i < RAISERS; i++)
        assert_int_equal(pthread_create(&rain->threads[i], NULL, raise_many, rain), 0);
}

static void rain_ends(struct rain *rain)
{
    atomic_store(&rain->is_over, true);
    for (int i = 0; i < RAISERS; i++)
        pthread_join(rain->threads[i], NULL);
}

/* Catches both for all of the test, as nobody may be hit unprepared. */
static hoop_loop *sheltering_loop(unsigned *calls)
{
    hoop_loop *loop = hoop_new_event_loop();
    assert_non_null(loop);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, count, &calls[0]), 0);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR2, count, &calls[1]), 0);
    return loop;
}

static void handlers_come_and_go_in_a_rain_of_signals(void **state)
{
    (void)state;
    unsigned calls[2] = {0, 0}, others[2] = {0, 0};
    struct rain rain;
    hoop_loop *shelter = sheltering_loop(calls), *loop = hoop_new_event_loop();
    rain_begins(&rain, 10000);
    for (int i = 0; i < 2000 || atomic_load(&rain.raised) < 10000; i++) {
        int number = i % 3 == 0 ? SIGUSR2 : SIGUSR1;
        assert_int_equal(hoop_add_signal_handler(loop, number, count, &others[i % 2]), 0);
        if (i % 5 == 0)
            run_for(loop, 1);
        if (i % 7 == 0)
            run_for(shelter, 1);
        if (i % 4 != 0)
            assert_int_equal(hoop_remove_signal_handler(loop, number), 1);
    }
    rain_ends(&rain);
    run_for(shelter, 2);
    assert_true(calls[0] > 0 && calls[1] > 0);
    assert_true(calls[0] + calls[1] <= atomic_load(&rain.raised));
    /* After all that one more is told, once. */
    calls[0] = 0;
    raise(SIGUSR1);
    run_for(shelter, 3);
    assert_int_equal(calls[0], 1);
    hoop_close(loop);
    hoop_close(shelter);
}

static void *open_and_close_loops(void *arg)
{
    const struct rain *rain = arg;
    uintptr_t failures = 0;
    unsigned calls = 0;
    while (!atomic_load(&rain->is_over)) {
        hoop_loop *loop = hoop_new_event_loop();
        failures += loop == NULL || hoop_add_signal_handler(loop, SIGUSR1, count, &calls) != 0 ||
                    hoop_add_signal_handler(loop, SIGUSR2, count, &calls) != 0 ||
                    hoop_run_once(loop, 0) != 0 || hoop_close(loop) != 0;
    }
    return (void *)failures;
}

static void loops_come_and_go_in_a_rain_of_signals(void **state)
{
    (void)state;
    unsigned calls[2] = {0, 0};
    pthread_t threads[2];
    void *failures[2];
    struct rain rain;
    hoop_loop *shelter = sheltering_loop(calls);
    rain_begins(&rain, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close_loops, &rain), 0);
    while (atomic_load(&rain.raised) < 10000)
        assert_int_equal(hoop_run_once(shelter, 1), 0);
    rain_ends(&rain);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failures[i]);
        assert_null(failures[i]);
    }
    run_for(shelter, 2);
    assert_true(calls[0] > 0 && calls[1] > 0);
    hoop_close(shelter);
    assert_true(is_at_default(SIGUSR1));
}

/* ---- the wrong thread ---- */

struct stranger {
    hoop_loop *loop;
    int added;
    int removed;
};

static void *call_from_here(void *arg)
{
    struct stranger *stranger = arg;
    stranger->added = hoop_add_signal_handler(stranger->loop, SIGUSR1, tell, NULL);
    stranger->removed = hoop_remove_signal_handler(stranger->loop, SIGUSR2);
    return NULL;
}

static int64_t let_a_stranger_call(void *arg)
{
    pthread_t thread;
    struct stranger *stranger = arg;
    stranger->loop = hoop_running_loop();
    assert_int_equal(pthread_create(&thread, NULL, call_from_here, stranger), 0);
    pthread_join(thread, NULL);
    return 0;
}

static void debug_mode_refuses_calls_from_another_thread(void **state)
{
    (void)state;
    struct stderr_capture capture;
    struct stranger stranger = {0};
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.debug = true});
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR2, tell, NULL), 0);
    stderr_capture_begin(&capture);
    int64_t rc = hoop_run_until_complete(loop, let_a_stranger_call, &stranger);
    stderr_capture_end(&capture);
    assert_int_equal(rc, 0);
    assert_int_equal(stranger.added, HOOP_ETHREAD);
    assert_int_equal(stranger.removed, HOOP_ETHREAD);
    assert_non_null(strstr(capture.text, "hoop_add_signal_handler"));
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR2), 1);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(loops_in_two_threads_are_both_told),
        BEHAVIOUR(a_loop_is_told_of_what_hits_its_own_thread_while_it_sleeps),
        BEHAVIOUR(a_blocking_call_of_another_thread_goes_on),
        BEHAVIOUR(handlers_come_and_go_in_a_rain_of_signals),
        BEHAVIOUR(loops_come_and_go_in_a_rain_of_signals),
        BEHAVIOUR(debug_mode_refuses_calls_from_another_thread),
    };
    return cmocka_run_group_tests_name("signal_threads", tests, NULL, NULL);
}
