/* SPDX-License-Identifier: MIT
 *
 * Protocols: what they are told of their connection, in which order, and what they receive.
 */
#include <fcntl.h>

#include "protocol_subject.h"

/* ---- the order ---- */

IN_A_TASK(the_callbacks_come_in_order)
{
    struct subject subject = {0};
    subject_open(&subject);
    peer_sends(&subject, "hello");
    let_others_wait();
    assert_record(&subject.record, "made data");
    assert_string_equal(subject.data, "hello");
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made data eof lost");
    assert_int_equal(subject.error, 0);
    subject_end(&subject);
}

IN_A_TASK(what_came_before_the_transport_is_received)
{
    struct subject subject = {0};
    int ends[2];
    open_pair(ends);
    subject.fd = ends[1];
    peer_sends(&subject, "early");
    peer_closes(&subject);
    subject_open_over(&subject, ends[0], &subject_protocol);
    assert_record(&subject.record, "made");
    let_others_wait();
    assert_record(&subject.record, "made data eof lost");
    assert_string_equal(subject.data, "early");
    subject_end(&subject);
}

static void set_protocol_again(struct subject *subject)
{
    hoop_transport_set_protocol(subject->transport, &subject_protocol, subject);
}

static const hoop_context_var variable = {.name = "of the opener"};
static int value_of_opener;
static unsigned in_context;

static void look_at_context(struct subject *subject)
{
    (void)subject;
    if (hoop_context_get(&variable) == &value_of_opener)
        in_context++;
}

IN_A_TASK(each_callback_comes_in_the_context_of_who_made_the_transport)
{
    const char *callbacks[] = {"made", "data", "pause", "resume", "eof", "lost"};
    in_context = 0;
    for (size_t i = 0; i < 6; i++) {
        struct subject subject = {.when = callbacks[i], .does = look_at_context};
        assert_int_equal(hoop_context_set(&variable, &value_of_opener), 0);
        subject_open(&subject);
        assert_int_equal(hoop_context_set(&variable, NULL), 0);
        peer_sends(&subject, "x");
        write_much(&subject);
        assert_peer_reads_much(&subject, "");
        peer_closes(&subject);
        let_others_wait();
        assert_record(&subject.record, "made pause data resume eof lost");
        subject_end(&subject);
    }
    assert_int_equal(in_context, 6);
}

/* ---- the end of what comes ---- */

IN_A_TASK(who_does_not_ask_for_the_end_is_closed_by_it)
{
    struct subject subject = {0};
    hoop_protocol protocol = subject_protocol;
    protocol.eof_received = NULL;
    subject_open_with(&subject, &protocol);
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made lost");
    subject_end(&subject);
}

IN_A_TASK(who_keeps_the_connection_after_the_end_can_write)
{
    struct subject subject = {.keeps = true};
    subject_open(&subject);
    assert_int_equal(shutdown(subject.fd, SHUT_WR), 0);
    let_others_wait();
    assert_record(&subject.record, "made eof");
    assert_false(hoop_transport_is_reading(subject.transport));
    assert_int_equal(hoop_transport_write(subject.transport, "answer", 6), 0);
    hoop_transport_close(subject.transport);
    assert_peer_reads(&subject, "answer");
    assert_peer_is_at_end(&subject);
    assert_record(&subject.record, "made eof lost");
    subject_end(&subject);
}

IN_A_TASK(after_the_end_of_writing_data_still_come)
{
    struct subject subject = {0};
    subject_open(&subject);
    assert_int_equal(hoop_transport_write(subject.transport, "question", 8), 0);
    assert_int_equal(hoop_transport_write_eof(subject.transport), 0);
    assert_int_equal(hoop_transport_write_eof(subject.transport), 0);
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), -EPIPE);
    assert_peer_reads(&subject, "question");
    assert_peer_is_at_end(&subject);
    peer_sends(&subject, "answer");
    let_others_wait();
    assert_string_equal(subject.data, "answer");
    assert_false(hoop_transport_is_closing(subject.transport));
    subject_end(&subject);
}

/* ---- pausing ---- */

IN_A_TASK(a_paused_transport_receives_neither_data_nor_the_end)
{
    struct subject subject = {0};
    subject_open(&subject);
    assert_true(hoop_transport_is_reading(subject.transport));
    hoop_transport_pause_reading(subject.transport);
    assert_false(hoop_transport_is_reading(subject.transport));
    peer_sends(&subject, "later");
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made");
    hoop_transport_resume_reading(subject.transport);
    assert_true(hoop_transport_is_reading(subject.transport));
    assert_record(&subject.record, "made");
    let_others_wait();
    assert_record(&subject.record, "made data eof lost");
    assert_string_equal(subject.data, "later");
    subject_end(&subject);
}

static void pause_reading(struct subject *subject)
{
    hoop_transport_pause_reading(subject->transport);
}

IN_A_TASK(a_callback_can_pause_and_what_is_left_comes_later)
{
    struct subject subject = {.when = "data", .does = pause_reading};
    subject_open(&subject);
    while (write(subject.fd, much, 65536) > 0) /* more than one receive takes */
        ;
    let_others_wait();
    assert_record(&subject.record, "made data");
    hoop_transport_resume_reading(subject.transport);
    hoop_transport_resume_reading(subject.transport);
    let_others_wait();
    assert_true(strlen(subject.record.text) > strlen("made data"));
    subject_end(&subject);
}

IN_A_TASK(pausing_in_connection_made_comes_in_time)
{
    struct subject subject = {.when = "made", .does = pause_reading};
    int ends[2];
    open_pair(ends);
    subject.fd = ends[1];
    peer_sends(&subject, "x");
    subject_open_over(&subject, ends[0], &subject_protocol);
    let_others_wait();
    assert_record(&subject.record, "made");
    subject_end(&subject);
}

/* ---- side by side ---- */

static struct subject flooded;
static size_t calls_before;

static void look_at_flooded(struct subject *subject)
{
    (void)subject;
    calls_before = strlen(flooded.record.text);
}

IN_A_TASK(a_flood_from_one_keeps_no_other_waiting)
{
    struct subject quiet = {.when = "data", .does = look_at_flooded};
    flooded = (struct subject){0};
    subject_open(&flooded);
    subject_open(&quiet);
    while (write(flooded.fd, much, 65536) > 0)
        ;
    peer_sends(&quiet, "x");
    let_others_wait();
    assert_true(calls_before <= strlen("made data"));
    assert_true(strlen(flooded.record.text) >= strlen("made data data"));
    subject_end(&flooded);
    subject_end(&quiet);
}

static int64_t read_from_stream(void *stream)
{
    char byte;
    return hoop_stream_read(stream, &byte, 1);
}

static hoop_stream *other_stream;

static void read_eagerly(struct subject *subject)
{
    (void)subject;
    hoop_task *task =
        hoop_create_task_with(read_from_stream, other_stream, &(hoop_task_options){.eager = true});
    assert_true(hoop_task_is_done(task));
    hoop_task_detach(task);
}

static void receive_and_keep_late(void *arg, const void *data, size_t size)
{
    subject_note(arg, "data");
    subject_keep(arg, data, size); /* it must not have changed meanwhile */
}

IN_A_TASK(data_stay_as_they_are_while_the_callback_lets_others_read)
{
    struct subject subject = {.when = "data", .does = read_eagerly};
    hoop_protocol protocol = subject_protocol;
    hoop_stream *stream;
    protocol.data_received = receive_and_keep_late;
    subject_open_with(&subject, &protocol);
    assert_int_equal(hoop_stream_pair(NULL, &stream, &other_stream), 0);
    assert_int_equal(hoop_stream_write(stream, "AAAAA", 5), 5);
    peer_sends(&subject, "hello");
    let_others_wait();
    assert_string_equal(subject.data, "hello");
    hoop_stream_abort(stream);
    hoop_stream_abort(other_stream);
    subject_end(&subject);
}

/* ---- from one protocol to another ---- */

static struct subject heir;

static void hand_over(struct subject *subject)
{
    hoop_transport_set_protocol(subject->transport, &subject_protocol, &heir);
    heir.transport = subject->transport;
}

IN_A_TASK(another_protocol_gets_all_that_follows)
{
    struct subject subject = {.when = "data", .does = hand_over};
    heir = (struct subject){.fd = -1};
    subject_open(&subject);
    peer_sends(&subject, "for the first");
    let_others_wait();
    peer_sends(&subject, "for the second");
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made data");
    assert_record(&heir.record, "data eof lost");
    assert_string_equal(heir.data, "for the second");
    subject_end(&heir);
}

IN_A_TASK(a_protocol_that_cannot_receive_does_not_take_over)
{
    struct subject subject = {0};
    subject_open(&subject);
    hoop_transport_set_protocol(subject.transport, &(hoop_protocol){0}, NULL);
    peer_sends(&subject, "x");
    let_others_wait();
    assert_record(&subject.record, "made data");
    set_protocol_again(&subject);
    subject_end(&subject);
}

/* ---- pipes ---- */

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

IN_A_TASK(a_pipe_can_be_read_by_a_protocol)
{
    struct subject subject = {0};
    int ends[2];
    open_pipe(ends);
    subject.fd = ends[1];
    subject_open_over(&subject, ends[0], &subject_protocol);
    assert_int_equal(hoop_transport_write(subject.transport, "x", 1), -EBADF);
    peer_sends(&subject, "through a pipe");
    let_others_wait();
    peer_closes(&subject);
    let_others_wait();
    assert_record(&subject.record, "made data eof lost");
    assert_string_equal(subject.data, "through a pipe");
    assert_int_equal(subject.error, 0);
    subject_end(&subject);
}

IN_A_TASK(a_pipe_can_be_written_to_by_a_protocol)
{
    struct subject subject = {0};
    int ends[2];
    open_pipe(ends);
    subject.fd = ends[0];
    subject_open_over(&subject, ends[1], &subject_protocol);
    write_much(&subject);
    assert_int_equal(hoop_transport_write_eof(subject.transport), -EOPNOTSUPP);
    assert_peer_reads_much(&subject, "");
    hoop_transport_close(subject.transport);
    assert_peer_is_at_end(&subject);
    let_others_wait();
    assert_record(&subject.record, "made pause resume lost");
    subject_end(&subject);
}

IN_A_TASK(a_pipe_that_nobody_reads_any_more_is_lost)
{
    for (int waits = 0; waits < 2; waits++) {
        struct subject subject = {0};
        int ends[2];
        open_pipe(ends);
        subject.fd = ends[0];
        subject_open_over(&subject, ends[1], &subject_protocol);
        if (waits)
            write_much(&subject);
        let_others_wait();
        peer_closes(&subject);
        let_others_wait();
        assert_int_equal(subject.losses, 1);
        assert_int_equal(subject.error, waits ? -EPIPE : 0);
        subject_end(&subject);
    }
}

/* ---- what is not a transport ---- */

IN_A_TASK(a_protocol_that_is_not_whole_is_refused)
{
    const hoop_protocol without_made = {.data_received = subject_received};
    const hoop_protocol without_data = {.connection_made = subject_made};
    const hoop_protocol half_buffered = {.connection_made = subject_made,
                                         .buffer_updated = (void (*)(void *, size_t))NULL};
    const hoop_protocol *all[] = {&without_made, &without_data, &half_buffered, NULL};
    for (size_t i = 0; i < 4; i++) {
        int ends[2];
        hoop_transport *transport;
        open_pair(ends);
        assert_int_equal(hoop_transport_open(all[i], NULL, ends[0], NULL, &transport), -EINVAL);
        assert_int_equal(fcntl(ends[0], F_GETFD), -1); /* taken over all the same */
        close(ends[1]);
    }
}

IN_A_TASK(what_cannot_be_waited_for_is_refused)
{
    struct subject subject = {0};
    hoop_transport *transport;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(hoop_transport_open(&subject_protocol, &subject, fd, NULL, &transport),
                     -EPERM);
    assert_int_equal(hoop_transport_open(&subject_protocol, &subject, -1, NULL, &transport),
                     -EBADF);
    assert_record(&subject.record, "");
}

static void without_a_loop_there_is_no_transport(void **state)
{
    (void)state;
    struct subject subject = {0};
    hoop_transport *transport;
    int ends[2];
    open_pair(ends);
    assert_int_equal(hoop_transport_open(&subject_protocol, &subject, ends[0], NULL, &transport),
                     HOOP_ENOLOOP);
    close(ends[1]);
}

/* ---- where it goes ---- */

static int fd_at_end, address_at_end;

static void ask_at_end(struct subject *subject)
{
    hoop_address address;
    fd_at_end = hoop_transport_fd(subject->transport);
    address_at_end = hoop_transport_remote_address(subject->transport, &address);
}

IN_A_TASK(a_transport_tells_its_descriptor_and_addresses_while_it_has_them)
{
    struct subject subject = {.when = "lost", .does = ask_at_end};
    hoop_address address;
    subject_open(&subject);
    assert_true(fcntl(hoop_transport_fd(subject.transport), F_GETFD) >= 0);
    assert_int_equal(hoop_transport_local_address(subject.transport, &address), 0);
    assert_int_equal(hoop_transport_remote_address(subject.transport, &address), 0);
    assert_null(hoop_transport_ssl(subject.transport));
    assert_string_equal(hoop_transport_alpn(subject.transport), "");
    subject_end(&subject);
    assert_int_equal(fd_at_end, -EBADF);
    assert_int_equal(address_at_end, -EBADF);
}

int main(void)
{
    make_much();
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_callbacks_come_in_order),
        BEHAVIOUR(what_came_before_the_transport_is_received),
        BEHAVIOUR(each_callback_comes_in_the_context_of_who_made_the_transport),
        BEHAVIOUR(who_does_not_ask_for_the_end_is_closed_by_it),
        BEHAVIOUR(who_keeps_the_connection_after_the_end_can_write),
        BEHAVIOUR(after_the_end_of_writing_data_still_come),
        BEHAVIOUR(a_paused_transport_receives_neither_data_nor_the_end),
        BEHAVIOUR(a_callback_can_pause_and_what_is_left_comes_later),
        BEHAVIOUR(pausing_in_connection_made_comes_in_time),
        BEHAVIOUR(a_flood_from_one_keeps_no_other_waiting),
        BEHAVIOUR(data_stay_as_they_are_while_the_callback_lets_others_read),
        BEHAVIOUR(another_protocol_gets_all_that_follows),
        BEHAVIOUR(a_protocol_that_cannot_receive_does_not_take_over),
        BEHAVIOUR(a_pipe_can_be_read_by_a_protocol),
        BEHAVIOUR(a_pipe_can_be_written_to_by_a_protocol),
        BEHAVIOUR(a_pipe_that_nobody_reads_any_more_is_lost),
        BEHAVIOUR(a_protocol_that_is_not_whole_is_refused),
        BEHAVIOUR(what_cannot_be_waited_for_is_refused),
        BEHAVIOUR(without_a_loop_there_is_no_transport),
        BEHAVIOUR(a_transport_tells_its_descriptor_and_addresses_while_it_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
