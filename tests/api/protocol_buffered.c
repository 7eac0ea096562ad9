/* SPDX-License-Identifier: MIT
 *
 * Protocols that receive into memory of their own.
 */
#include "protocol_subject.h"

/* Hands out ROOM bytes of PLACE at a time. */
struct buffered {
    struct subject subject; /* first; "ask" and "data" */
    size_t room;
    bool is_null;
    char place[64];
};

static size_t get_buffer(void *arg, size_t hint, void **ret_buffer)
{
    struct buffered *buffered = arg;
    assert_true(hint > 0);
    subject_note(&buffered->subject, "ask");
    *ret_buffer = buffered->is_null ? NULL : buffered->place;
    return buffered->room;
}

static void buffer_updated(void *arg, size_t size)
{
    struct buffered *buffered = arg;
    assert_in_range(size, 1, buffered->room);
    subject_keep(&buffered->subject, buffered->place, size);
    subject_note(&buffered->subject, "data");
}

static const hoop_protocol buffered_protocol = {
    .connection_made = subject_made,
    .get_buffer = get_buffer,
    .buffer_updated = buffer_updated,
    .eof_received = subject_ended,
    .connection_lost = subject_lost,
};

static void open_buffered(struct buffered *buffered)
{
    subject_open_with(&buffered->subject, &buffered_protocol);
}

IN_A_TASK(bytes_come_into_the_protocols_own_memory)
{
    struct buffered buffered = {.room = sizeof buffered.place};
    open_buffered(&buffered);
    peer_sends(&buffered.subject, "hello");
    let_others_wait();
    assert_memory_equal(buffered.place, "hello", 5);
    peer_closes(&buffered.subject);
    let_others_wait();
    assert_string_equal(buffered.subject.data, "hello");
    assert_true(strstr(buffered.subject.record.text, "eof lost") != NULL);
    assert_int_equal(buffered.subject.error, 0);
    subject_end(&buffered.subject);
}

IN_A_TASK(a_small_buffer_is_asked_for_again_and_again)
{
    struct buffered buffered = {.room = 3};
    open_buffered(&buffered);
    peer_sends(&buffered.subject, "hello world");
    peer_closes(&buffered.subject);
    let_others_wait();
    assert_string_equal(buffered.subject.data, "hello world");
    assert_record(&buffered.subject.record,
                  "made ask data ask data ask data ask data ask eof lost");
    subject_end(&buffered.subject);
}

IN_A_TASK(a_protocol_without_room_loses_its_connection)
{
    struct buffered without_room = {.room = 0}, without_memory = {.room = 5, .is_null = true};
    open_buffered(&without_room);
    open_buffered(&without_memory);
    peer_sends(&without_room.subject, "x");
    peer_sends(&without_memory.subject, "x");
    let_others_wait();
    assert_record(&without_room.subject.record, "made ask lost");
    assert_int_equal(without_room.subject.error, -ENOBUFS);
    assert_record(&without_memory.subject.record, "made ask lost");
    assert_int_equal(without_memory.subject.error, -ENOBUFS);
    subject_end(&without_room.subject);
    subject_end(&without_memory.subject);
}

/* ---- what it does in between ---- */

static void pause_reading(struct subject *subject)
{
    hoop_transport_pause_reading(subject->transport);
}

IN_A_TASK(pausing_when_asked_for_memory_leaves_the_bytes_for_later)
{
    struct buffered buffered = {.room = 8, .subject = {.when = "ask", .does = pause_reading}};
    open_buffered(&buffered);
    peer_sends(&buffered.subject, "hello");
    let_others_wait();
    assert_record(&buffered.subject.record, "made ask");
    hoop_transport_resume_reading(buffered.subject.transport);
    let_others_wait();
    assert_string_equal(buffered.subject.data, "hello");
    subject_end(&buffered.subject);
}

static void close_transport(struct subject *subject)
{
    hoop_transport_close(subject->transport);
}

static void abort_transport(struct subject *subject)
{
    hoop_transport_abort(subject->transport);
}

IN_A_TASK(a_transport_that_is_closed_meanwhile_receives_nothing)
{
    struct buffered closes = {.room = 8, .subject = {.when = "ask", .does = close_transport}};
    struct buffered aborts = {.room = 8, .subject = {.when = "ask", .does = abort_transport}};
    struct buffered late = {.room = 3, .subject = {.when = "data", .does = abort_transport}};
    struct buffered *all[] = {&closes, &aborts, &late};
    for (int i = 0; i < 3; i++) {
        open_buffered(all[i]);
        peer_sends(&all[i]->subject, "hello");
    }
    let_others_wait();
    assert_record(&closes.subject.record, "made ask lost");
    assert_record(&aborts.subject.record, "made ask lost");
    assert_record(&late.subject.record, "made ask data lost");
    for (int i = 0; i < 3; i++)
        subject_end(&all[i]->subject);
}

static struct subject heir;

static void hand_over(struct subject *subject)
{
    hoop_transport_set_protocol(subject->transport, &subject_protocol, &heir);
    heir.transport = subject->transport;
}

IN_A_TASK(another_protocol_may_take_over_when_this_one_is_asked_for_memory)
{
    struct buffered buffered = {.room = 8, .subject = {.when = "ask", .does = hand_over}};
    heir = (struct subject){.fd = -1};
    open_buffered(&buffered);
    peer_sends(&buffered.subject, "hello");
    peer_closes(&buffered.subject);
    let_others_wait();
    assert_record(&buffered.subject.record, "made ask");
    assert_record(&heir.record, "data eof lost");
    assert_string_equal(heir.data, "hello");
    subject_end(&heir);
}

static struct buffered buffered_heir;

static void hand_over_to_buffered(struct subject *subject)
{
    buffered_heir.subject.transport = subject->transport;
    hoop_transport_set_protocol(subject->transport, &buffered_protocol, &buffered_heir);
}

IN_A_TASK(a_buffered_protocol_may_take_over)
{
    struct subject subject = {.when = "data", .does = hand_over_to_buffered};
    buffered_heir = (struct buffered){.room = 8, .subject = {.fd = -1}};
    subject_open(&subject);
    peer_sends(&subject, "one");
    let_others_wait();
    peer_sends(&subject, "other");
    peer_closes(&subject);
    let_others_wait();
    assert_string_equal(subject.data, "one");
    assert_string_equal(buffered_heir.subject.data, "other");
    subject_end(&buffered_heir.subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(bytes_come_into_the_protocols_own_memory),
        BEHAVIOUR(a_small_buffer_is_asked_for_again_and_again),
        BEHAVIOUR(a_protocol_without_room_loses_its_connection),
        BEHAVIOUR(pausing_when_asked_for_memory_leaves_the_bytes_for_later),
        BEHAVIOUR(a_transport_that_is_closed_meanwhile_receives_nothing),
        BEHAVIOUR(another_protocol_may_take_over_when_this_one_is_asked_for_memory),
        BEHAVIOUR(a_buffered_protocol_may_take_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
