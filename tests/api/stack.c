/* SPDX-License-Identifier: MIT
 *
 * Stacks: their sizes and limits, how many stay cached, and what guards them.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "reports.h"

enum { KIB = 1024 };

/* Uses about BYTES of stack, and gives their number. */
static __attribute__((noinline)) int64_t use_stack(size_t bytes)
{
    volatile char frame[KIB];
    memset((char *)(uintptr_t)frame, 1, sizeof frame);
    if (bytes <= sizeof frame)
        return frame[0];
    return use_stack(bytes - sizeof frame) + frame[sizeof frame - 1];
}

/* ---- sizes ---- */

static int64_t use_much(void *arg)
{
    return use_stack(*(size_t *)arg);
}

static int64_t use_what_the_options_give(void *arg)
{
    (void)arg;
    static const size_t sizes[] = {256 * KIB, 1024 * KIB, 8192 * KIB, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t wanted = sizes[i] / 2;
        hoop_task_options options = {.stack_size = sizes[i]};
        int64_t used = hoop_await(hoop_create_task_with(use_much, &wanted, &options));
        assert_true(used >= (int64_t)(wanted / KIB));
    }
    return 0;
}

static void a_task_has_the_stack_it_asks_for(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(use_what_the_options_give, NULL), 0);
}

static int64_t loops_stack_size(void *arg)
{
    (void)arg;
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    return (int64_t)info.stack_size + 0 * use_stack(info.stack_size / 8);
}

static int64_t stack_size_with(const hoop_loop_options *options)
{
    hoop_loop *loop = hoop_new_event_loop_with(options);
    assert_non_null(loop);
    int64_t size = hoop_run_until_complete(loop, loops_stack_size, NULL);
    hoop_close(loop);
    return size;
}

static void a_loop_may_have_other_stacks_rounded_up_to_pages(void **state)
{
    (void)state;
    assert_int_equal(stack_size_with(NULL), 65536);
    assert_int_equal(stack_size_with(&(hoop_loop_options){.stack_size = 1 << 20}), 1 << 20);
    int64_t rounded = stack_size_with(&(hoop_loop_options){.stack_size = 100001});
    assert_true(rounded >= 100001 && rounded % sysconf(_SC_PAGESIZE) == 0);
    assert_true(rounded < 100001 + sysconf(_SC_PAGESIZE));
    assert_int_equal(stack_size_with(&(hoop_loop_options){.stack_size = 16384}), 16384);
}

static int64_t nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t ask_for_wrong_sizes(void *arg)
{
    (void)arg;
    static const size_t sizes[] = {1, 4096, 16383, SIZE_MAX, SIZE_MAX - 4095, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        hoop_task_options options = {.stack_size = sizes[i]};
        assert_null(hoop_create_task_with(nothing, NULL, &options));
        assert_int_equal(hoop_last_error(), -EINVAL);
    }
    hoop_task_options options = {.stack_size = 16384};
    return hoop_await(hoop_create_task_with(nothing, NULL, &options));
}

static void a_task_cannot_have_less_than_the_least_or_more_than_there_is(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(ask_for_wrong_sizes, NULL), 0);
}

static void neither_can_a_loop(void **state)
{
    (void)state;
    /* The last one, times the 16 stacks of a slab, would wrap around to 1 MiB. */
    static const size_t sizes[] = {1, 4096, 16383, SIZE_MAX, ((size_t)1 << 60) + 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.stack_size = sizes[i]});
        hoop_close(loop);
        assert_null(loop);
        assert_int_equal(hoop_last_error(), -EINVAL);
    }
}

/* ---- the cache ---- */

static int64_t wait_briefly(void *arg)
{
    (void)arg;
    return hoop_sleep(1);
}

static int64_t fill_the_cache(void *arg)
{
    (void)arg;
    hoop_task *tasks[50];
    hoop_info info;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++)
            tasks[i] = hoop_create_task(wait_briefly, NULL);
        for (int i = 0; i < 50; i++)
            assert_int_equal(hoop_await(tasks[i]), 0);
        hoop_loop_info(hoop_running_loop(), &info);
        assert_int_equal(info.stacks_cached, 10);
        assert_int_equal(info.stacks_in_use, 1);
    }
    return 0;
}

static void no_more_free_stacks_stay_resident_than_the_options_say(void **state)
{
    (void)state;
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL, .stack_cache = 10};
    hoop_loop *loop = hoop_new_event_loop_with(&options);
    assert_int_equal(hoop_run_until_complete(loop, fill_the_cache, NULL), 0);
    hoop_close(loop);
}

/* ---- guards ---- */

static const char *guard_name(void)
{
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    return info.guard;
}

/* Begins a task on a new stack, whose one syscall, to make its guard, fails or not. */
static void begin_one(bool fails)
{
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, fails ? 1 : 0);
    hoop_task *task =
        hoop_create_task_with(wait_briefly, NULL, &(hoop_task_options){.eager = true});
    assert_int_equal(hoop_testing_failed(), fails);
    hoop_testing_fail_nth(0, 0);
    assert_non_null(task);
    assert_false(hoop_task_is_done(task)); /* it runs whether guarded or not */
    hoop_task_detach(task);
}

static int64_t lose_guards(void *arg)
{
    (void)arg;
    if (strcmp(guard_name(), "madvise") == 0) {
        begin_one(false);
        assert_string_equal(guard_name(), "madvise");
        begin_one(true);
    }
    assert_string_equal(guard_name(), "mprotect");
    begin_one(false);
    assert_string_equal(guard_name(), "mprotect");
    begin_one(true);
    assert_string_equal(guard_name(), "none");
    begin_one(false);
    assert_string_equal(guard_name(), "none");
    return hoop_sleep(2);
}

static void loop_info_tells_the_weakest_guard_there_is(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(lose_guards, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_task_has_the_stack_it_asks_for),
        BEHAVIOUR(a_loop_may_have_other_stacks_rounded_up_to_pages),
        BEHAVIOUR(a_task_cannot_have_less_than_the_least_or_more_than_there_is),
        BEHAVIOUR(neither_can_a_loop),
        BEHAVIOUR(no_more_free_stacks_stay_resident_than_the_options_say),
        BEHAVIOUR(loop_info_tells_the_weakest_guard_there_is),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
