/* SPDX-License-Identifier: MIT
 *
 * What a protocol writes, and when it is told to hold on and to go on.
 */
#include "protocol_subject.h"

IN_A_TASK(what_is_written_goes_out_in_order)
{
    struct subject subject = {0};
    const struct iovec pieces[] = {{"c", 1}, {"", 0}, {"de", 2}};
    subject_open(&subject);
    assert_int_equal(hoop_transport_write(subject.transport, "ab", 2), 0);
    assert_int_equal(hoop_transport_write(subject.transport, NULL, 0), 0);
    assert_int_equal(hoop_transport_writev(subject.transport, pieces, 3), 0);
    assert_int_equal(hoop_transport_writev(subject.transport, pieces, 0), 0);
    assert_int_equal(hoop_transport_write_buffered(subject.transport), 0);
    assert_peer_reads(&subject, "abcde");
    subject_end(&subject);
}

IN_A_TASK(more_pieces_than_the_system_takes_are_refused)
{
    struct subject subject = {0};
    static struct iovec pieces[1025];
    for (int i = 0; i < 1025; i++)
        pieces[i] = (struct iovec){"x", 1};
    subject_open(&subject);
    assert_int_equal(hoop_transport_writev(subject.transport, pieces, 1025), -EINVAL);
    assert_int_equal(hoop_transport_writev(subject.transport, pieces, 200), 0);
    assert_false(hoop_transport_is_closing(subject.transport));
    subject_end(&subject);
}

/* ---- holding on ---- */

IN_A_TASK(too_much_pauses_within_the_write_and_resumes_when_it_went_out)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    assert_record(&subject.record, "made pause");
    assert_true(hoop_transport_write_buffered(subject.transport) > HOOP_WRITE_HIGH_DEFAULT);
    assert_peer_reads_much(&subject, "");
    assert_record(&subject.record, "made pause resume");
    assert_int_equal(hoop_transport_write_buffered(subject.transport), 0);
    subject_end(&subject);
}

IN_A_TASK(the_end_of_writing_waits_for_what_was_written)
{
    struct subject subject = {0};
    subject_open(&subject);
    write_much(&subject);
    assert_int_equal(hoop_transport_write_eof(subject.transport), 0);
    assert_peer_reads_much(&subject, "");
    assert_peer_is_at_end(&subject);
    assert_record(&subject.record, "made pause resume");
    subject_end(&subject);
}

IN_A_TASK(who_writes_on_while_paused_is_told_to_go_on_all_the_same)
{
    struct subject subject = {0};
    static char taken[MUCH / 2];
    subject_open(&subject);
    write_much(&subject);
    /* Between the marks, where a further write is nothing to hold on for. */
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 2 * MUCH, 1), 0);
    assert_int_equal(read(subject.fd, taken, 4096), 4096);
    let_others_wait();
    assert_int_equal(hoop_transport_write(subject.transport, "more", 4), 0);
    assert_record(&subject.record, "made pause");
    while (hoop_transport_write_buffered(subject.transport) > 0)
        assert_true(peer_takes(&subject, taken, sizeof taken) > 0);
    let_others_wait();
    assert_record(&subject.record, "made pause resume");
    subject_end(&subject);
}

static bool has_filled_again;

static void fill_again(struct subject *subject)
{
    write_much(subject);
    has_filled_again = true;
}

IN_A_TASK(who_fills_it_again_when_told_to_go_on_is_told_to_hold_on_again)
{
    struct subject subject = {.when = "resume", .does = fill_again};
    static char taken[MUCH];
    has_filled_again = false;
    subject_open(&subject);
    write_much(&subject);
    size_t size = 0;
    while (size < 2 * MUCH)
        size += peer_takes(&subject, taken, sizeof taken);
    assert_int_equal(size, 2 * MUCH);
    assert_true(has_filled_again);
    assert_record(&subject.record, "made pause resume pause resume");
    subject_end(&subject);
}

static struct subject filled;
static size_t low_mark;

/* To between the marks. */
static void fill_a_little(struct subject *subject)
{
    (void)subject;
    while (hoop_transport_write_buffered(filled.transport) <= low_mark)
        assert_int_equal(hoop_transport_write(filled.transport, much, 1024), 0);
}

IN_A_TASK(who_is_filled_again_before_it_was_told_to_go_on_is_told_later)
{
    struct subject subject = {.when = "data", .does = fill_a_little};
    static char taken[MUCH];
    filled = (struct subject){0};
    subject_open(&subject);
    subject_open(&filled);
    write_much(&filled);
    size_t waits = hoop_transport_write_buffered(filled.transport);
    low_mark = waits - 32768; /* less than the system takes as soon as it has room */
    assert_int_equal(hoop_transport_set_write_limits(filled.transport, waits, low_mark), 0);
    let_others_wait();
    peer_sends(&subject, "x"); /* both are ready in the same iteration, this one first */
    while (read(filled.fd, taken, sizeof taken) > 0)
        ;
    let_others_wait();
    assert_record(&subject.record, "made data");
    while (hoop_transport_write_buffered(filled.transport) > 0)
        assert_true(peer_takes(&filled, taken, sizeof taken) > 0);
    let_others_wait();
    assert_record(&filled.record, "made pause resume");
    subject_end(&filled);
    subject_end(&subject);
}

/* ---- the marks ---- */

IN_A_TASK(marks_of_zero_pause_whenever_something_waits)
{
    struct subject subject = {0};
    char byte;
    subject_open(&subject);
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 0, 0), 0);
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), 0);
    assert_record(&subject.record, "made"); /* it went out */
    assert_int_equal(read(subject.fd, &byte, 1), 1);
    write_much(&subject);
    assert_record(&subject.record, "made pause");
    assert_peer_reads_much(&subject, "");
    assert_record(&subject.record, "made pause resume");
    subject_end(&subject);
}

IN_A_TASK(marks_the_wrong_way_round_are_refused)
{
    struct subject subject = {0};
    subject_open(&subject);
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 1, 2), -EINVAL);
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 2, 2), 0);
    subject_end(&subject);
}

IN_A_TASK(moving_a_mark_past_what_waits_tells_at_once_or_soon)
{
    struct subject subject = {0};
    subject_open(&subject);
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 2 * MUCH, MUCH), 0);
    write_much(&subject);
    assert_record(&subject.record, "made");
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 1, 0), 0);
    assert_record(&subject.record, "made pause");
    assert_int_equal(hoop_transport_set_write_limits(subject.transport, 2 * MUCH, MUCH), 0);
    assert_record(&subject.record, "made pause");
    let_others_wait();
    assert_record(&subject.record, "made pause resume");
    subject_end(&subject);
}

/* ---- from every callback ---- */

static int written;

static void write_a_word(struct subject *subject)
{
    written = hoop_transport_write(subject->transport, "word", 4);
}

IN_A_TASK(a_protocol_can_write_from_every_callback)
{
    const char *callbacks[] = {"made", "data", "pause", "resume", "eof"};
    static char taken[MUCH + 16];
    for (size_t i = 0; i < 5; i++) {
        struct subject subject = {.keeps = true, .when = callbacks[i], .does = write_a_word};
        written = 1;
        subject_open(&subject);
        peer_sends(&subject, "x");
        let_others_wait();
        write_much(&subject);
        size_t size = peer_takes(&subject, taken, sizeof taken);
        shutdown(subject.fd, SHUT_WR);
        let_others_wait();
        size += peer_takes(&subject, taken + size, sizeof taken - size);
        assert_int_equal(size, MUCH + 4);
        assert_int_equal(written, 0);
        assert_record(&subject.record, "made data pause resume eof");
        subject_end(&subject);
    }
}

IN_A_TASK(after_the_loss_nothing_can_be_written)
{
    struct subject subject = {.when = "lost", .does = write_a_word};
    subject_open(&subject);
    hoop_transport_close(subject.transport);
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), -EPIPE);
    assert_int_equal(hoop_transport_write_eof(subject.transport), -EPIPE);
    let_others_wait();
    assert_int_equal(written, -EPIPE);
    assert_int_equal(subject.error, 0);
    subject_end(&subject);
}

int main(void)
{
    make_much();
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_is_written_goes_out_in_order),
        BEHAVIOUR(more_pieces_than_the_system_takes_are_refused),
        BEHAVIOUR(too_much_pauses_within_the_write_and_resumes_when_it_went_out),
        BEHAVIOUR(the_end_of_writing_waits_for_what_was_written),
        BEHAVIOUR(who_writes_on_while_paused_is_told_to_go_on_all_the_same),
        BEHAVIOUR(who_fills_it_again_when_told_to_go_on_is_told_to_hold_on_again),
        BEHAVIOUR(who_is_filled_again_before_it_was_told_to_go_on_is_told_later),
        BEHAVIOUR(marks_of_zero_pause_whenever_something_waits),
        BEHAVIOUR(marks_the_wrong_way_round_are_refused),
        BEHAVIOUR(moving_a_mark_past_what_waits_tells_at_once_or_soon),
        BEHAVIOUR(a_protocol_can_write_from_every_callback),
        BEHAVIOUR(after_the_loss_nothing_can_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
