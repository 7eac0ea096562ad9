/* SPDX-License-Identifier: MIT
 *
 * Callbacks for signals, in one thread: what is told to whom. Other threads are in
 * signal_threads.c.
 */
#include <errno.h>
#include <pthread.h>

#include "signals.h"

/* ---- being called ---- */

static hoop_context_var place = {.name = "place", .default_value = "nowhere"};

struct call {
    unsigned count;
    pthread_t thread;
    const char *place;
    hoop_loop *loop;
};

static void note_call(void *arg)
{
    struct call *call = arg;
    call->count++;
    call->thread = pthread_self();
    call->place = hoop_context_get(&place);
    call->loop = hoop_running_loop();
}

static void add_handler_here(void *arg)
{
    struct call *call = arg;
    assert_int_equal(hoop_context_set(&place, "where it was added"), 0);
    assert_int_equal(hoop_add_signal_handler(call->loop, SIGUSR1, note_call, call), 0);
    assert_int_equal(hoop_context_set(&place, "elsewhere"), 0);
}

static void a_handler_is_called_with_its_argument_in_the_loop_and_in_its_context(void **state)
{
    (void)state;
    struct call call = {.loop = virtual_loop()};
    hoop_loop *loop = call.loop;
    in_a_context(add_handler_here, &call);
    call.loop = NULL;
    raise(SIGUSR1);
    assert_int_equal(call.count, 0);
    run_for(loop, 2);
    assert_int_equal(call.count, 1);
    assert_true(pthread_equal(call.thread, pthread_self()));
    assert_string_equal(call.place, "where it was added");
    assert_ptr_equal(call.loop, loop);
    hoop_close(loop);
}

/* Does the system let it be caught? The C library and Valgrind keep some to themselves. */
static bool is_ours_to_catch(int number)
{
    struct sigaction action = {.sa_handler = own_handler}, before;
    return sigaction(number, &action, &before) == 0 && sigaction(number, &before, NULL) == 0;
}

static bool tells_of_a_mistake(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL;
}

static void every_signal_that_can_be_caught_is_told_by_its_own_handler(void **state)
{
    (void)state;
    unsigned counts[NSIG] = {0};
    int end = UNDER_EMULATOR ? SIGSYS + 1 : NSIG; /* an emulator needs real-time ones itself */
    hoop_loop *loop = virtual_loop();
    for (int number = 1; number < end; number++) {
        int rc = hoop_add_signal_handler(loop, number, count, &counts[number]);
        assert_int_equal(rc, is_ours_to_catch(number) && !tells_of_a_mistake(number) ? 0 : -EINVAL);
    }
    for (int number = 1; number < end; number++) {
        if (hoop_remove_signal_handler(loop, number) == 0)
            continue;
        assert_int_equal(hoop_add_signal_handler(loop, number, count, &counts[number]), 0);
        raise(number);
        run_for(loop, 2);
        assert_int_equal(counts[number], 1);
        counts[number] = 0;
    }
    for (int number = 1; number < end; number++)
        assert_int_equal(counts[number], 0);
    hoop_close(loop);
}

static void what_comes_before_the_loop_looks_is_told_once(void **state)
{
    (void)state;
    unsigned calls = 0;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, count, &calls), 0);
    for (int i = 0; i < 5; i++)
        raise(SIGUSR1);
    run_for(loop, 3);
    assert_int_equal(calls, 1);
    raise(SIGUSR1);
    run_for(loop, 3);
    assert_int_equal(calls, 2);
    hoop_close(loop);
}

static void raise_once(void *arg)
{
    if (++*(unsigned *)arg == 1)
        raise(SIGUSR1);
}

static void one_that_comes_while_its_handler_runs_is_told_again(void **state)
{
    (void)state;
    unsigned calls = 0;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, raise_once, &calls), 0);
    raise(SIGUSR1);
    run_for(loop, 4);
    assert_int_equal(calls, 2);
    hoop_close(loop);
}

static void two_loops_are_both_told(void **state)
{
    (void)state;
    unsigned calls[2] = {0, 0};
    hoop_loop *loops[2] = {virtual_loop(), virtual_loop()};
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_add_signal_handler(loops[i], SIGUSR1, count, &calls[i]), 0);
    raise(SIGUSR1);
    run_for(loops[1], 2);
    run_for(loops[0], 2);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 1);
    hoop_close(loops[0]);
    raise(SIGUSR1); /* the second one goes on */
    run_for(loops[1], 2);
    assert_int_equal(calls[1], 2);
    hoop_close(loops[1]);
}

static void *send_after_a_while(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    raise(SIGUSR1);
    return arg;
}

static void stop(void *arg)
{
    hoop_stop(arg);
}

static void a_signal_wakes_a_loop_that_sleeps(void **state)
{
    (void)state;
    for (int i = 0; i < (has_uring() ? 2 : 1); i++) {
        pthread_t thread;
        hoop_loop_options options = {.poller = i == 0 ? HOOP_POLLER_EPOLL : HOOP_POLLER_URING};
        hoop_loop *loop = hoop_new_event_loop_with(&options);
        assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, stop, loop), 0);
        assert_int_equal(pthread_create(&thread, NULL, send_after_a_while, NULL), 0);
        assert_int_equal(hoop_run_forever(loop), 0);
        pthread_join(thread, NULL);
        hoop_close(loop);
    }
}

/* ---- replacing and removing ---- */

static void a_second_handler_replaces_the_first_also_for_what_has_come(void **state)
{
    (void)state;
    struct record record = {""};
    struct note first = {&record, "first"}, second = {&record, "second"},
                third = {&record, "third"};
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, take_note, &first), 0);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, take_note, &second), 0);
    raise(SIGUSR1);
    run_for(loop, 2);
    raise(SIGUSR1);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, take_note, &third), 0);
    run_for(loop, 2);
    assert_record(&record, "second third");
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 1);
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 0);
    assert_true(is_at_default(SIGUSR1));
    hoop_close(loop);
}

struct change {
    hoop_loop *loop;
    struct note other; /* added for SIGUSR2; unless it has no text: then that is removed */
    struct record record;
};

static void change_other(void *arg)
{
    struct change *change = arg;
    record_add(&change->record, "first");
    if (change->other.text == NULL)
        assert_int_equal(hoop_remove_signal_handler(change->loop, SIGUSR2), 1);
    else
        assert_int_equal(hoop_add_signal_handler(change->loop, SIGUSR2, take_note, &change->other),
                         0);
}

/* Both are due in the same batch, and the first one does something to the second. */
static void change_when_due(const char *text, const char *expected)
{
    struct change change = {.loop = virtual_loop(), .other.text = text};
    struct note before = {&change.record, "not called"};
    change.other.record = &change.record;
    assert_int_equal(hoop_add_signal_handler(change.loop, SIGUSR1, change_other, &change), 0);
    assert_int_equal(hoop_add_signal_handler(change.loop, SIGUSR2, take_note, &before), 0);
    raise(SIGUSR2);
    raise(SIGUSR1);
    run_for(change.loop, 3);
    assert_record(&change.record, expected);
    hoop_close(change.loop);
}

static void a_handler_that_is_due_is_dropped_by_its_removal_and_not_by_its_replacement(void **state)
{
    (void)state;
    change_when_due(NULL, "first");
    change_when_due("other", "first other");
}

static void remove_self(void *arg)
{
    struct call *call = arg;
    note_call(arg);
    call->count += hoop_remove_signal_handler(call->loop, SIGUSR1) == 1 ? 10 : 100;
    call->place = hoop_context_get(&place);
}

static void add_one_that_removes_itself(void *arg)
{
    struct call *call = arg;
    assert_int_equal(hoop_context_set(&place, "here"), 0);
    assert_int_equal(hoop_add_signal_handler(call->loop, SIGUSR1, remove_self, call), 0);
}

static void a_handler_can_remove_itself(void **state)
{
    (void)state;
    struct call call = {.loop = virtual_loop()};
    hoop_loop *loop = call.loop;
    in_a_context(add_one_that_removes_itself, &call);
    raise(SIGUSR1);
    run_for(loop, 2);
    assert_int_equal(call.count, 11);
    assert_string_equal(call.place, "here");
    assert_true(is_at_default(SIGUSR1));
    hoop_close(loop);
}

static void who_begins_to_listen_does_not_hear_of_what_came_before(void **state)
{
    (void)state;
    struct record record = {""};
    struct note old = {&record, "old"}, fresh = {&record, "fresh"};
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, take_note, &old), 0);
    raise(SIGUSR1);
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 1);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, take_note, &fresh), 0);
    run_for(loop, 2);
    assert_record(&record, "");
    raise(SIGUSR1);
    run_for(loop, 2);
    assert_record(&record, "fresh");
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_handler_is_called_with_its_argument_in_the_loop_and_in_its_context),
        BEHAVIOUR(every_signal_that_can_be_caught_is_told_by_its_own_handler),
        BEHAVIOUR(what_comes_before_the_loop_looks_is_told_once),
        BEHAVIOUR(one_that_comes_while_its_handler_runs_is_told_again),
        BEHAVIOUR(two_loops_are_both_told),
        BEHAVIOUR(a_signal_wakes_a_loop_that_sleeps),
        BEHAVIOUR(a_second_handler_replaces_the_first_also_for_what_has_come),
        BEHAVIOUR(a_handler_that_is_due_is_dropped_by_its_removal_and_not_by_its_replacement),
        BEHAVIOUR(a_handler_can_remove_itself),
        BEHAVIOUR(who_begins_to_listen_does_not_hear_of_what_came_before),
    };
    return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
