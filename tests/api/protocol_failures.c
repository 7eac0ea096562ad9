/* SPDX-License-Identifier: MIT
 *
 * Connections that break, and transports when memory or the system fails.
 */
#include "protocol_subject.h"

/* ---- the other end ---- */

IN_A_TASK(a_reset_ends_the_connection)
{
    struct subject subject = {0};
    subject_open(&subject);
    peer_resets(&subject);
    let_others_wait();
    assert_record(&subject.record, "made lost");
    assert_int_equal(subject.error, -ECONNRESET);
    subject_end(&subject);
}

IN_A_TASK(a_reset_is_not_found_out_while_reading_is_paused)
{
    struct subject subject = {0};
    subject_open(&subject);
    hoop_transport_pause_reading(subject.transport);
    peer_resets(&subject);
    let_others_wait();
    assert_record(&subject.record, "made");
    hoop_transport_resume_reading(subject.transport);
    let_others_wait();
    assert_int_equal(subject.error, -ECONNRESET);
    subject_end(&subject);
}

IN_A_TASK(writing_to_who_is_gone_says_so_and_ends_the_connection)
{
    struct subject subject = {0};
    subject_open(&subject);
    peer_closes(&subject);
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), -EPIPE);
    assert_true(hoop_transport_is_closing(subject.transport));
    assert_record(&subject.record, "made");
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), -EPIPE);
    let_others_wait();
    assert_record(&subject.record, "made lost");
    assert_int_equal(subject.error, -EPIPE);
    subject_end(&subject);
}

IN_A_TASK(what_breaks_while_something_waits_to_be_sent_ends_the_connection)
{
    struct subject subject = {0};
    subject_open(&subject);
    hoop_transport_pause_reading(subject.transport);
    write_much(&subject);
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made pause lost");
    assert_true(subject.error == -EPIPE || subject.error == -ECONNRESET);
    subject_end(&subject);
}

IN_A_TASK(what_breaks_during_a_close_is_its_error)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    hoop_transport_close(subject.transport);
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made pause lost");
    assert_true(subject.error == -EPIPE || subject.error == -ECONNRESET);
    subject_end(&subject);
}

/* ---- memory and the system ---- */

/* Of what the transport sent, and what it was sent: a beginning, with nothing missing or
 * doubled in it. */
static void check_what_came(const struct subject *subject, const char *taken, size_t size)
{
    assert_memory_equal(taken, much, size);
    assert_memory_equal(subject->data, "question", subject->size);
    assert_in_range(subject->size, 0, 8);
}

static void yield(void)
{
    if (hoop_sleep(0.001) < 0 && hoop_sleep(0) < 0)
        return; /* whatever has failed, the others went on */
}

static int exchange(struct subject *subject)
{
    static char taken[MUCH];
    hoop_transport *transport;
    int ends[2];
    open_pair(ends);
    subject->fd = ends[1];
    int rc = hoop_transport_open(&subject_protocol, subject, ends[0], NULL, &transport);
    if (rc < 0) {
        peer_closes(subject);
        assert_record(&subject->record, "");
        return rc;
    }
    (void)!write(ends[1], "question", 8);
    int written = hoop_transport_write(transport, much, MUCH);
    size_t size = 0;
    for (int i = 0; i < 100 && size < MUCH; i++) {
        ssize_t count = read(ends[1], taken + size, MUCH - size);
        size += count > 0 ? (size_t)count : 0;
        yield();
    }
    if (subject->losses == 0)
        (void)hoop_transport_write_eof(transport);
    if (subject->losses == 0)
        hoop_transport_close(transport);
    for (int i = 0; i < 3; i++)
        yield();
    peer_closes(subject);
    check_what_came(subject, taken, size);
    if (subject->losses > 0 && subject->error == 0)
        assert_int_equal(size, MUCH);
    return written < 0 ? written : subject->error; /* HOOP_ECLOSED may come still */
}

static int64_t exchange_in_task(void *arg)
{
    return exchange(arg);
}

static int open_exchange_close(void *arg)
{
    struct subject subject = {.fd = -1};
    (void)arg;
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, exchange_in_task, &subject);
    hoop_close(loop); /* with a task that waits still, if the loop could not go on */
    if (subject.fd >= 0)
        peer_closes(&subject);
    assert_int_equal(subject.losses, strstr(subject.record.text, "made") != NULL);
    return (int)rc;
}

static void no_memory_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, open_exchange_close, NULL) > 3);
}

static void a_failing_system_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, open_exchange_close, NULL) > 10);
}

IN_A_TASK(without_memory_to_receive_into_the_connection_is_lost)
{
    struct subject subject = {0};
    subject_open(&subject);
    let_others_wait(); /* there is memory for this from now on */
    peer_sends(&subject, "x");
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    let_others_wait();
    hoop_testing_fail_nth(0, 0);
    assert_record(&subject.record, "made lost");
    assert_int_equal(subject.error, -ENOMEM);
    subject_end(&subject);
}

IN_A_TASK(without_memory_for_what_waits_the_connection_is_lost)
{
    struct subject subject = {0};
    subject_open(&subject);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_transport_write(subject.transport, much, MUCH), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    assert_record(&subject.record, "made");
    let_others_wait();
    assert_record(&subject.record, "made lost");
    assert_int_equal(subject.error, -ENOMEM);
    subject_end(&subject);
}

IN_A_TASK(an_end_of_writing_that_fails_is_the_connections)
{
    struct subject subject = {0};
    subject_open(&subject);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_transport_write_eof(subject.transport), -HOOP_TESTING_ERRNO);
    hoop_testing_fail_nth(0, 0);
    let_others_wait();
    assert_record(&subject.record, "made lost");
    assert_int_equal(subject.error, -HOOP_TESTING_ERRNO);
    subject_end(&subject);
}

int main(void)
{
    make_much();
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_reset_ends_the_connection),
        BEHAVIOUR(a_reset_is_not_found_out_while_reading_is_paused),
        BEHAVIOUR(writing_to_who_is_gone_says_so_and_ends_the_connection),
        BEHAVIOUR(what_breaks_while_something_waits_to_be_sent_ends_the_connection),
        BEHAVIOUR(what_breaks_during_a_close_is_its_error),
        BEHAVIOUR(no_memory_is_an_error_and_loses_nothing),
        BEHAVIOUR(a_failing_system_is_an_error_and_loses_nothing),
        BEHAVIOUR(without_memory_to_receive_into_the_connection_is_lost),
        BEHAVIOUR(without_memory_for_what_waits_the_connection_is_lost),
        BEHAVIOUR(an_end_of_writing_that_fails_is_the_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
