/* SPDX-License-Identifier: MIT
 *
 * Context tables: setting and getting, sharing by reference, and that each value is
 * released once, when the last table that holds it is gone. The thread's own bindings are
 * tried in threads of their own, as those of the main thread would outlive the test.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/context.h"

static atomic_int released;

static void count_release(void *value)
{
    atomic_fetch_add(&released, *(int *)value);
}

static int one = 1, ten = 10, hundred = 100, zero = 0;
static const hoop_context_var first = {.name = "first", .release = count_release};
static const hoop_context_var second = {
    .name = "second", .default_value = &zero, .release = count_release};
static const hoop_context_var borrowed = {.name = "borrowed"};

/* What a test does in a thread of its own, and with how much released at its end. */
static int released_by_thread(void *(*body)(void *))
{
    pthread_t thread;
    released = 0;
    assert_int_equal(pthread_create(&thread, NULL, body, NULL), 0);
    void *failed_line;
    pthread_join(thread, &failed_line);
    if (failed_line != NULL)
        fail_msg("in the thread, line %d", (int)(intptr_t)failed_line);
    return released;
}

/* cmocka's assertions jump, and may not do so in another thread. */
#define EXPECT(condition) \
    do { \
        if (!(condition)) \
            return (void *)(intptr_t)__LINE__; \
    } while (0)

static void *set_and_get(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_get(&first) == NULL);
    EXPECT(hoop_context_get(&second) == &zero);
    EXPECT(hoop_context_set(&first, &one) == 0);
    EXPECT(hoop_context_set(&second, &ten) == 0);
    EXPECT(hoop_context_set(&borrowed, &hundred) == 0);
    EXPECT(hoop_context_get(&first) == &one);
    EXPECT(hoop_context_get(&second) == &ten);
    EXPECT(hoop_context_get(&borrowed) == &hundred);
    EXPECT(released == 0);
    return NULL;
}

static void *set_twice(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_set(&first, &one) == 0);
    EXPECT(hoop_context_set(&first, &ten) == 0);
    EXPECT(released == 1); /* nobody else held the first value */
    EXPECT(hoop_context_get(&first) == &ten);
    return NULL;
}

static void the_end_of_a_thread_releases_its_bindings(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(set_and_get), 11);
    assert_int_equal(released_by_thread(set_twice), 11);
}

static void *share_a_table(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_set(&first, &one) == 0);
    hoop_context *copy = hoop_context_copy();
    EXPECT(hoop_context_set(&first, &ten) == 0);
    EXPECT(hoop_context_set(&second, &hundred) == 0);
    EXPECT(released == 0); /* the copy holds the old value */
    hoop_context *again = context_ref(copy);
    hoop_context_unref(copy);
    EXPECT(released == 0);
    hoop_context_unref(again);
    EXPECT(released == 1);
    return NULL;
}

static void a_copy_keeps_the_values_that_it_was_taken_with(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(share_a_table), 111);
}

enum { VARIABLES = 300 };

static void *set_many(void *arg)
{
    (void)arg;
    static hoop_context_var variables[VARIABLES];
    static int values[VARIABLES];
    for (int i = 0; i < VARIABLES; i++) {
        variables[i].release = count_release;
        values[i] = 1;
        EXPECT(hoop_context_set(&variables[i], &values[i]) == 0);
    }
    EXPECT(released == 0);
    for (int i = 0; i < VARIABLES; i++)
        EXPECT(hoop_context_get(&variables[i]) == &values[i]);
    EXPECT(hoop_context_set(&variables[150], &hundred) == 0);
    EXPECT(released == 1);
    for (int i = 0; i < VARIABLES; i++)
        EXPECT(hoop_context_get(&variables[i]) == (i == 150 ? &hundred : &values[i]));
    return NULL;
}

static void many_variables_stay_apart(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(set_many), VARIABLES + 100);
}

static void *set_without_memory(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_set(&first, &one) == 0);
    int attempts = 0;
    int rc;
    do {
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, (unsigned)++attempts);
        rc = hoop_context_set(&first, &ten);
        hoop_testing_fail_nth(0, 0);
        EXPECT(rc == 0 || (rc == -ENOMEM && hoop_context_get(&first) == &one && released == 0));
    } while (rc < 0);
    EXPECT(attempts == 3); /* the box, the table, and then it passed */
    EXPECT(released == 1 && hoop_context_get(&first) == &ten);
    return NULL;
}

static void a_set_without_memory_changes_nothing_and_takes_nothing(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(set_without_memory), 11);
}

static void get_first(void *ret_value)
{
    *(void **)ret_value = hoop_context_get(&first);
}

static void set_first_to_ten(void *ret_code)
{
    *(int *)ret_code = hoop_context_set(&first, &ten);
}

static void *run_in_a_copy(void *arg)
{
    (void)arg;
    hoop_context *nothing = hoop_context_copy();
    EXPECT(nothing != NULL);
    EXPECT(hoop_context_set(&first, &one) == 0);
    void *seen = &zero;
    hoop_context_run(nothing, get_first, &seen);
    EXPECT(seen == NULL);
    hoop_context *copy = hoop_context_copy();
    int rc = -1;
    hoop_context_run(copy, set_first_to_ten, &rc);
    EXPECT(rc == 0);
    EXPECT(released == 10); /* what was set inside is gone with the run */
    EXPECT(hoop_context_get(&first) == &one);
    hoop_context_run(copy, get_first, &seen);
    EXPECT(seen == &one); /* the copy itself has not changed */
    hoop_context_unref(copy);
    hoop_context_unref(nothing);
    hoop_context_unref(NULL);
    return NULL;
}

static void running_in_a_context_changes_neither_it_nor_the_callers(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(run_in_a_copy), 11);
}

static void *drop(void *context)
{
    hoop_context_unref(context);
    return NULL;
}

static void *copy_for_another_thread(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_set(&first, &one) == 0);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, drop, hoop_context_copy()) == 0);
        hoop_context *copies[100];
        for (int j = 0; j < 100; j++)
            copies[j] = hoop_context_copy();
        for (int j = 0; j < 100; j++)
            hoop_context_unref(copies[j]);
        pthread_join(thread, NULL);
    }
    EXPECT(released == 0);
    return NULL;
}

static void threads_may_share_a_table(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(copy_for_another_thread), 1);
}

/* ---- a release is the program's code, and may come back to the contexts ---- */

static void *seen_in_release;

static void look_in_release(void *value)
{
    count_release(value);
    seen_in_release = hoop_context_get(&second);
}

static void set_in_release(void *value)
{
    count_release(value);
    int rc = hoop_context_set(&second, &hundred);
    if (rc < 0)
        atomic_fetch_add(&released, 1000);
}

static const hoop_context_var looking = {.name = "looking", .release = look_in_release};
static const hoop_context_var setting = {.name = "setting", .release = set_in_release};

static void *replace_with_a_look(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_set(&second, &ten) == 0);
    EXPECT(hoop_context_set(&looking, &one) == 0);
    EXPECT(hoop_context_set(&looking, &one) == 0);
    EXPECT(seen_in_release == &ten);
    return NULL;
}

static void *replace_with_a_set(void *arg)
{
    (void)arg;
    EXPECT(hoop_context_set(&setting, &one) == 0);
    EXPECT(hoop_context_set(&setting, &one) == 0);
    EXPECT(released == 1);
    EXPECT(hoop_context_get(&second) == &hundred);
    return NULL;
}

static void a_release_may_read_the_context(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(replace_with_a_look), 12);
    assert_ptr_equal(seen_in_release, &zero); /* the thread had nothing left at its end */
}

/* The last one is released as the thread ends, and sets `second` once more: that binding
 * goes in the next round of the thread's end. */
static void a_release_may_set_another_variable(void **state)
{
    (void)state;
    assert_int_equal(released_by_thread(replace_with_a_set), 202);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_end_of_a_thread_releases_its_bindings),
        BEHAVIOUR(a_copy_keeps_the_values_that_it_was_taken_with),
        BEHAVIOUR(many_variables_stay_apart),
        BEHAVIOUR(a_set_without_memory_changes_nothing_and_takes_nothing),
        BEHAVIOUR(running_in_a_context_changes_neither_it_nor_the_callers),
        BEHAVIOUR(threads_may_share_a_table),
        BEHAVIOUR(a_release_may_read_the_context),
        BEHAVIOUR(a_release_may_set_another_variable),
    };
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
