/* SPDX-License-Identifier: MIT
 *
 * The contract of a poller (loop/poller.h). Built once for each, as POLLER.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

static void what_was_removed_is_silent_and_can_be_added_again(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, false);
    assert_int_equal(fixture.poller.ops->add(&fixture.poller, &fixture.watch), -EEXIST);
    send_byte(&fixture);
    remove_watch(&fixture, &fixture.watch);
    wait_for(&fixture, 0);
    remove_watch(&fixture, &fixture.watch); /* twice does no harm */
    add(&fixture, HOOP_READABLE, false);
    wait_for(&fixture, 1);
    end(&fixture);
}

static void a_change_registers_what_was_forgotten(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, false);
    close(fixture.ends[0]);
    close(fixture.ends[1]);
    int number = fixture.ends[0];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture.ends), 0);
    assert_int_equal(fixture.ends[0], number);
    assert_int_equal(fixture.poller.ops->change(&fixture.poller, &fixture.watch), 0);
    send_byte(&fixture);
    wait_for(&fixture, 1);
    end(&fixture);
}

/* More events than one wait takes come with the next one, and none twice. */
static void a_flood_is_handed_out_in_several_waits(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static hoop_watch watches[MANY];
    struct fixture fixture;
    begin(&fixture);
    for (int i = 0; i < MANY; i++) {
        watches[i] = (hoop_watch){
            .fd = dup(fixture.ends[0]), .interest = HOOP_READABLE, .edge = true, .notify = note};
        assert_int_equal(fixture.poller.ops->add(&fixture.poller, &watches[i]), 0);
    }
    send_byte(&fixture);
    int taken = 0;
    for (int i = 0; i < 10 && taken < MANY; i++)
        taken += fixture.poller.ops->wait(&fixture.poller, 0);
    assert_int_equal(taken, MANY);
    assert_int_equal(notifications, MANY);
    wait_for(&fixture, 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(watches[i].ready, HOOP_READABLE);
        remove_watch(&fixture, &watches[i]);
        close(watches[i].fd);
    }
    end(&fixture);
}

/* ---- what can be watched ---- */

static int try_to_add(struct fixture *fixture, int fd)
{
    fixture->watch = (hoop_watch){.fd = fd, .interest = HOOP_READABLE, .notify = note};
    return fixture->poller.ops->add(&fixture->poller, &fixture->watch);
}

static void what_is_never_waited_for_is_refused(void **state)
{
    (void)state;
    const char *paths[] = {"/proc/self/exe", "/", "/dev/null"};
    struct fixture fixture;
    begin(&fixture);
    for (int i = 0; i < 3; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(try_to_add(&fixture, fd), -EPERM);
        close(fd);
        assert_int_equal(try_to_add(&fixture, fd), -EBADF);
    }
    assert_int_equal(try_to_add(&fixture, -1), -EBADF);
    wait_for(&fixture, 0);
    end(&fixture);
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

/* ---- edges and levels ---- */

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

/* ---- the end of a watch ---- */

static void a_close_right_after_the_removal_is_a_close(void **state)
{
    (void)state;
    for (int waits = 0; waits < 3; waits++) {
        struct fixture fixture;
        begin(&fixture);
        add(&fixture, HOOP_READABLE | HOOP_WRITABLE, true);
        for (int i = 0; i < waits; i++)
            wait_for(&fixture, i == 0);
        remove_watch(&fixture, &fixture.watch);
        close_end(&fixture, 0);
        assert_end_of_file(fixture.ends[1]);
        assert_false(polls_readable(&fixture));
        wait_for(&fixture, 0);
        end(&fixture);
    }
}

static void a_closed_poller_keeps_no_file_open(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    wait_for(&fixture, 0);
    fixture.poller.ops->close(&fixture.poller);
    close_end(&fixture, 0);
    assert_end_of_file(fixture.ends[1]);
    end(&fixture);
}

static struct fixture *remover;
static hoop_watch *victims[2];

static void remove_both(hoop_watch *watch, unsigned events)
{
    note(watch, events);
    for (int i = 0; i < 2; i++) {
        remove_watch(remover, victims[i]);
        victims[i]->notify = NULL; /* to be called no more */
    }
}

static void a_notified_watch_may_remove_itself_and_others(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    hoop_watch watches[2];
    remover = &fixture;
    for (int i = 0; i < 2; i++) {
        watches[i] = (hoop_watch){.fd = dup(fixture.ends[0]),
                                  .interest = HOOP_READABLE,
                                  .edge = true,
                                  .notify = remove_both};
        victims[i] = &watches[i];
        assert_int_equal(fixture.poller.ops->add(&fixture.poller, &watches[i]), 0);
    }
    wait_for(&fixture, 0);
    send_byte(&fixture);
    assert_true(fixture.poller.ops->wait(&fixture.poller, 0) > 0);
    assert_int_equal(notifications, 1);
    send_byte(&fixture);
    wait_for(&fixture, 0);
    for (int i = 0; i < 2; i++)
        close(watches[i].fd);
    end(&fixture);
}

/* ---- waiting ---- */

static void *write_byte(void *fd)
{
    ssize_t written = write(*(int *)fd, "x", 1);
    return written == 1 ? NULL : fd;
}

static void a_wait_ends_with_an_event_or_with_its_time(void **state)
{
    (void)state;
    struct fixture fixture;
    pthread_t thread;
    void *failure;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    assert_int_equal(fixture.poller.ops->wait(&fixture.poller, 1000000), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_byte, &fixture.ends[1]), 0);
    while (notifications == 0)
        assert_true(fixture.poller.ops->wait(&fixture.poller, INT64_MAX) >= 0);
    assert_int_equal(pthread_join(thread, &failure), 0);
    assert_null(failure);
    assert_int_equal(notifications, 1);
    end(&fixture);
}

/* Who sleeps on the poller's descriptor hears of what was added but a moment ago. */
static void a_settled_poller_can_be_polled_itself(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct fixture fixture;
        begin(&fixture);
        add(&fixture, HOOP_READABLE, edge);
        settle(&fixture);
        assert_false(polls_readable(&fixture));
        send_byte(&fixture);
        assert_true(polls_readable(&fixture));
        wait_for(&fixture, 1);
        settle(&fixture);
        assert_int_equal(polls_readable(&fixture), !edge);
        end(&fixture);
    }
}

static void a_failed_wait_says_so_and_tells_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    send_byte(&fixture);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    wait_for(&fixture, -HOOP_TESTING_ERRNO);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(notifications, 0);
    wait_for(&fixture, 1); /* the edge is not lost */
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
        BEHAVIOUR(what_was_removed_is_silent_and_can_be_added_again),
        BEHAVIOUR(a_change_registers_what_was_forgotten),
        BEHAVIOUR(a_flood_is_handed_out_in_several_waits),
        BEHAVIOUR(what_is_never_waited_for_is_refused),
        BEHAVIOUR(an_eventfd_tells_each_time_though_nobody_reads_it),
        BEHAVIOUR(what_was_ready_before_is_told),
        BEHAVIOUR(edges_between_two_waits_are_told_once),
        BEHAVIOUR(a_descriptor_that_stays_writable_keeps_nobody_awake),
        BEHAVIOUR(a_level_that_holds_no_more_is_not_told),
        BEHAVIOUR(a_half_closed_connection_does_not_wake_who_waits_for_room),
        BEHAVIOUR(a_half_closed_connection_is_a_hang_up_to_who_reads),
        BEHAVIOUR(a_terminal_that_goes_away_is_a_hang_up),
        BEHAVIOUR(a_close_right_after_the_removal_is_a_close),
        BEHAVIOUR(a_closed_poller_keeps_no_file_open),
        BEHAVIOUR(a_notified_watch_may_remove_itself_and_others),
        BEHAVIOUR(a_wait_ends_with_an_event_or_with_its_time),
        BEHAVIOUR(a_settled_poller_can_be_polled_itself),
        BEHAVIOUR(a_failed_wait_says_so_and_tells_nothing),
    };
    return is_skipped() ? 0 : cmocka_run_group_tests_name(POLLER.name, tests, NULL, NULL);
}
