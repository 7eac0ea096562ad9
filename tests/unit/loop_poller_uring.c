/* SPDX-License-Identifier: MIT
 *
 * What only the io_uring poller has to get right: requests that end by themselves, completions
 * that come after their watch is gone, and submissions that fail.
 */
#define POLLER poller_uring
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "poller_fixture.h"

/* ---- requests that end by themselves ---- */

static void more_wake_ups_than_the_ring_holds_lose_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    char bytes[5000];
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    wait_for(&fixture, 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            send_byte(&fixture);
            assert_int_equal(read(fixture.ends[0], bytes, 1), 1);
        }
        while (fixture.poller.ops->wait(&fixture.poller, 0) > 0)
            ;
        assert_true(notifications > 0);
        notifications = 0;
        wait_for(&fixture, 0);
        send_byte(&fixture);
        wait_for(&fixture, 1);
        assert_int_equal(read(fixture.ends[0], bytes, 1), 1);
        notifications = 0;
    }
    end(&fixture);
}

/* A ring that polls another one turns its request into a one-shot. */
static void a_request_that_ended_by_itself_is_made_again(void **state)
{
    (void)state;
    struct fixture fixture, inner;
    begin(&inner);
    add(&inner, HOOP_READABLE, true);
    settle(&inner);
    begin(&fixture);
    hoop_watch watch = {
        .fd = inner.poller.fd, .interest = HOOP_READABLE, .edge = true, .notify = note};
    assert_int_equal(fixture.poller.ops->add(&fixture.poller, &watch), 0);
    wait_for(&fixture, 0);
    for (int i = 0; i < 3; i++) {
        send_byte(&inner);
        notifications = 0;
        while (notifications == 0)
            assert_true(fixture.poller.ops->wait(&fixture.poller, INT64_MAX) >= 0);
        wait_for(&inner, 1);
    }
    remove_watch(&fixture, &watch);
    end(&fixture);
    end(&inner);
}

static void *add_and_leave(void *fixture)
{
    add(fixture, HOOP_READABLE, true);
    settle(fixture);
    return NULL;
}

/* The kernel ends the requests of a thread that is gone when they would tell something. */
static void who_added_a_watch_may_be_a_thread_that_is_gone(void **state)
{
    (void)state;
    struct fixture fixture;
    pthread_t thread;
    begin(&fixture);
    assert_int_equal(pthread_create(&thread, NULL, add_and_leave, &fixture), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 3; i++) {
        send_byte(&fixture);
        notifications = 0;
        while (notifications == 0)
            assert_true(fixture.poller.ops->wait(&fixture.poller, INT64_MAX) >= 0);
        assert_int_equal(told, HOOP_READABLE);
    }
    end(&fixture);
}

/* ---- completions without a watch ---- */

/* The watch's memory is given back, so a sanitizer sees who uses it. */
static void a_completion_of_a_watch_that_is_gone_is_nobodys(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct fixture fixture;
        begin(&fixture);
        hoop_watch *watch = malloc(sizeof *watch);
        assert_non_null(watch);
        *watch = (hoop_watch){
            .fd = fixture.ends[0], .interest = HOOP_READABLE, .edge = edge, .notify = note};
        assert_int_equal(fixture.poller.ops->add(&fixture.poller, watch), 0);
        settle(&fixture);
        send_byte(&fixture); /* its completion is in the ring */
        remove_watch(&fixture, watch);
        free(watch);
        wait_for(&fixture, 0);
        assert_int_equal(notifications, 0);
        end(&fixture);
    }
}

static void a_number_that_comes_again_has_nothing_of_the_one_before(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    for (int i = 0; i < 3; i++) {
        int number = fixture.ends[0];
        add(&fixture, HOOP_READABLE, true);
        settle(&fixture);
        send_byte(&fixture);
        remove_watch(&fixture, &fixture.watch);
        close(fixture.ends[0]);
        close(fixture.ends[1]);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture.ends), 0);
        assert_int_equal(fixture.ends[0], number);
        add(&fixture, HOOP_READABLE, true);
        wait_for(&fixture, 0);
        send_byte(&fixture);
        wait_for(&fixture, 1);
        remove_watch(&fixture, &fixture.watch);
    }
    end(&fixture);
}

/* Nobody may do that; but as with epoll it harms nobody else. */
static void a_descriptor_closed_while_it_is_watched_gives_its_number_away(void **state)
{
    (void)state;
    for (int waits = 0; waits < 2; waits++) {
        struct fixture fixture;
        begin(&fixture);
        add(&fixture, HOOP_READABLE, true);
        if (waits)
            wait_for(&fixture, 0);
        int number = fixture.ends[0], peer = fixture.ends[1];
        close(fixture.ends[0]);
        wait_for(&fixture, 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture.ends), 0);
        assert_int_equal(fixture.ends[0], number);
        add(&fixture, HOOP_READABLE, true);
        assert_end_of_file(peer);
        close(peer);
        wait_for(&fixture, 0);
        send_byte(&fixture);
        wait_for(&fixture, 1);
        end(&fixture);
    }
}

/* ---- submissions that fail ---- */

enum { MANY = 2000 };
static hoop_watch watches[MANY];

static int add_duplicate(struct fixture *fixture, hoop_watch *watch)
{
    *watch = (hoop_watch){
        .fd = dup(fixture->ends[0]), .interest = HOOP_READABLE, .edge = true, .notify = note};
    assert_true(watch->fd >= 0);
    int rc = fixture->poller.ops->add(&fixture->poller, watch);
    if (rc < 0)
        close(watch->fd);
    return rc;
}

static void remove_duplicate(struct fixture *fixture, hoop_watch *watch)
{
    remove_watch(fixture, watch);
    close(watch->fd);
}

/* More than can be queued: those before go to the kernel, unless it refuses. */
static void a_watch_for_which_the_queue_has_no_room_is_refused_if_the_kernel_refuses(void **state)
{
    (void)state;
    struct fixture fixture;
    int count = 0;
    begin(&fixture);
    while (count < MANY) {
        hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 2); /* the first is to look at the descriptor */
        int rc = add_duplicate(&fixture, &watches[count]);
        hoop_testing_fail_nth(0, 0);
        if (rc == -HOOP_TESTING_ERRNO)
            break;
        assert_int_equal(rc, 0);
        count++;
    }
    assert_true(count > 0 && count < MANY);
    assert_int_equal(add_duplicate(&fixture, &watches[count++]), 0);
    send_byte(&fixture);
    wait_for(&fixture, count);
    assert_int_equal(notifications, count);
    while (count > 0)
        remove_duplicate(&fixture, &watches[--count]);
    end(&fixture);
}

static void a_removal_that_cannot_be_submitted_goes_with_the_next_wait(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    add(&fixture, HOOP_READABLE, true);
    wait_for(&fixture, 0);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    remove_watch(&fixture, &fixture.watch);
    assert_true(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    send_byte(&fixture);
    wait_for(&fixture, 0);
    close_end(&fixture, 0);
    char byte;
    assert_int_equal(recv(fixture.ends[1], &byte, 1, MSG_DONTWAIT), -1); /* unread data: a reset */
    assert_int_equal(errno, ECONNRESET);
    end(&fixture);
}

/* Whichever call fails, a level is told again as long as it holds, and an edge once. */
static void failures_of_the_wait_lose_nothing(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct fixture fixture;
        begin(&fixture);
        add(&fixture, HOOP_READABLE, edge);
        send_byte(&fixture);
        for (int i = 0; i < 4; i++) {
            hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
            int rc = fixture.poller.ops->wait(&fixture.poller, 0);
            assert_int_equal(rc, hoop_testing_failed() ? -HOOP_TESTING_ERRNO : 0);
            hoop_testing_fail_nth(0, 0);
            assert_int_equal(fixture.poller.ops->wait(&fixture.poller, 0), i == 0 || !edge);
        }
        assert_int_equal(notifications, edge ? 1 : 4);
        end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(more_wake_ups_than_the_ring_holds_lose_nothing),
        BEHAVIOUR(a_request_that_ended_by_itself_is_made_again),
        BEHAVIOUR(who_added_a_watch_may_be_a_thread_that_is_gone),
        BEHAVIOUR(a_completion_of_a_watch_that_is_gone_is_nobodys),
        BEHAVIOUR(a_number_that_comes_again_has_nothing_of_the_one_before),
        BEHAVIOUR(a_descriptor_closed_while_it_is_watched_gives_its_number_away),
        BEHAVIOUR(a_watch_for_which_the_queue_has_no_room_is_refused_if_the_kernel_refuses),
        BEHAVIOUR(a_removal_that_cannot_be_submitted_goes_with_the_next_wait),
        BEHAVIOUR(failures_of_the_wait_lose_nothing),
    };
    return is_skipped() ? 0 : cmocka_run_group_tests_name("poller_uring", tests, NULL, NULL);
}
