/* SPDX-License-Identifier: MIT
 *
 * Simulation: orders that follow from a seed, and a race that no ordinary run shows.
 */
#include "simulated_order.h"

/* ---- who runs when ---- */

static struct record order_with(uint64_t seed)
{
    struct record record = {""};
    run_in(seeded_loop(seed), run_all, &record);
    return record;
}

static void without_a_seed_who_came_first_runs_first(void **state)
{
    (void)state;
    struct record record = order_with(0);
    assert_record(&record, "a x b y c z d a b c d");
}

static void the_same_seed_gives_the_same_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct record first = order_with(seed), second = order_with(seed);
        assert_record(&first, second.text);
    }
}

static void different_seeds_give_different_orders(void **state)
{
    (void)state;
    int same = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct record first = order_with(seed), second = order_with(seed + 1);
        same += strcmp(first.text, second.text) == 0;
    }
    assert_true(same < 5);
}

static void callbacks_keep_their_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct record record = order_with(seed);
        assert_string_equal(only("xyz", record.text), "xyz");
    }
}

static void each_round_has_each_task_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct record record = order_with(seed);
        const char *tasks = only("abcd", record.text);
        assert_int_equal(strlen(tasks), 2 * RUNNERS);
        for (const char *name = "abcd"; *name != '\0'; name++) {
            const char *first = strchr(tasks, *name);
            assert_true(first < tasks + RUNNERS);
            assert_true(strrchr(tasks, *name) >= tasks + RUNNERS);
        }
    }
}

static void some_seed_gives_each_order(void **state)
{
    (void)state;
    bool seen[24] = {false};
    for (uint64_t seed = 1; seed <= 500; seed++)
        seen[order_number(order_with(seed).text)] = true;
    for (int i = 0; i < 24; i++)
        assert_true(seen[i]);
}

static int64_t sleep_exactly(void *arg)
{
    (void)arg;
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(hoop_sleep(1), 0);
        assert_true(hoop_time(hoop_running_loop()) == i);
    }
    return 0;
}

static void a_seed_changes_no_times(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_in(seeded_loop(seed), sleep_exactly, NULL);
}

/* ---- a race ---- */

/* An account that two tasks pay into. Each reads the balance, sends the new one to the bank,
 * and keeps it when the bank has answered; so between the two nobody else may read. */
struct account {
    int balance;
    hoop_lock *lock; /* NULL: the programmer did not think of it */
};

static int64_t ask_the_bank(void)
{
    return hoop_sleep(0);
}

static int64_t pay_in(struct account *account)
{
    if (account->lock != NULL)
        assert_int_equal(hoop_lock_acquire(account->lock), 0);
    int balance = account->balance + 100;
    int64_t rc = ask_the_bank();
    account->balance = balance;
    if (account->lock != NULL)
        assert_int_equal(hoop_lock_release(account->lock), 0);
    return rc;
}

static int64_t pay_in_at_once(void *account)
{
    return pay_in(account);
}

static int64_t ask_and_pay_in(void *account)
{
    assert_int_equal(ask_the_bank(), 0);
    return pay_in(account);
}

static int64_t pay_in_twice(void *arg)
{
    hoop_task *tasks[] = {
        hoop_create_task(pay_in_at_once, arg),
        hoop_create_task(ask_and_pay_in, arg),
    };
    return hoop_gather(tasks, 2, NULL, 0);
}

static int balance_with(uint64_t seed, bool with_lock)
{
    struct account account = {.lock = with_lock ? hoop_lock_new() : NULL};
    run_in(seeded_loop(seed), pay_in_twice, &account);
    assert_int_equal(hoop_lock_free(account.lock), 0);
    return account.balance;
}

static void a_seed_shows_a_race_that_no_ordinary_run_does(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(balance_with(0, false), 200);
    uint64_t seed = 1;
    while (seed < 100 && balance_with(seed, false) == 200)
        seed++;
    assert_in_range(seed, 1, 99);
    for (int i = 0; i < 10; i++)
        assert_int_equal(balance_with(seed, false), 100); /* again and again, to be debugged */
}

static void a_program_without_races_stands_all_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++)
        assert_int_equal(balance_with(seed, true), 200);
}

/* What a lock that is free lets happen: its acquire gives way now and then, so that what was
 * only correct because it never did comes to light. */
static int64_t count_interruptions(void *arg)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct runner runner = {&record, "x", 0};
    assert_non_null(lock);
    for (int i = 0; i < 50; i++) {
        assert_true(hoop_call_soon(hoop_running_loop(), record_callback, &runner) > 0);
        size_t before = strlen(record.text);
        for (int n = 0; n < 5; n++) {
            assert_int_equal(hoop_lock_acquire(lock), 0);
            assert_int_equal(hoop_lock_release(lock), 0);
        }
        *(int *)arg += strlen(record.text) != before;
        assert_int_equal(hoop_sleep(0), 0);
    }
    assert_int_equal(hoop_lock_free(lock), 0);
    return 0;
}

static void with_a_seed_an_await_that_need_not_wait_may_give_way(void **state)
{
    (void)state;
    int interruptions = 0;
    run_in(seeded_loop(0), count_interruptions, &interruptions);
    assert_int_equal(interruptions, 0);
    run_in(seeded_loop(1), count_interruptions, &interruptions);
    assert_in_range(interruptions, 1, 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(without_a_seed_who_came_first_runs_first),
        BEHAVIOUR(the_same_seed_gives_the_same_order),
        BEHAVIOUR(different_seeds_give_different_orders),
        BEHAVIOUR(callbacks_keep_their_order),
        BEHAVIOUR(each_round_has_each_task_once),
        BEHAVIOUR(some_seed_gives_each_order),
        BEHAVIOUR(a_seed_changes_no_times),
        BEHAVIOUR(a_seed_shows_a_race_that_no_ordinary_run_does),
        BEHAVIOUR(a_program_without_races_stands_all_seeds),
        BEHAVIOUR(with_a_seed_an_await_that_need_not_wait_may_give_way),
    };
    return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
