/* SPDX-License-Identifier: MIT
 *
 * Memory: zeroed, counted, refused on overflow and when a test says so.
 */
#include "harness.h"

#include <string.h>

#include "base/alloc.h"

static char *format(const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    char *string = alloc_format(text, arguments);
    va_end(arguments);
    return string;
}

static void what_is_live_is_counted(void **state)
{
    (void)state;
    size_t before = hoop_testing_live_allocations();
    char *zeroed = alloc_zeroed(64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(zeroed[i], 0);
    int *array = alloc_array(NULL, 3, sizeof *array);
    char *copy = alloc_string("copy");
    char *text = format("%d %s", 7, "words");
    assert_int_equal(hoop_testing_live_allocations(), before + 4);
    assert_string_equal(copy, "copy");
    assert_string_equal(text, "7 words");
    alloc_free(zeroed);
    alloc_free(array);
    alloc_free(copy);
    alloc_free(text);
    alloc_free(NULL);
    assert_int_equal(hoop_testing_live_allocations(), before);
}

static void a_grown_array_keeps_its_elements_and_counts_once(void **state)
{
    (void)state;
    size_t before = hoop_testing_live_allocations();
    int *array = NULL;
    for (int i = 0; i < 1000; i++) {
        array = alloc_array(array, (size_t)i + 1, sizeof *array);
        assert_non_null(array);
        array[i] = i;
    }
    assert_int_equal(hoop_testing_live_allocations(), before + 1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(array[i], i);
    alloc_free(array);
}

static void an_array_whose_size_overflows_is_refused_and_the_old_one_stays(void **state)
{
    (void)state;
    assert_null(alloc_array(NULL, SIZE_MAX / 4, 8));
    assert_null(alloc_array(NULL, SIZE_MAX, SIZE_MAX));
    int *array = alloc_array(NULL, 2, sizeof *array);
    array[1] = 5;
    size_t live = hoop_testing_live_allocations();
    assert_null(alloc_array(array, SIZE_MAX / 2 + 2, sizeof *array));
    assert_int_equal(array[1], 5);
    assert_int_equal(hoop_testing_live_allocations(), live);
    alloc_free(array);
}

static void each_way_to_memory_can_be_made_to_fail(void **state)
{
    (void)state;
    int *array = alloc_array(NULL, 2, sizeof *array);
    array[1] = 5;
    size_t live = hoop_testing_live_allocations();
    for (int way = 0; way < 4; way++) {
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
        void *memory = way == 0   ? alloc_zeroed(8)
                       : way == 1 ? alloc_array(array, 4, sizeof *array)
                       : way == 2 ? (void *)alloc_string("text")
                                  : (void *)format("%d", 1);
        assert_null(memory);
        assert_true(hoop_testing_failed());
        assert_int_equal(hoop_testing_live_allocations(), live);
    }
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(array[1], 5);
    alloc_free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_is_live_is_counted),
        BEHAVIOUR(a_grown_array_keeps_its_elements_and_counts_once),
        BEHAVIOUR(an_array_whose_size_overflows_is_refused_and_the_old_one_stays),
        BEHAVIOUR(each_way_to_memory_can_be_made_to_fail),
    };
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
