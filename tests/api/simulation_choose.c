/* SPDX-License-Identifier: MIT
 *
 * Simulation: a test that decides itself who runs next.
 */
#include "simulated_order.h"

/* ---- a test that chooses ---- */

enum { ASKED_MAX = 64 };

struct chooser {
    size_t counts[ASKED_MAX];
    size_t answers[ASKED_MAX];
    size_t answer_count; /* then 0 */
    size_t asked;
};

static size_t choose_as_told(void *arg, size_t count)
{
    struct chooser *chooser = arg;
    assert_true(chooser->asked < ASKED_MAX);
    size_t i = chooser->asked++;
    chooser->counts[i] = count;
    return i < chooser->answer_count ? chooser->answers[i] : 0;
}

static size_t choose_last(void *arg, size_t count)
{
    (void)arg;
    return count - 1;
}

static struct record order_chosen(uint64_t seed, hoop_choose_fn choose, void *arg)
{
    struct record record = {""};
    hoop_loop *loop = seeded_loop(seed);
    hoop_testing_choose(loop, choose, arg);
    run_in(loop, run_all, &record);
    return record;
}

static void choose_is_asked_who_is_first_and_who_of_the_others_is_next(void **state)
{
    (void)state;
    struct chooser chooser = {.asked = 0};
    struct record record = order_chosen(0, choose_as_told, &chooser);
    assert_record(&record, "a x b y c z d a b c d");
    static const size_t counts[] = {4, 3, 2, 4, 3, 2, 4, 3, 2}; /* and once more, to end */
    assert_int_equal(chooser.asked, 9);
    assert_memory_equal(chooser.counts, counts, sizeof counts);
}

static void choose_decides(void **state)
{
    (void)state;
    struct record record = order_chosen(0, choose_last, NULL);
    assert_string_equal(only("abcd", record.text), "dcbaabcd");
    assert_string_equal(only("xyz", record.text), "xyz");
    struct chooser chooser = {.answers = {1, 2, 0, 3}, .answer_count = 4};
    record = order_chosen(0, choose_as_told, &chooser);
    assert_string_equal(only("abcd", record.text), "bdaccbda");
}

static int64_t sleep_a_while(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        assert_int_equal(hoop_sleep(i % 2), 0);
    return 0;
}

static void choose_is_not_asked_for_one_task(void **state)
{
    (void)state;
    struct chooser chooser = {.asked = 0};
    hoop_loop *loop = seeded_loop(0);
    hoop_testing_choose(loop, choose_as_told, &chooser);
    run_in(loop, sleep_a_while, NULL);
    assert_int_equal(chooser.asked, 0);
}

static void choose_overrides_the_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct record record = order_chosen(seed, choose_last, NULL);
        assert_string_equal(only("abcd", record.text), "dcbaabcd");
    }
}

static void no_choose_is_first_come_first_served(void **state)
{
    (void)state;
    struct record record = order_chosen(7, NULL, NULL);
    assert_record(&record, "a x b y c z d a b c d");
}

/* Depth first: the last answer that can be another one becomes that, and what follows 0. */
static bool next_answers(struct chooser *chooser)
{
    size_t length = chooser->asked;
    for (size_t i = chooser->answer_count; i < length; i++)
        chooser->answers[i] = 0;
    while (length > 0 && ++chooser->answers[length - 1] == chooser->counts[length - 1])
        length--;
    chooser->answer_count = length;
    chooser->asked = 0;
    return length > 0;
}

static void a_test_can_try_all_orders(void **state)
{
    (void)state;
    struct chooser chooser = {.asked = 0};
    int orders = 0, times[24] = {0};
    do {
        times[order_number(order_chosen(0, choose_as_told, &chooser).text)]++;
        orders++;
    } while (next_answers(&chooser));
    assert_int_equal(orders, 24 * 24 * 24);
    for (int i = 0; i < 24; i++)
        assert_int_equal(times[i], 24 * 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(choose_is_asked_who_is_first_and_who_of_the_others_is_next),
        BEHAVIOUR(choose_decides),
        BEHAVIOUR(choose_is_not_asked_for_one_task),
        BEHAVIOUR(choose_overrides_the_seed),
        BEHAVIOUR(no_choose_is_first_come_first_served),
        BEHAVIOUR(a_test_can_try_all_orders),
    };
    return cmocka_run_group_tests_name("simulation_choose", tests, NULL, NULL);
}
