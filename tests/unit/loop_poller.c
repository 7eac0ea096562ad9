/* SPDX-License-Identifier: MIT
 *
 * The contract of a poller (loop/poller.h), tried on the epoll one. A second back end is to
 * pass these tests as well.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/poller.h"

struct fixture {
    struct poller poller;
    int ends[2];
    hoop_watch watch;
};

static unsigned told; /* the events of the last notification */
static int notifications;

static void note(hoop_watch *watch, unsigned events)
{
    (void)watch;
    told = events;
    notifications++;
}

static void begin(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->poller.ops = &poller_epoll;
    assert_int_equal(fixture->poller.ops->open(&fixture->poller), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture->ends), 0);
    told = 0;
    notifications = 0;
}

static void end(struct fixture *fixture)
{
    fixture->poller.ops->close(&fixture->poller);
    close(fixture->ends[0]);
    if (fixture->ends[1] >= 0)
        close(fixture->ends[1]);
}

static void add(struct fixture *fixture, unsigned interest, bool edge)
{
    fixture->watch =
        (hoop_watch){.fd = fixture->ends[0], .interest = interest, .edge = edge, .notify = note};
    assert_int_equal(fixture->poller.ops->add(&fixture->poller, &fixture->watch), 0);
}

static void wait_for(struct fixture *fixture, int events)
{
    assert_int_equal(fixture->poller.ops->wait(&fixture->poller, 0), events);
}

static void send_byte(struct fixture *fixture)
{
    assert_int_equal(write(fixture->ends[1], "x", 1), 1);
}

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
    close(fixture.ends[1]);
    fixture.ends[1] = -1;
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
    close(fixture.ends[1]);
    fixture.ends[1] = -1;
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
        close(fixture.ends[1]);
        fixture.ends[1] = -1;
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
    fixture.poller.ops->remove(&fixture.poller, &fixture.watch);
    wait_for(&fixture, 0);
    fixture.poller.ops->remove(&fixture.poller, &fixture.watch); /* twice does no harm */
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
        fixture.poller.ops->remove(&fixture.poller, &watches[i]);
        close(watches[i].fd);
    }
    end(&fixture);
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
        BEHAVIOUR(a_failed_wait_says_so_and_tells_nothing),
    };
    return cmocka_run_group_tests_name("poller_epoll", tests, NULL, NULL);
}
