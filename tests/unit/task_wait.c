/* SPDX-License-Identifier: MIT
 *
 * The one suspension primitive: parking, waking, and how a kind of wait reacts to
 * cancellation.
 */
#include "task/wait.h"

#include <errno.h>

#include "base/list.h"
#include "reports.h"

/* A task that parks, and what it saw. */
struct parker {
    const struct wait_kind *kind;
    hoop_link queue;
    struct wait wait;
    hoop_task *task;
    int64_t result;
    unsigned cancel_calls;
    hoop_task *cancel_too; /* whom its kind cancels in its turn */
};

static int64_t park(void *arg)
{
    struct parker *parker = arg;
    wait_init(&parker->wait, parker->kind);
    list_append(&parker->queue, &parker->wait.observer.link);
    parker->result = wait_park(&parker->wait);
    assert_true(list_is_empty(&parker->queue)); /* whoever woke it took it off */
    return 0;
}

static const struct wait_kind plain_kind = {"parks", wait_cancel, NULL, NULL};

/* Starts PARKER's task and runs it until it waits. */
static void parker_start(struct parker *parker, const struct wait_kind *kind)
{
    *parker = (struct parker){.kind = kind, .result = 12345};
    list_init(&parker->queue);
    parker->task = hoop_create_task(park, parker);
    assert_int_equal(hoop_sleep(1), 0);
    assert_false(hoop_task_is_done(parker->task));
    assert_false(list_is_empty(&parker->queue));
}

static int64_t wake_with_results(void *arg)
{
    (void)arg;
    static const int64_t results[] = {0, 7, INT64_MAX, -EIO};
    struct parker parker;
    for (int i = 0; i < 4; i++) {
        parker_start(&parker, &plain_kind);
        wait_wake(&parker.wait, results[i]);
        assert_true(list_is_empty(&parker.queue));
        assert_int_equal(parker.result, 12345); /* ready, not run */
        assert_int_equal(hoop_await(parker.task), 0);
        assert_true(parker.result == results[i]);
    }
    return 0;
}

static void a_wake_makes_the_task_ready_with_its_result(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(wake_with_results, NULL), 0);
}

static int64_t wake_several_times(void *arg)
{
    (void)arg;
    struct parker parker;
    parker_start(&parker, &plain_kind);
    wait_wake(&parker.wait, 1);
    wait_wake(&parker.wait, 2);
    assert_true(hoop_task_cancel(parker.task)); /* too late for this wait */
    wait_wake(&parker.wait, 3);
    assert_int_equal(hoop_await(parker.task), 0);
    return parker.result;
}

static void the_first_wake_counts(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(wake_several_times, NULL), 1);
}

static int64_t notify(void *arg)
{
    (void)arg;
    struct parker parker;
    parker_start(&parker, &plain_kind);
    hoop_link *link = list_pop(&parker.queue);
    assert_ptr_equal(link, &parker.wait.observer.link);
    parker.wait.observer.notify(&parker.wait.observer);
    assert_int_equal(hoop_await(parker.task), 0);
    return parker.result;
}

static void to_notify_its_observer_is_to_wake_it_with_zero(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(notify, NULL), 0);
}

static int64_t cancel_plainly(void *arg)
{
    (void)arg;
    struct parker parker;
    parker_start(&parker, &plain_kind);
    assert_true(hoop_task_cancel(parker.task));
    assert_true(list_is_empty(&parker.queue));
    assert_int_equal(hoop_await(parker.task), 0);
    return parker.result;
}

static void wait_cancel_wakes_with_ecanceled(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_plainly, NULL), -ECANCELED);
}

/* ---- other reactions to cancellation ---- */

static void note_only(struct wait *wait)
{
    CONTAINER_OF(wait, struct parker, wait)->cancel_calls++; /* it goes on waiting */
}

static const struct wait_kind stubborn_kind = {"insists", note_only, NULL, NULL};

static int64_t cancel_a_stubborn_one(void *arg)
{
    (void)arg;
    struct parker parker;
    parker_start(&parker, &stubborn_kind);
    assert_true(hoop_task_cancel(parker.task));
    assert_true(hoop_task_cancel(parker.task));
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(parker.cancel_calls, 2);
    assert_false(hoop_task_is_done(parker.task));
    wait_wake(&parker.wait, 4);
    assert_int_equal(hoop_await(parker.task), 0);
    return parker.result;
}

static void a_kind_may_go_on_waiting(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_a_stubborn_one, NULL), 4);
}

static void pass_on(struct wait *wait)
{
    struct parker *parker = CONTAINER_OF(wait, struct parker, wait);
    wait_wake(wait, 5);
    hoop_task_cancel(parker->cancel_too);
}

static const struct wait_kind passing_kind = {"passes on", pass_on, NULL, NULL};

static int64_t cancel_one_that_passes_on(void *arg)
{
    (void)arg;
    struct parker first, second;
    parker_start(&first, &passing_kind);
    parker_start(&second, &plain_kind);
    first.cancel_too = second.task;
    assert_true(hoop_task_cancel(first.task));
    assert_int_equal(hoop_task_cancelling(second.task), 1);
    assert_int_equal(hoop_await(first.task), 0);
    assert_int_equal(hoop_await(second.task), 0);
    assert_int_equal(second.result, -ECANCELED);
    return first.result;
}

static void a_kind_may_cancel_a_task_in_its_turn(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_one_that_passes_on, NULL), 5);
}

static int64_t park_while_cancelled(void *arg)
{
    struct parker *parker = arg;
    hoop_task *self = hoop_current_task();
    *parker = (struct parker){.kind = &plain_kind};
    list_init(&parker->queue);
    assert_true(hoop_task_cancel(self));
    assert_int_equal(park(parker), 0);
    assert_int_equal(parker->result, -ECANCELED);
    assert_int_equal(hoop_task_uncancel(self), 0);
    return 0;
}

static void to_park_while_cancelled_asks_the_kind_first(void **state)
{
    (void)state;
    struct parker parker;
    assert_int_equal(run_virtually(park_while_cancelled, &parker), 0);
}

/* ---- errors of its own ---- */

static int64_t fail_a_wait(void *arg)
{
    (void)arg;
    hoop_error_set(-EPIPE, "an older error's");
    assert_int_equal(wait_failed(-EIO), -EIO);
    assert_string_equal(hoop_error_message(), "");
    hoop_error_set(-EPIPE, "an older error's");
    struct wait wait;
    wait_init(&wait, &plain_kind);
    assert_true(hoop_task_cancel(hoop_current_task()));
    assert_int_equal(wait_park(&wait), -ECANCELED);
    assert_string_equal(hoop_error_message(), "");
    hoop_task_uncancel(hoop_current_task());
    return 0;
}

static void an_error_of_a_wait_forgets_the_message_of_an_older_one(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(fail_a_wait, NULL), 0);
}

static void without_a_task_there_is_no_wait(void **state)
{
    (void)state;
    assert_int_equal(wait_without_task("a_test"), HOOP_ENOTASK);
}

/* ---- giving way ---- */

static int64_t note_rounds(void *arg)
{
    int *rounds = arg;
    rounds[1] = rounds[0];
    return 0;
}

static int64_t spend(void *arg)
{
    int *rounds = arg;
    hoop_task *other = hoop_create_task(note_rounds, rounds);
    for (rounds[0] = 0; rounds[0] < 1000; rounds[0]++)
        wait_spend();
    return hoop_await(other);
}

static void to_spend_gives_way_now_and_then(void **state)
{
    (void)state;
    int rounds[2] = {0, -1};
    assert_int_equal(run_virtually(spend, rounds), 0);
    assert_int_equal(rounds[1], 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_wake_makes_the_task_ready_with_its_result),
        BEHAVIOUR(the_first_wake_counts),
        BEHAVIOUR(to_notify_its_observer_is_to_wake_it_with_zero),
        BEHAVIOUR(wait_cancel_wakes_with_ecanceled),
        BEHAVIOUR(a_kind_may_go_on_waiting),
        BEHAVIOUR(a_kind_may_cancel_a_task_in_its_turn),
        BEHAVIOUR(to_park_while_cancelled_asks_the_kind_first),
        BEHAVIOUR(an_error_of_a_wait_forgets_the_message_of_an_older_one),
        BEHAVIOUR(without_a_task_there_is_no_wait),
        BEHAVIOUR(to_spend_gives_way_now_and_then),
    };
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
