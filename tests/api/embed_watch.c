/* SPDX-License-Identifier: MIT
 *
 * Edge-triggered watches: one registration for the life of a descriptor, flags that
 * remember what the kernel announced, and stopping at any moment.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <hoop/embed.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "socket_pair.h"

struct watched {
    hoop_watch watch; /* first */
    int notified;
    unsigned events; /* all that were announced */
    hoop_loop *loop;
    struct watched *stops; /* whom it stops when it is notified */
};

static void note(hoop_watch *watch, unsigned events)
{
    struct watched *watched = (struct watched *)(void *)watch;
    watched->notified++;
    watched->events |= events;
    if (watched->stops != NULL)
        hoop_watch_stop(watched->loop, &watched->stops->watch);
}

static void news_raises_flags_and_is_told_once(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {0};
    hoop_watch_init(&watched.watch, note);
    assert_int_equal(watched.watch.fd, -1);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    assert_int_equal(watched.watch.fd, ends[0]);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.watch.ready, HOOP_WRITABLE);
    send_byte(ends[1]);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.watch.ready, HOOP_READABLE | HOOP_WRITABLE);
    int told = watched.notified;
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.notified, told); /* edge-triggered: the byte is no news now */
    assert_int_equal(watched.watch.ready, HOOP_READABLE | HOOP_WRITABLE);
    hoop_watch_stop(loop, &watched.watch);
    hoop_close(loop);
    close_pair(ends);
}

static void a_cleared_flag_comes_up_with_the_next_news(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {0};
    hoop_watch_init(&watched.watch, note);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    for (int round = 0; round < 3; round++) {
        send_byte(ends[1]);
        assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_true(watched.watch.ready & HOOP_READABLE);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        hoop_watch_clear(&watched.watch, HOOP_READABLE);
        assert_int_equal(watched.watch.ready, HOOP_WRITABLE);
        assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_int_equal(watched.watch.ready, HOOP_WRITABLE);
    }
    hoop_watch_stop(loop, &watched.watch);
    hoop_close(loop);
    close_pair(ends);
}

static void the_other_end_going_away_is_readable(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {0};
    hoop_watch_init(&watched.watch, note);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    close(ends[1]);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(watched.watch.ready & HOOP_READABLE);
    hoop_watch_stop(loop, &watched.watch);
    hoop_close(loop);
    close(ends[0]);
}

static void what_cannot_be_watched_says_why_and_can_be_tried_again(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {0}, second = {0};
    hoop_watch_init(&watched.watch, note);
    hoop_watch_init(&second.watch, note);
    char path[] = "/tmp/hoop-watch-XXXXXX";
    int regular = mkostemp(path, O_CLOEXEC);
    assert_true(regular >= 0);
    unlink(path);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, regular), -EPERM);
    assert_int_equal(watched.watch.fd, -1);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, -1), -EBADF);
    close(regular);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, regular), -EBADF);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    assert_int_equal(hoop_watch_start(loop, &second.watch, ends[0]), -EEXIST);
    assert_int_equal(second.watch.fd, -1);
    hoop_watch_stop(loop, &watched.watch);
    assert_int_equal(hoop_watch_start(loop, &second.watch, ends[0]), 0);
    hoop_watch_stop(loop, &second.watch);
    hoop_close(loop);
    close_pair(ends);
}

static void a_stopped_watch_hears_nothing_and_its_number_can_be_reused(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {0};
    hoop_watch_init(&watched.watch, note);
    hoop_watch_stop(loop, &watched.watch); /* not started: nothing happens */
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    send_byte(ends[1]);
    hoop_watch_stop(loop, &watched.watch);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.notified, 0);
    assert_int_equal(watched.watch.fd, -1);
    assert_int_equal(watched.watch.ready, 0);
    int number = ends[0];
    close_pair(ends);
    open_pair(ends);
    assert_int_equal(ends[0], number);
    send_byte(ends[1]);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(watched.watch.ready & HOOP_READABLE);
    hoop_watch_stop(loop, &watched.watch);
    hoop_close(loop);
    close_pair(ends);
}

static void a_watch_may_stop_itself_when_it_is_notified(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {.loop = loop};
    hoop_watch_init(&watched.watch, note);
    watched.stops = &watched;
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.notified, 1);
    assert_int_equal(watched.watch.fd, -1);
    send_byte(ends[1]);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.notified, 1);
    hoop_close(loop);
    close_pair(ends);
}

/* Each of two whose news arrive together stops the other: whoever comes first is alone. */
static void a_watch_that_another_one_has_stopped_is_not_notified(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched a = {.loop = loop}, b = {.loop = loop, .stops = &a};
    a.stops = &b;
    hoop_watch_init(&a.watch, note);
    hoop_watch_init(&b.watch, note);
    assert_int_equal(hoop_watch_start(loop, &a.watch, ends[0]), 0);
    assert_int_equal(hoop_watch_start(loop, &b.watch, ends[1]), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(a.notified + b.notified, 1);
    hoop_watch_stop(loop, &a.watch);
    hoop_watch_stop(loop, &b.watch);
    hoop_close(loop);
    close_pair(ends);
}

/* The loop's own descriptor is closed then, and its number may be somebody else's. */
static void stopping_after_the_loop_was_closed_touches_nobody_elses_poller(void **state)
{
    (void)state;
    int ends[2];
    struct epoll_event event = {.events = EPOLLIN};
    open_pair(ends);
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    int number = hoop_loop_fd(loop);
    struct watched watched = {0};
    hoop_watch_init(&watched.watch, note);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), 0);
    hoop_close(loop);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll != number) {
        assert_int_equal(dup2(epoll, number), number);
        close(epoll);
    }
    assert_int_equal(epoll_ctl(number, EPOLL_CTL_ADD, ends[0], &event), 0);
    hoop_watch_stop(loop, &watched.watch);
    assert_int_equal(epoll_ctl(number, EPOLL_CTL_MOD, ends[0], &event), 0);
    assert_int_equal(hoop_watch_start(loop, &watched.watch, ends[0]), HOOP_ECLOSED);
    hoop_loop_unref(loop);
    close(number);
    close_pair(ends);
}

static void a_level_watch_is_told_at_each_poll_of_what_it_asked_for(void **state)
{
    (void)state;
    int ends[2];
    open_pair(ends);
    hoop_loop *loop = virtual_loop();
    struct watched watched = {0};
    hoop_watch_init(&watched.watch, note);
    assert_int_equal(hoop_watch_start_level(loop, &watched.watch, ends[0], HOOP_READABLE), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.notified, 0); /* it is writable, but nobody asked */
    send_byte(ends[1]);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_int_equal(watched.notified, i);
    }
    assert_int_equal(watched.events, HOOP_READABLE);
    assert_int_equal(hoop_watch_change(loop, &watched.watch, HOOP_WRITABLE), 0);
    watched.events = 0;
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(watched.events, HOOP_WRITABLE);
    hoop_watch_stop(loop, &watched.watch);
    hoop_close(loop);
    close_pair(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(news_raises_flags_and_is_told_once),
        BEHAVIOUR(a_cleared_flag_comes_up_with_the_next_news),
        BEHAVIOUR(a_level_watch_is_told_at_each_poll_of_what_it_asked_for),
        BEHAVIOUR(the_other_end_going_away_is_readable),
        BEHAVIOUR(what_cannot_be_watched_says_why_and_can_be_tried_again),
        BEHAVIOUR(a_stopped_watch_hears_nothing_and_its_number_can_be_reused),
        BEHAVIOUR(a_watch_may_stop_itself_when_it_is_notified),
        BEHAVIOUR(a_watch_that_another_one_has_stopped_is_not_notified),
        BEHAVIOUR(stopping_after_the_loop_was_closed_touches_nobody_elses_poller),
    };
    return cmocka_run_group_tests_name("embed_watch", tests, NULL, NULL);
}
