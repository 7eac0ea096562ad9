/* SPDX-License-Identifier: MIT
 *
 * Misuse of tasks: what is refused with which code, and what debug mode says about it on
 * stderr.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "reports.h"
#include "stderr_capture.h"

static int64_t nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- awaits outside of a task ---- */

struct targets {
    hoop_loop *loop;
    hoop_task *task;
    hoop_future *future;
    unsigned checks;
};

/* Each of them leaves the reference alone. */
static void assert_no_await_works(struct targets *targets)
{
    assert_int_equal(hoop_await(targets->task), HOOP_ENOTASK);
    assert_int_equal(hoop_shield(targets->task), HOOP_ENOTASK);
    assert_int_equal(hoop_future_await(targets->future), HOOP_ENOTASK);
    assert_int_equal(hoop_future_shield(targets->future), HOOP_ENOTASK);
    assert_int_equal(hoop_future_await(hoop_task_future(targets->task)), HOOP_ENOTASK);
    assert_int_equal(hoop_sleep(0), HOOP_ENOTASK);
    assert_int_equal(hoop_sleep(1), HOOP_ENOTASK);
    targets->checks++;
}

static struct targets targets_new(hoop_loop *loop)
{
    struct targets targets = {
        .loop = loop,
        .task = hoop_create_task_with(nothing, NULL, &(hoop_task_options){.loop = loop}),
        .future = hoop_future_new(loop),
    };
    assert_non_null(targets.task);
    assert_non_null(targets.future);
    return targets;
}

static void targets_done(struct targets *targets)
{
    hoop_task_unref(targets->task);
    hoop_future_unref(targets->future);
    assert_int_equal(hoop_close(targets->loop), 0);
}

static void outside_of_a_loop_nothing_can_be_awaited(void **state)
{
    (void)state;
    struct targets targets = targets_new(virtual_loop());
    assert_no_await_works(&targets);
    assert_int_equal(hoop_run_until_complete(targets.loop, nothing, NULL), 0);
    assert_no_await_works(&targets); /* not even what is done */
    targets_done(&targets);
}

static void await_in_a_callback(void *arg)
{
    assert_no_await_works(arg);
}

static void await_in_a_done_callback(hoop_future *future, void *arg)
{
    (void)future;
    assert_no_await_works(arg);
}

static int64_t sleep_one(void *arg)
{
    (void)arg;
    return hoop_sleep(1);
}

static void a_callback_cannot_await(void **state)
{
    (void)state;
    struct targets targets = targets_new(virtual_loop());
    hoop_future *done = hoop_task_future(targets.task);
    assert_true(hoop_call_soon(targets.loop, await_in_a_callback, &targets) >= 0);
    assert_int_equal(hoop_future_add_done_callback(done, await_in_a_done_callback, &targets), 0);
    assert_int_equal(hoop_run_until_complete(targets.loop, sleep_one, NULL), 0);
    assert_int_equal(targets.checks, 2);
    targets_done(&targets);
}

static int64_t fail_unheard(void *arg)
{
    (void)arg;
    return -EIO;
}

static int64_t let_one_fail(void *arg)
{
    (void)arg;
    hoop_task_detach(hoop_create_task(fail_unheard, NULL));
    return hoop_sleep(1);
}

static void await_in_the_handler(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    assert_int_equal(exception->error, -EIO);
    assert_no_await_works(arg);
}

static void the_exception_handler_of_a_task_that_ends_cannot_await(void **state)
{
    (void)state;
    struct targets targets = targets_new(virtual_loop());
    hoop_set_exception_handler(targets.loop, await_in_the_handler, &targets);
    assert_int_equal(hoop_run_until_complete(targets.loop, let_one_fail, NULL), 0);
    assert_int_equal(targets.checks, 1);
    targets_done(&targets);
}

/* ---- awaits of the wrong thing ---- */

static int64_t await_itself(void *arg)
{
    (void)arg;
    hoop_task *self = hoop_current_task();
    assert_int_equal(hoop_await(self), -EDEADLK);
    assert_int_equal(hoop_shield(self), -EDEADLK);
    assert_int_equal(hoop_future_await(hoop_task_future(self)), -EDEADLK);
    assert_int_equal(hoop_future_shield(hoop_task_future(self)), -EDEADLK);
    return hoop_sleep(1);
}

static void a_task_cannot_await_itself(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_itself, NULL), 0);
}

static int64_t await_a_failed_creation(void *arg)
{
    (void)arg;
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    int64_t rc = hoop_await(hoop_create_task_copy(nothing, "x", 2));
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(rc, -ENOMEM);
    assert_int_equal(hoop_await(hoop_create_task(NULL, NULL)), -EINVAL);
    assert_int_equal(hoop_shield(hoop_create_task(NULL, NULL)), -EINVAL);
    hoop_task_options options = {.stack_size = 16383};
    assert_int_equal(hoop_await(hoop_create_task_with(nothing, NULL, &options)), -EINVAL);
    hoop_loop *closed = hoop_loop_ref(virtual_loop());
    hoop_close(closed);
    options = (hoop_task_options){.loop = closed};
    assert_int_equal(hoop_await(hoop_create_task_with(nothing, NULL, &options)), HOOP_ECLOSED);
    assert_int_equal(hoop_future_await(hoop_future_new(closed)), HOOP_ECLOSED);
    assert_int_equal(hoop_future_shield(hoop_future_new(closed)), HOOP_ECLOSED);
    hoop_loop_unref(closed);
    return 0;
}

static void awaiting_what_could_not_be_created_gives_the_reason(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_a_failed_creation, NULL), 0);
}

static int64_t await_foreign(void *task)
{
    assert_int_equal(hoop_await(task), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_shield(task), HOOP_EOTHERLOOP);
    return 0;
}

static void a_pending_task_of_another_loop_cannot_be_awaited(void **state)
{
    (void)state;
    struct targets targets = targets_new(virtual_loop());
    assert_int_equal(run_virtually(await_foreign, targets.task), 0);
    assert_int_equal(hoop_run_until_complete(targets.loop, nothing, NULL), 0);
    targets_done(&targets);
}

/* ---- creation ---- */

static void a_task_needs_a_loop_and_a_function(void **state)
{
    (void)state;
    assert_null(hoop_create_task(nothing, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    assert_null(hoop_create_task_copy(nothing, "x", 2));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    assert_null(hoop_create_task_with(nothing, NULL, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    hoop_task_options options = {.loop = loop};
    assert_null(hoop_create_task_with(NULL, NULL, &options));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_close(loop);
    assert_null(hoop_create_task_with(nothing, NULL, &options));
    assert_int_equal(hoop_last_error(), HOOP_ECLOSED);
    hoop_loop_unref(loop);
}

/* ---- what debug mode says ---- */

/* The text must explain CODE as a misuse of FUNCTION, once, with the place. */
static void assert_explained(const char *text, const char *function, int code)
{
    char expected[256];
    snprintf(expected, sizeof expected, "hoop: %s: %s (%s), called from:\n", function,
             hoop_strerror(code), hoop_error_name(code));
    if (strncmp(text, expected, strlen(expected)) != 0)
        fail_msg("not \"%s\" but \"%s\"", expected, text);
    assert_null(strstr(text + 1, "hoop: "));
    assert_non_null(strchr(text + strlen(expected), '\n')); /* a line of the call chain */
}

struct misuse {
    hoop_loop *loop;
    struct stderr_capture capture;
};

#define ASSERT_EXPLAINED(misuse, call, function, code) \
    do { \
        stderr_capture_begin(&(misuse)->capture); \
        int64_t rc_ = (call); \
        const char *text_ = stderr_capture_end(&(misuse)->capture); \
        assert_int_equal(rc_, code); \
        assert_explained(text_, function, code); \
    } while (0)

static void misuse_in_a_callback(void *arg)
{
    struct misuse *misuse = arg;
    hoop_task *task = hoop_create_task(nothing, NULL);
    hoop_future *future = hoop_future_new(NULL);
    ASSERT_EXPLAINED(misuse, hoop_sleep(1), "hoop_sleep", HOOP_ENOTASK);
    ASSERT_EXPLAINED(misuse, hoop_await(task), "hoop_await", HOOP_ENOTASK);
    ASSERT_EXPLAINED(misuse, hoop_shield(task), "hoop_shield", HOOP_ENOTASK);
    ASSERT_EXPLAINED(misuse, hoop_future_await(future), "hoop_future_await", HOOP_ENOTASK);
    ASSERT_EXPLAINED(misuse, hoop_future_shield(future), "hoop_future_shield", HOOP_ENOTASK);
    hoop_task_detach(task);
    hoop_future_unref(future);
}

static int64_t misuse_in_a_task(void *arg)
{
    struct misuse *misuse = arg;
    hoop_loop *other = virtual_loop();
    hoop_future *foreign = hoop_future_new(other);
    ASSERT_EXPLAINED(misuse, hoop_await(hoop_current_task()), "hoop_await", -EDEADLK);
    ASSERT_EXPLAINED(misuse, hoop_sleep(-1), "hoop_sleep", -EINVAL);
    ASSERT_EXPLAINED(misuse, hoop_sleep((double)NAN), "hoop_sleep", -EINVAL);
    ASSERT_EXPLAINED(misuse, hoop_future_await(foreign), "hoop_future_await", HOOP_EOTHERLOOP);
    ASSERT_EXPLAINED(misuse, hoop_future_shield(foreign), "hoop_future_shield", HOOP_EOTHERLOOP);
    ASSERT_EXPLAINED(misuse, hoop_close(misuse->loop), "hoop_close", HOOP_ERUNNING);
    ASSERT_EXPLAINED(misuse, hoop_run_until_complete(misuse->loop, nothing, NULL),
                     "hoop_run_until_complete", HOOP_ERUNNING);
    ASSERT_EXPLAINED(misuse, hoop_run(nothing, NULL), "hoop_run", HOOP_ERUNNING);
    hoop_future_unref(foreign);
    hoop_close(other);
    return 0;
}

static int64_t take_the_wrong_kind(void *arg)
{
    struct misuse *misuse = arg;
    hoop_task *task = hoop_current_task();
    hoop_future *future = hoop_future_new(NULL);
    hoop_as_completed *of_tasks = hoop_as_completed_new(&task, 1);
    hoop_as_completed *of_futures = hoop_as_completed_new_futures(&future, 1);
    ASSERT_EXPLAINED(misuse, hoop_as_completed_next(of_futures, &task), "hoop_as_completed_next",
                     -EINVAL);
    ASSERT_EXPLAINED(misuse, hoop_as_completed_next_future(of_tasks, &future),
                     "hoop_as_completed_next_future", -EINVAL);
    hoop_as_completed_free(of_tasks);
    hoop_as_completed_free(of_futures);
    hoop_future_unref(future);
    return 0;
}

static int64_t misuse_everywhere(void *arg)
{
    assert_true(hoop_call_soon(hoop_running_loop(), misuse_in_a_callback, arg) >= 0);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(take_the_wrong_kind(arg), 0);
    return misuse_in_a_task(arg);
}

static void debug_mode_names_the_function_and_the_place(void **state)
{
    (void)state;
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL, .debug = true};
    static struct misuse misuse;
    misuse.loop = hoop_new_event_loop_with(&options);
    assert_int_equal(hoop_run_until_complete(misuse.loop, misuse_everywhere, &misuse), 0);
    hoop_close(misuse.loop);
}

static int64_t code_of_creation(hoop_loop *loop, hoop_coroutine_fn fn, size_t stack_size)
{
    hoop_task_options options = {.loop = loop, .stack_size = stack_size};
    return hoop_create_task_with(fn, NULL, &options) == NULL ? hoop_last_error() : 0;
}

static int64_t code_of_future(hoop_loop *loop)
{
    return hoop_future_new(loop) == NULL ? hoop_last_error() : 0;
}

static int64_t code_of_object(hoop_loop *loop)
{
    return hoop_coroutine_new(loop, nothing, NULL) == NULL ? hoop_last_error() : 0;
}

static void debug_mode_explains_failed_creations_once_under_their_own_name(void **state)
{
    (void)state;
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL, .debug = true};
    static struct misuse misuse;
    hoop_loop *loop = hoop_loop_ref(hoop_new_event_loop_with(&options));
    ASSERT_EXPLAINED(&misuse, code_of_creation(loop, NULL, 0), "hoop_create_task_with", -EINVAL);
    ASSERT_EXPLAINED(&misuse, code_of_creation(loop, nothing, 1), "hoop_create_task_with", -EINVAL);
    hoop_close(loop);
    ASSERT_EXPLAINED(&misuse, code_of_creation(loop, nothing, 0), "hoop_create_task_with",
                     HOOP_ECLOSED);
    ASSERT_EXPLAINED(&misuse, hoop_run_until_complete(loop, nothing, NULL),
                     "hoop_run_until_complete", HOOP_ECLOSED);
    ASSERT_EXPLAINED(&misuse, code_of_future(loop), "hoop_future_new", HOOP_ECLOSED);
    ASSERT_EXPLAINED(&misuse, code_of_object(loop), "hoop_coroutine_new_named", HOOP_ECLOSED);
    hoop_loop_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(outside_of_a_loop_nothing_can_be_awaited),
        BEHAVIOUR(a_callback_cannot_await),
        BEHAVIOUR(the_exception_handler_of_a_task_that_ends_cannot_await),
        BEHAVIOUR(a_task_cannot_await_itself),
        BEHAVIOUR(awaiting_what_could_not_be_created_gives_the_reason),
        BEHAVIOUR(a_pending_task_of_another_loop_cannot_be_awaited),
        BEHAVIOUR(a_task_needs_a_loop_and_a_function),
        BEHAVIOUR(debug_mode_names_the_function_and_the_place),
        BEHAVIOUR(debug_mode_explains_failed_creations_once_under_their_own_name),
    };
    return cmocka_run_group_tests_name("task_misuse", tests, NULL, NULL);
}
