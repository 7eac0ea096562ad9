/* SPDX-License-Identifier: MIT
 *
 * How transports end: connection_lost comes once, last, and never from within a call.
 */
#include "protocol_subject.h"

IN_A_TASK(a_close_sends_what_waits_first)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    hoop_transport_close(subject.transport);
    hoop_transport_close(subject.transport);
    assert_true(hoop_transport_is_closing(subject.transport));
    let_others_wait();
    assert_record(&subject.record, "made pause");
    assert_peer_reads_much(&subject, "");
    assert_peer_is_at_end(&subject);
    assert_record(&subject.record, "made pause lost");
    assert_int_equal(subject.error, 0);
    subject_end(&subject);
}

IN_A_TASK(what_comes_after_a_close_is_dropped)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    hoop_transport_close(subject.transport);
    peer_sends(&subject, "too late");
    hoop_transport_resume_reading(subject.transport);
    let_others_wait();
    assert_record(&subject.record, "made pause");
    subject_end(&subject);
}

IN_A_TASK(an_abort_drops_what_waits)
{
    struct subject subject = {0};
    static char taken[MUCH];
    subject_open(&subject);
    write_much(&subject);
    hoop_transport_abort(subject.transport);
    hoop_transport_abort(subject.transport);
    assert_record(&subject.record, "made pause");
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), -EPIPE);
    let_others_wait();
    assert_record(&subject.record, "made pause lost");
    assert_int_equal(subject.error, 0);
    assert_true(peer_takes(&subject, taken, sizeof taken) < MUCH);
    assert_peer_is_at_end(&subject);
    subject_end(&subject);
}

IN_A_TASK(an_abort_ends_a_close)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    hoop_transport_close(subject.transport);
    hoop_transport_abort(subject.transport);
    let_others_wait();
    assert_record(&subject.record, "made pause lost");
    assert_int_equal(subject.error, 0);
    subject_end(&subject);
}

IN_A_TASK(a_close_that_takes_too_long_is_given_up)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    hoop_transport_close(subject.transport);
    assert_int_equal(hoop_sleep(29), 0);
    assert_int_equal(subject.losses, 0);
    assert_int_equal(hoop_sleep(2), 0);
    assert_int_equal(subject.losses, 1);
    assert_int_equal(subject.error, -ETIMEDOUT);
    subject_end(&subject);
}

/* ---- from every callback ---- */

static void close_transport(struct subject *subject)
{
    hoop_transport_close(subject->transport);
}

static void abort_transport(struct subject *subject)
{
    hoop_transport_abort(subject->transport);
}

static void write_and_close(struct subject *subject)
{
    assert_int_equal(hoop_transport_write(subject->transport, "bye", 3), 0);
    hoop_transport_close(subject->transport);
}

static void close_after_resuming(struct subject *subject)
{
    hoop_transport_pause_reading(subject->transport);
    hoop_transport_resume_reading(subject->transport);
    hoop_transport_abort(subject->transport);
}

/* All that can happen to SUBJECT, unless it ends before. */
static void live_through_all(struct subject *subject)
{
    static char taken[MUCH + 16];
    subject_open(subject);
    (void)!send(subject->fd, "x", 1, MSG_NOSIGNAL);
    let_others_wait();
    if (subject->losses == 0)
        (void)hoop_transport_write(subject->transport, much, MUCH);
    while (peer_takes(subject, taken, sizeof taken) > 0)
        ;
    shutdown(subject->fd, SHUT_WR);
    let_others_wait();
    assert_int_equal(subject->losses, 1);
    assert_int_equal(subject->error, 0);
    subject_end(subject);
}

IN_A_TASK(a_transport_may_end_in_every_callback)
{
    const struct {
        const char *when, *record;
    } callbacks[] = {
        {"made", "made lost"},
        {"data", "made data lost"},
        {"pause", "made data pause lost"},
        {"resume", "made data pause resume lost"},
        {"eof", "made data pause resume eof lost"},
        {"lost", "made data pause resume eof lost"},
    };
    void (*ends[])(struct subject *) = {close_transport, abort_transport, close_after_resuming,
                                        write_and_close};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 4; j++) {
            if (i == 5 && j == 3)
                continue; /* nothing can be written then */
            struct subject subject = {.keeps = false, .when = callbacks[i].when, .does = ends[j]};
            live_through_all(&subject);
            assert_record(&subject.record, callbacks[i].record);
        }
}

static struct subject other;

static void abort_other(struct subject *subject)
{
    (void)subject;
    if (other.transport != NULL)
        hoop_transport_abort(other.transport);
}

IN_A_TASK(a_transport_may_end_another_one)
{
    struct subject subject = {.when = "lost", .does = abort_other};
    other = (struct subject){0};
    subject_open(&subject);
    subject_open(&other);
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made eof lost");
    assert_record(&other.record, "made lost");
    subject_end(&subject);
    subject_end(&other);
}

/* ---- with the loop ---- */

static struct subject left;

static int64_t leave_open(void *arg)
{
    (void)arg;
    subject_open(&left);
    return 0;
}

static int64_t leave_writing(void *arg)
{
    leave_open(arg);
    write_much(&left);
    return 0;
}

static int64_t leave_closing(void *arg)
{
    leave_writing(arg);
    hoop_transport_close(left.transport);
    return 0;
}

static void abort_it(void)
{
    hoop_transport_abort(left.transport);
}

static void break_it(void)
{
    peer_closes(&left);
    assert_int_equal(hoop_transport_write(left.transport, "x", 1), -EPIPE);
}

/* Runs a coroutine that leaves `left`, calls LAST (unless it is NULL), and closes the loop, in
 * debug mode or not; the reports. */
static struct reports close_loop_after(hoop_coroutine_fn leave, void (*last)(void), bool debug)
{
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_set_debug(loop, debug);
    left = (struct subject){0};
    assert_int_equal(hoop_run_until_complete(loop, leave, NULL), 0);
    if (last != NULL)
        last();
    assert_int_equal(left.losses, 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(left.losses, 1);
    if (left.fd >= 0)
        close(left.fd);
    return reports;
}

static void the_loops_end_is_the_connections(void **state)
{
    (void)state;
    assert_int_equal(close_loop_after(leave_open, NULL, false).count, 0);
    assert_record(&left.record, "made lost");
    assert_int_equal(left.error, HOOP_ECLOSED);
    close_loop_after(leave_writing, NULL, false);
    assert_int_equal(left.error, HOOP_ECLOSED);
    close_loop_after(leave_closing, NULL, false);
    assert_int_equal(left.error, HOOP_ECLOSED);
}

static void a_connection_that_was_lost_just_before_the_loops_end_has_its_own_error(void **state)
{
    (void)state;
    close_loop_after(leave_open, abort_it, false);
    assert_record(&left.record, "made lost");
    assert_int_equal(left.error, 0);
    close_loop_after(leave_open, break_it, false);
    assert_int_equal(left.error, -EPIPE);
}

static void debug_mode_names_transports_that_were_left_open(void **state)
{
    (void)state;
    struct reports reports = close_loop_after(leave_open, NULL, true);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.error_message, "a transport");
    assert_int_equal(close_loop_after(leave_open, abort_it, true).count, 0);
    assert_int_equal(close_loop_after(leave_closing, NULL, true).count, 0);
}

static void abort_left(struct subject *subject)
{
    (void)subject;
    hoop_transport_resume_reading(left.transport);
    hoop_transport_abort(left.transport);
}

static int64_t leave_both(void *arg)
{
    other = (struct subject){.when = "lost", .does = abort_left};
    subject_open(&other);
    hoop_transport_pause_reading(other.transport);
    return leave_open(arg);
}

static void ending_another_one_at_the_loops_end_does_not_call_from_within(void **state)
{
    (void)state;
    close_loop_after(leave_both, NULL, false);
    close(other.fd);
    assert_int_equal(other.losses, 1);
    assert_int_equal(other.error, HOOP_ECLOSED);
    assert_record(&left.record, "made lost");
}

/* ---- with the program ---- */

static int peer_of_left;
static char *received;

static int64_t take_late(void *arg)
{
    size_t size = 0;
    (void)arg;
    while (size < MUCH) {
        ssize_t count = read(peer_of_left, received + size, MUCH - size);
        size += count > 0 ? (size_t)count : 0;
        if (hoop_sleep(0.001) < 0)
            (void)hoop_task_uncancel(hoop_current_task());
    }
    return 0;
}

static int64_t leave_closing_with_a_reader(void *arg)
{
    leave_closing(arg);
    peer_of_left = left.fd;
    hoop_task_detach(hoop_create_task(take_late, NULL));
    return 0;
}

static void a_program_ends_after_what_waits_was_sent(void **state)
{
    (void)state;
    static char memory[MUCH];
    received = memory;
    left = (struct subject){0};
    assert_int_equal(hoop_run(leave_closing_with_a_reader, NULL), 0);
    assert_int_equal(left.losses, 1);
    assert_int_equal(left.error, 0);
    assert_memory_equal(memory, much, MUCH);
    close(left.fd);
}

int main(void)
{
    make_much();
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_close_sends_what_waits_first),
        BEHAVIOUR(what_comes_after_a_close_is_dropped),
        BEHAVIOUR(an_abort_drops_what_waits),
        BEHAVIOUR(an_abort_ends_a_close),
        BEHAVIOUR(a_close_that_takes_too_long_is_given_up),
        BEHAVIOUR(a_transport_may_end_in_every_callback),
        BEHAVIOUR(a_transport_may_end_another_one),
        BEHAVIOUR(the_loops_end_is_the_connections),
        BEHAVIOUR(a_connection_that_was_lost_just_before_the_loops_end_has_its_own_error),
        BEHAVIOUR(debug_mode_names_transports_that_were_left_open),
        BEHAVIOUR(ending_another_one_at_the_loops_end_does_not_call_from_within),
        BEHAVIOUR(a_program_ends_after_what_waits_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
