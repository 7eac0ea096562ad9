/* SPDX-License-Identifier: MIT
 *
 * Barriers: who is let through with which place, generation after generation, and what
 * cancelling, resetting and aborting do to those that wait.
 */
#include <errno.h>
#include <string.h>

#include "in_a_task.h"

enum { PARTIES = 4 };

struct party {
    hoop_barrier *barrier;
    hoop_task *task;
    int64_t place;
};

static int64_t come(void *arg)
{
    struct party *party = arg;
    party->place = 12345;
    party->place = hoop_barrier_wait(party->barrier);
    return party->place;
}

/* Starts COUNT tasks that come to the barrier one after another. */
static void start(hoop_barrier *barrier, struct party *parties, int count)
{
    for (int i = 0; i < count; i++) {
        parties[i] = (struct party){.barrier = barrier};
        parties[i].task = hoop_create_task(come, &parties[i]);
    }
    let_others_wait();
}

static void assert_all_end_with(struct party *parties, int count, int64_t result)
{
    for (int i = 0; i < count; i++)
        assert_true(hoop_await(parties[i].task) == result);
}

IN_A_TASK(the_last_one_lets_all_through_each_with_a_place_of_its_own)
{
    hoop_barrier *barrier = hoop_barrier_new(PARTIES);
    struct party parties[PARTIES - 1];
    assert_int_equal(hoop_barrier_parties(barrier), PARTIES);
    assert_int_equal(hoop_barrier_waiting(barrier), 0);
    start(barrier, parties, PARTIES - 1);
    assert_int_equal(hoop_barrier_waiting(barrier), PARTIES - 1);
    for (int i = 0; i < PARTIES - 1; i++)
        assert_int_equal(parties[i].place, 12345);
    assert_int_equal(hoop_barrier_wait(barrier), PARTIES - 1);
    assert_int_equal(hoop_barrier_waiting(barrier), 0); /* it is as new at once */
    assert_int_equal(parties[0].place, 12345);          /* they run in the next iteration */
    for (int i = 0; i < PARTIES - 1; i++)
        assert_int_equal(hoop_await(parties[i].task), i); /* in the order in which they came */
    assert_int_equal(hoop_barrier_free(barrier), 0);
}

IN_A_TASK(one_party_never_waits_but_gives_way_now_and_then)
{
    hoop_barrier *barrier = hoop_barrier_new(1);
    struct party other = {.barrier = barrier, .place = 5};
    other.task = hoop_create_task(come, &other);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hoop_barrier_wait(barrier), 0);
    assert_int_equal(other.place, 5);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hoop_barrier_wait(barrier), 0);
    assert_int_equal(other.place, 0);
    assert_int_equal(hoop_await(other.task), 0);
    hoop_barrier_free(barrier);
}

struct rounds {
    hoop_barrier *barrier;
    int arrived[10]; /* tasks that have come to this round's barrier */
    int64_t places;  /* sum over all rounds */
};

static int64_t go_through_rounds(void *arg)
{
    struct rounds *rounds = arg;
    for (int i = 0; i < 10; i++) {
        rounds->arrived[i]++;
        int64_t place = hoop_barrier_wait(rounds->barrier);
        if (place < 0)
            return place;
        assert_int_equal(rounds->arrived[i], PARTIES); /* nobody is through before all are here */
        rounds->places += place;
    }
    return 0;
}

IN_A_TASK(it_can_be_used_again_and_again)
{
    struct rounds rounds = {.barrier = hoop_barrier_new(PARTIES)};
    hoop_task *tasks[PARTIES];
    for (int i = 0; i < PARTIES; i++)
        tasks[i] = hoop_create_task(go_through_rounds, &rounds);
    for (int i = 0; i < PARTIES; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(rounds.places, 10 * (0 + 1 + 2 + 3));
    assert_int_equal(hoop_barrier_waiting(rounds.barrier), 0);
    hoop_barrier_free(rounds.barrier);
}

IN_A_TASK(who_comes_while_others_leave_waits_for_the_next_time)
{
    hoop_barrier *barrier = hoop_barrier_new(PARTIES);
    struct party parties[PARTIES];
    start(barrier, parties, PARTIES - 1);
    hoop_task *next = hoop_create_task(come, &(struct party){.barrier = barrier});
    assert_int_equal(hoop_barrier_wait(barrier), PARTIES - 1);
    let_others_wait();
    assert_int_equal(hoop_barrier_waiting(barrier), 1);
    assert_true(hoop_task_cancel(next));
    assert_int_equal(hoop_await(next), -ECANCELED);
    for (int i = 0; i < PARTIES - 1; i++)
        assert_int_equal(hoop_await(parties[i].task), i);
    hoop_barrier_free(barrier);
}

/* ---- cancellation ---- */

IN_A_TASK(who_is_cancelled_leaves_and_is_missing)
{
    hoop_barrier *barrier = hoop_barrier_new(PARTIES);
    struct party parties[PARTIES + 1];
    start(barrier, parties, PARTIES - 1);
    assert_true(hoop_task_cancel(parties[0].task));
    assert_int_equal(hoop_barrier_waiting(barrier), PARTIES - 2);
    assert_int_equal(hoop_await(parties[0].task), -ECANCELED);
    assert_false(hoop_barrier_is_broken(barrier));
    start(barrier, parties + PARTIES - 1, 1);
    assert_int_equal(hoop_barrier_waiting(barrier), PARTIES - 1);
    start(barrier, parties + PARTIES, 1);
    for (int i = 1; i <= PARTIES; i++)
        assert_int_equal(hoop_await(parties[i].task), i - 1); /* no place twice */
    hoop_barrier_free(barrier);
}

IN_A_TASK(who_was_let_through_and_then_cancelled_is_through)
{
    hoop_barrier *barrier = hoop_barrier_new(PARTIES);
    struct party parties[PARTIES - 1];
    start(barrier, parties, PARTIES - 1);
    assert_int_equal(hoop_barrier_wait(barrier), PARTIES - 1);
    assert_true(hoop_task_cancel(parties[0].task));
    assert_int_equal(hoop_barrier_waiting(barrier), 0);
    for (int i = 0; i < PARTIES - 1; i++)
        assert_int_equal(hoop_await(parties[i].task), i);
    hoop_barrier_free(barrier);
}

IN_A_TASK(a_task_that_is_being_cancelled_can_be_the_last_but_does_not_wait)
{
    hoop_barrier *barrier = hoop_barrier_new(2);
    hoop_task *self = hoop_current_task();
    struct party other;
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_barrier_wait(barrier), -ECANCELED);
    assert_int_equal(hoop_barrier_waiting(barrier), 0);
    hoop_task_uncancel(self);
    start(barrier, &other, 1);
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_barrier_wait(barrier), 1);
    hoop_task_uncancel(self);
    assert_int_equal(hoop_await(other.task), 0);
    hoop_barrier_free(barrier);
}

/* ---- reset and abort ---- */

IN_A_TASK(a_reset_sends_those_away_that_wait_and_it_can_be_used_again)
{
    hoop_barrier *barrier = hoop_barrier_new(PARTIES);
    struct party parties[PARTIES];
    hoop_barrier_reset(barrier); /* with nobody there: nothing happens */
    start(barrier, parties, PARTIES - 1);
    hoop_barrier_reset(barrier);
    assert_false(hoop_barrier_is_broken(barrier));
    assert_int_equal(hoop_barrier_waiting(barrier), 0);
    assert_all_end_with(parties, PARTIES - 1, HOOP_EBROKEN);
    start(barrier, parties, PARTIES);
    for (int i = 0; i < PARTIES; i++)
        assert_int_equal(hoop_await(parties[i].task), i);
    hoop_barrier_free(barrier);
}

IN_A_TASK(an_abort_sends_away_those_that_wait_and_those_that_come_until_a_reset)
{
    hoop_barrier *barrier = hoop_barrier_new(PARTIES);
    struct party parties[PARTIES];
    start(barrier, parties, PARTIES - 1);
    hoop_barrier_abort(barrier);
    assert_true(hoop_barrier_is_broken(barrier));
    assert_int_equal(hoop_barrier_waiting(barrier), 0);
    assert_all_end_with(parties, PARTIES - 1, HOOP_EBROKEN);
    assert_int_equal(hoop_barrier_wait(barrier), HOOP_EBROKEN);
    start(barrier, parties, PARTIES);
    assert_all_end_with(parties, PARTIES, HOOP_EBROKEN);
    hoop_barrier_reset(barrier);
    assert_false(hoop_barrier_is_broken(barrier));
    start(barrier, parties, PARTIES);
    for (int i = 0; i < PARTIES; i++)
        assert_int_equal(hoop_await(parties[i].task), i);
    hoop_barrier_free(barrier);
}

IN_A_TASK(who_was_let_through_before_an_abort_or_a_reset_is_through)
{
    hoop_barrier *barrier = hoop_barrier_new(2);
    struct party parties[2];
    for (int i = 0; i < 2; i++) {
        start(barrier, &parties[i], 1);
        assert_int_equal(hoop_barrier_wait(barrier), 1);
        if (i == 0)
            hoop_barrier_reset(barrier);
        else
            hoop_barrier_abort(barrier);
        assert_int_equal(hoop_await(parties[i].task), 0);
    }
    hoop_barrier_free(barrier);
}

IN_A_TASK(of_a_reset_and_a_cancellation_the_first_counts)
{
    hoop_barrier *barrier = hoop_barrier_new(2);
    struct party first, second;
    start(barrier, &first, 1);
    hoop_barrier_reset(barrier);
    assert_true(hoop_task_cancel(first.task));
    assert_int_equal(hoop_await(first.task), HOOP_EBROKEN);
    start(barrier, &second, 1);
    assert_true(hoop_task_cancel(second.task));
    hoop_barrier_reset(barrier);
    assert_int_equal(hoop_await(second.task), -ECANCELED);
    hoop_barrier_free(barrier);
}

/* ---- misuse, memory, and the end of loops ---- */

static void a_barrier_for_nobody_is_refused(void **state)
{
    (void)state;
    assert_null(hoop_barrier_new(0));
    assert_int_equal(hoop_last_error(), -EINVAL);
}

static void outside_of_a_task_nobody_can_wait(void **state)
{
    (void)state;
    hoop_barrier *barrier = hoop_barrier_new(1);
    assert_int_equal(hoop_barrier_wait(barrier), HOOP_ENOTASK);
    hoop_barrier_abort(barrier);
    assert_int_equal(hoop_barrier_wait(barrier), HOOP_ENOTASK);
    hoop_barrier_reset(barrier);
    assert_false(hoop_barrier_is_broken(barrier));
    hoop_barrier_free(barrier);
}

IN_A_TASK(a_barrier_is_not_freed_while_somebody_waits_at_it)
{
    hoop_barrier *barrier = hoop_barrier_new(2);
    struct party party;
    start(barrier, &party, 1);
    assert_non_null(strstr(printed_tasks(), "waits at a barrier"));
    assert_int_equal(hoop_barrier_free(barrier), -EBUSY);
    hoop_barrier_abort(barrier);
    assert_int_equal(hoop_barrier_free(barrier), 0); /* who was woken does not need it */
    assert_int_equal(hoop_await(party.task), HOOP_EBROKEN);
    assert_int_equal(hoop_barrier_free(NULL), 0);
}

static int make_one(void *arg)
{
    (void)arg;
    hoop_barrier *barrier = hoop_barrier_new(2);
    return barrier != NULL ? hoop_barrier_free(barrier) : hoop_last_error();
}

static void without_memory_there_is_no_barrier(void **state)
{
    (void)state;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_one, NULL), 1);
}

static int64_t wait_for_ever(void *barrier)
{
    int64_t rc = hoop_barrier_wait(barrier);
    fail_msg("a task went on after its loop was closed");
    return rc;
}

static void reset(void *barrier)
{
    hoop_barrier_reset(barrier);
}

/* The barrier goes before the loop does, which is allowed as nobody waits at it any more. */
static void reset_and_free(void *barrier)
{
    hoop_barrier_reset(barrier);
    assert_int_equal(hoop_barrier_free(barrier), 0);
}

static void closing_the_loop_makes_its_tasks_leave(void **state)
{
    (void)state;
    hoop_barrier *barrier = hoop_barrier_new(2);
    close_while_it_waits(wait_for_ever, barrier, NULL);
    assert_int_equal(hoop_barrier_waiting(barrier), 0);
    close_while_it_waits(wait_for_ever, barrier, reset);
    assert_int_equal(hoop_barrier_waiting(barrier), 0); /* it does not leave twice */
    close_while_it_waits(wait_for_ever, barrier, reset_and_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_last_one_lets_all_through_each_with_a_place_of_its_own),
        BEHAVIOUR(one_party_never_waits_but_gives_way_now_and_then),
        BEHAVIOUR(it_can_be_used_again_and_again),
        BEHAVIOUR(who_comes_while_others_leave_waits_for_the_next_time),
        BEHAVIOUR(who_is_cancelled_leaves_and_is_missing),
        BEHAVIOUR(who_was_let_through_and_then_cancelled_is_through),
        BEHAVIOUR(a_task_that_is_being_cancelled_can_be_the_last_but_does_not_wait),
        BEHAVIOUR(a_reset_sends_those_away_that_wait_and_it_can_be_used_again),
        BEHAVIOUR(an_abort_sends_away_those_that_wait_and_those_that_come_until_a_reset),
        BEHAVIOUR(who_was_let_through_before_an_abort_or_a_reset_is_through),
        BEHAVIOUR(of_a_reset_and_a_cancellation_the_first_counts),
        BEHAVIOUR(a_barrier_for_nobody_is_refused),
        BEHAVIOUR(outside_of_a_task_nobody_can_wait),
        BEHAVIOUR(a_barrier_is_not_freed_while_somebody_waits_at_it),
        BEHAVIOUR(without_memory_there_is_no_barrier),
        BEHAVIOUR(closing_the_loop_makes_its_tasks_leave),
    };
    return cmocka_run_group_tests_name("barrier", tests, NULL, NULL);
}
