/* SPDX-License-Identifier: MIT
 *
 * The loop's moving parts for those who build on it: ready nodes and timers that live in
 * the embedder's own structs. Watches are in embed_watch.c, hooks in wait_hooks.c.
 */
#include "harness.h"

#include <errno.h>
#include <hoop/embed.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

/* ---- ready nodes ---- */

struct node {
    hoop_ready ready; /* first */
    struct record *record;
    const char *name;
    hoop_loop *loop;
    struct node *other; /* what this one pushes or removes */
};

static struct node *node_of(hoop_ready *ready)
{
    return (struct node *)(void *)ready;
}

static void run_and_note(hoop_ready *ready)
{
    assert_false(hoop_ready_is_queued(ready));
    record_add(node_of(ready)->record, node_of(ready)->name);
}

static void run_and_push_other(hoop_ready *ready)
{
    run_and_note(ready);
    hoop_ready_push(node_of(ready)->loop, &node_of(ready)->other->ready);
}

static void run_and_remove_other(hoop_ready *ready)
{
    run_and_note(ready);
    hoop_ready_remove(&node_of(ready)->other->ready);
}

static void pushed_nodes_run_in_order_and_once(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct node a = {.record = &record, .name = "a"}, b = {.record = &record, .name = "b"};
    hoop_ready_init(&a.ready, run_and_note);
    hoop_ready_init(&b.ready, run_and_note);
    assert_false(hoop_ready_is_queued(&a.ready));
    hoop_ready_push(loop, &a.ready);
    hoop_ready_push(loop, &b.ready);
    hoop_ready_push(loop, &a.ready); /* it is on the queue already, and keeps its place */
    assert_true(hoop_ready_is_queued(&a.ready));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b");
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b");
    hoop_ready_push(loop, &a.ready);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b a");
    hoop_close(loop);
}

static void a_node_that_pushes_itself_runs_once_an_iteration(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct node node = {.record = &record, .name = "n", .loop = loop, .other = &node};
    hoop_ready_init(&node.ready, run_and_push_other);
    hoop_ready_push(loop, &node.ready);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "n n n");
    assert_true(hoop_ready_is_queued(&node.ready));
    hoop_ready_remove(&node.ready);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "n n n");
    hoop_close(loop);
}

static void a_node_removed_by_another_in_the_same_batch_does_not_run(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct node last = {.record = &record, .name = "last"};
    struct node victim = {.record = &record, .name = "victim"};
    struct node first = {.record = &record, .name = "first", .other = &victim};
    hoop_ready_init(&first.ready, run_and_remove_other);
    hoop_ready_init(&victim.ready, run_and_note);
    hoop_ready_init(&last.ready, run_and_note);
    hoop_ready_push(loop, &first.ready);
    hoop_ready_push(loop, &victim.ready);
    hoop_ready_push(loop, &last.ready);
    hoop_ready_remove(&victim.ready);
    hoop_ready_push(loop, &victim.ready); /* now it is the last one */
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "first last");
    hoop_ready_remove(&victim.ready); /* on no queue: nothing happens */
    hoop_close(loop);
}

/* ---- timers ---- */

struct alarm {
    hoop_timer timer; /* first */
    struct record *record;
    const char *name;
    hoop_loop *loop;
    struct alarm *other;
    int rounds; /* how often it starts itself again */
};

static struct alarm *alarm_of(hoop_timer *timer)
{
    return (struct alarm *)(void *)timer;
}

static void expire_and_note(hoop_timer *timer)
{
    assert_int_equal(timer->position, 0);
    record_add(alarm_of(timer)->record, alarm_of(timer)->name);
}

static void expire_and_stop_other(hoop_timer *timer)
{
    expire_and_note(timer);
    hoop_timer_stop(alarm_of(timer)->loop, &alarm_of(timer)->other->timer);
}

static void expire_and_start_again(hoop_timer *timer)
{
    struct alarm *alarm = alarm_of(timer);
    if (strlen(alarm->record->text) < 20)
        expire_and_note(timer);
    if (alarm->rounds-- > 0)
        assert_int_equal(hoop_timer_start(alarm->loop, timer, hoop_time_ns(alarm->loop)), 0);
}

static void timers_expire_at_their_nanosecond(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct alarm early = {.record = &record, .name = "early"};
    struct alarm late = {.record = &record, .name = "late"};
    hoop_timer_init(&early.timer, expire_and_note);
    hoop_timer_init(&late.timer, expire_and_note);
    assert_int_equal(hoop_timer_start(loop, &late.timer, SECOND + 1), 0);
    assert_int_equal(hoop_timer_start(loop, &early.timer, SECOND), 0);
    assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_record(&record, "early");
    assert_int_equal(hoop_time_ns(loop), SECOND);
    assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_record(&record, "early late");
    assert_int_equal(hoop_time_ns(loop), SECOND + 1);
    hoop_close(loop);
}

static void a_stopped_timer_does_not_expire(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct alarm victim = {.record = &record, .name = "victim"};
    struct alarm first = {.record = &record, .name = "first", .loop = loop, .other = &victim};
    struct alarm never = {.record = &record, .name = "never"};
    hoop_timer_init(&first.timer, expire_and_stop_other);
    hoop_timer_init(&victim.timer, expire_and_note);
    hoop_timer_init(&never.timer, expire_and_note);
    assert_int_equal(hoop_timer_start(loop, &first.timer, SECOND), 0);
    assert_int_equal(hoop_timer_start(loop, &victim.timer, SECOND), 0); /* due with it */
    assert_int_equal(hoop_timer_start(loop, &never.timer, INT64_MAX), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_record(&record, "first");
    assert_int_equal(victim.timer.position, 0);
    hoop_timer_stop(loop, &victim.timer); /* disarmed: nothing happens */
    hoop_timer_stop(loop, &never.timer);
    hoop_close(loop);
}

/* Its next round belongs to the next iteration, as with callbacks: collecting must end. */
static void a_timer_that_starts_itself_again_expires_once_an_iteration(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct alarm alarm = {.record = &record, .name = "x", .loop = loop, .rounds = 1000};
    hoop_timer_init(&alarm.timer, expire_and_start_again);
    assert_int_equal(hoop_timer_start(loop, &alarm.timer, 0), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "x");
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "x x");
    hoop_timer_stop(loop, &alarm.timer);
    hoop_close(loop);
}

static void a_deadline_long_past_is_due_at_once(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_run_once(loop, 3600), 0);
    int64_t now = hoop_time_ns(loop);
    struct alarm alarm = {.record = &record, .name = "past"};
    hoop_timer_init(&alarm.timer, expire_and_note);
    assert_int_equal(hoop_timer_start(loop, &alarm.timer, INT64_MIN), 0);
    assert_int_equal(hoop_run_once(loop, 1), 0);
    assert_record(&record, "past");
    assert_int_equal(hoop_time_ns(loop), now);
    hoop_close(loop);
}

static int start_and_stop(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.poller = HOOP_POLLER_EPOLL});
    hoop_timer timer;
    (void)arg;
    hoop_timer_init(&timer, expire_and_note);
    int rc = hoop_timer_start(loop, &timer, SECOND);
    assert_int_equal(timer.position != 0, rc == 0);
    hoop_timer_stop(loop, &timer);
    hoop_close(loop);
    return rc;
}

/* Making the loop must not fail, so the failures begin after its allocation. */
static void starting_a_timer_without_memory_leaves_it_disarmed(void **state)
{
    (void)state;
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 2);
    assert_int_equal(start_and_stop(NULL), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(start_and_stop(NULL), 0);
}

static void closing_disarms_timers_and_forgets_nodes(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct node node = {.record = &record, .name = "node"};
    struct alarm alarm = {.record = &record, .name = "alarm"};
    hoop_ready_init(&node.ready, run_and_note);
    hoop_timer_init(&alarm.timer, expire_and_note);
    hoop_ready_push(loop, &node.ready);
    assert_int_equal(hoop_timer_start(loop, &alarm.timer, 0), 0);
    hoop_close(loop);
    assert_false(hoop_ready_is_queued(&node.ready));
    assert_int_equal(alarm.timer.position, 0);
    assert_record(&record, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(pushed_nodes_run_in_order_and_once),
        BEHAVIOUR(a_node_that_pushes_itself_runs_once_an_iteration),
        BEHAVIOUR(a_node_removed_by_another_in_the_same_batch_does_not_run),
        BEHAVIOUR(timers_expire_at_their_nanosecond),
        BEHAVIOUR(a_stopped_timer_does_not_expire),
        BEHAVIOUR(a_timer_that_starts_itself_again_expires_once_an_iteration),
        BEHAVIOUR(a_deadline_long_past_is_due_at_once),
        BEHAVIOUR(starting_a_timer_without_memory_leaves_it_disarmed),
        BEHAVIOUR(closing_disarms_timers_and_forgets_nodes),
    };
    return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
