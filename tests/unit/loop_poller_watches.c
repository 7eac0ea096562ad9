/* SPDX-License-Identifier: MIT
 *
 * The contract of a poller (loop/poller.h), the other half: adding, changing and removing watches,
 * and the wait. Built once for each poller, as POLLER.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "poller_fixture.h"

/* ---- what can be watched ---- */

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
        BEHAVIOUR(what_was_removed_is_silent_and_can_be_added_again),
        BEHAVIOUR(a_change_registers_what_was_forgotten),
        BEHAVIOUR(what_is_never_waited_for_is_refused),
        BEHAVIOUR(a_close_right_after_the_removal_is_a_close),
        BEHAVIOUR(a_closed_poller_keeps_no_file_open),
        BEHAVIOUR(a_notified_watch_may_remove_itself_and_others),
        BEHAVIOUR(a_flood_is_handed_out_in_several_waits),
        BEHAVIOUR(a_wait_ends_with_an_event_or_with_its_time),
        BEHAVIOUR(a_settled_poller_can_be_polled_itself),
        BEHAVIOUR(a_failed_wait_says_so_and_tells_nothing),
    };
    return is_skipped() ? 0 : cmocka_run_group_tests_name(POLLER.name, tests, NULL, NULL);
}
