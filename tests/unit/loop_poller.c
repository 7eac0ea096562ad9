/* SPDX-License-Identifier: MIT
 *
 * The contract of a poller (loop/poller.h), half of it: which events are told, and how often.
 * Built once for each poller, as POLLER.
 */
#include "harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "poller_fixture.h"

static void it_tells_of_what_it_was_asked_for_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, false);
    wait_for(&fixture, 0); /* it is writable, but nobody asked */
    send_byte(&fixture);
    wait_for(&fixture, 1);
    assert_int_equal(told, HOOP_READABLE);
    assert_int_equal(fixture.watch.ready, HOOP_READABLE);
    fixture.watch.interest = HOOP_WRITABLE;
    assert_int_equal(fixture.poller.ops->change(&fixture.poller, &fixture.watch), 0);
    wait_for(&fixture, 1);
    assert_int_equal(told, HOOP_WRITABLE);
    assert_int_equal(fixture.watch.ready, HOOP_READABLE | HOOP_WRITABLE); /* both are recorded */
    end(&fixture);
}

static void a_level_repeats_and_an_edge_does_not(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct fixture fixture;
        begin(&fixture);
        add(&fixture, HOOP_READABLE, edge);
        send_byte(&fixture);
        for (int i = 0; i < 3; i++)
            wait_for(&fixture, i == 0 || !edge);
        send_byte(&fixture);
        wait_for(&fixture, 1);
        assert_int_equal(notifications, edge ? 2 : 4);
        end(&fixture);
    }
}

static void a_hang_up_is_readable_and_writable(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE | HOOP_WRITABLE, true);
    wait_for(&fixture, 1);
    close_end(&fixture, 1);
    wait_for(&fixture, 1);
    assert_int_equal(told, HOOP_READABLE | HOOP_WRITABLE | HOOP_HANGUP);
    end(&fixture);
}

static void a_hang_up_is_told_to_who_asked_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    close_end(&fixture, 1);
    wait_for(&fixture, 1);
    assert_int_equal(told, HOOP_READABLE | HOOP_HANGUP);
    end(&fixture);
}

/* Of a pipe the kernel says no more than EPOLLHUP to the reader, EPOLLERR to the writer. */
static void the_other_end_of_a_pipe_going_away_is_news(void **state)
{
    (void)state;
    for (int writing = 0; writing < 2; writing++) {
        struct fixture fixture;
        char page[4096] = {0};
        begin(&fixture);
        close(fixture.ends[0]);
        close(fixture.ends[1]);
        int ends[2];
        assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
        fixture.ends[0] = ends[writing];
        fixture.ends[1] = ends[!writing];
        while (writing && write(ends[1], page, sizeof page) > 0)
            ;
        add(&fixture, writing ? HOOP_WRITABLE : HOOP_READABLE, true);
        wait_for(&fixture, 0);
        close_end(&fixture, 1);
        wait_for(&fixture, 1);
        assert_int_equal(told, fixture.watch.interest | HOOP_HANGUP);
        end(&fixture);
    }
}

static void an_eventfd_tells_each_time_though_nobody_reads_it(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    close_end(&fixture, 0);
    fixture.ends[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    add(&fixture, HOOP_READABLE, true);
    for (int i = 0; i < 3; i++) {
        wait_for(&fixture, 0);
        assert_int_equal(eventfd_write(fixture.ends[0], 1), 0);
        wait_for(&fixture, 1);
    }
    end(&fixture);
}

static void what_was_ready_before_is_told(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct fixture fixture;
        begin(&fixture);
        send_byte(&fixture);
        add(&fixture, HOOP_READABLE, edge);
        wait_for(&fixture, 1);
        assert_int_equal(told, HOOP_READABLE);
        end(&fixture);
    }
}

static void edges_between_two_waits_are_told_once(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE | HOOP_WRITABLE, true);
    wait_for(&fixture, 1);
    for (int i = 0; i < 5; i++)
        send_byte(&fixture);
    wait_for(&fixture, 1);
    wait_for(&fixture, 0);
    end(&fixture);
}

static void a_descriptor_that_stays_writable_keeps_nobody_awake(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE | HOOP_WRITABLE, true);
    wait_for(&fixture, 1);
    for (int i = 0; i < 3; i++) {
        assert_false(polls_readable(&fixture));
        wait_for(&fixture, 0);
        send_byte(&fixture);
        assert_true(polls_readable(&fixture));
        wait_for(&fixture, 1);
    }
    end(&fixture);
}

static void a_level_that_holds_no_more_is_not_told(void **state)
{
    (void)state;
    char byte;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, false);
    wait_for(&fixture, 0);
    for (int i = 0; i < 3; i++) {
        send_byte(&fixture);
        assert_int_equal(read(fixture.ends[0], &byte, 1), 1);
        wait_for(&fixture, 0);
        send_byte(&fixture);
        wait_for(&fixture, 1);
        assert_int_equal(read(fixture.ends[0], &byte, 1), 1);
        wait_for(&fixture, 0);
    }
    end(&fixture);
}

/* That the other end will send no more is nothing to a watch that only wants to write. */
static void a_half_closed_connection_does_not_wake_who_waits_for_room(void **state)
{
    (void)state;
    char page[4096] = {0};
    for (int edge = 0; edge < 2; edge++) {
        struct fixture fixture;
        begin(&fixture);
        while (send(fixture.ends[0], page, sizeof page, MSG_DONTWAIT) > 0)
            ;
        assert_int_equal(shutdown(fixture.ends[1], SHUT_WR), 0);
        add(&fixture, HOOP_WRITABLE, edge);
        wait_for(&fixture, 0);
        wait_for(&fixture, 0);
        settle(&fixture);
        assert_false(polls_readable(&fixture));
        while (recv(fixture.ends[1], page, sizeof page, MSG_DONTWAIT) > 0)
            ;
        for (int i = 0; i < 3; i++)
            wait_for(&fixture, i == 0 || !edge);
        assert_int_equal(told, HOOP_WRITABLE);
        end(&fixture);
    }
}

static void a_half_closed_connection_is_a_hang_up_to_who_reads(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    wait_for(&fixture, 0);
    send_byte(&fixture);
    assert_int_equal(shutdown(fixture.ends[1], SHUT_WR), 0);
    wait_for(&fixture, 1);
    assert_int_equal(told, HOOP_READABLE | HOOP_HANGUP);
    end(&fixture);
}

static void a_terminal_that_goes_away_is_a_hang_up(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    close_end(&fixture, 0);
    close_end(&fixture, 1);
    fixture.ends[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fixture.ends[1] < 0) {
        end(&fixture);
        skip();
    }
    assert_int_equal(grantpt(fixture.ends[1]), 0);
    assert_int_equal(unlockpt(fixture.ends[1]), 0);
    fixture.ends[0] = open(ptsname(fixture.ends[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fixture.ends[0] >= 0);
    add(&fixture, HOOP_READABLE, true);
    wait_for(&fixture, 0);
    close_end(&fixture, 1);
    wait_for(&fixture, 1);
    assert_int_equal(told, HOOP_READABLE | HOOP_HANGUP);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(it_tells_of_what_it_was_asked_for_alone),
        BEHAVIOUR(a_level_repeats_and_an_edge_does_not),
        BEHAVIOUR(a_hang_up_is_readable_and_writable),
        BEHAVIOUR(a_hang_up_is_told_to_who_asked_alone),
        BEHAVIOUR(the_other_end_of_a_pipe_going_away_is_news),
        BEHAVIOUR(an_eventfd_tells_each_time_though_nobody_reads_it),
        BEHAVIOUR(what_was_ready_before_is_told),
        BEHAVIOUR(edges_between_two_waits_are_told_once),
        BEHAVIOUR(a_descriptor_that_stays_writable_keeps_nobody_awake),
        BEHAVIOUR(a_level_that_holds_no_more_is_not_told),
        BEHAVIOUR(a_half_closed_connection_does_not_wake_who_waits_for_room),
        BEHAVIOUR(a_half_closed_connection_is_a_hang_up_to_who_reads),
        BEHAVIOUR(a_terminal_that_goes_away_is_a_hang_up),
    };
    return is_skipped() ? 0 : cmocka_run_group_tests_name(POLLER.name, tests, NULL, NULL);
}
