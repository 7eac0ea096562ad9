/* SPDX-License-Identifier: MIT
 *
 * Debug mode: what was left behind is named with the place where it was made. Calls from a wrong
 * thread are in debug_thread.c, other misuse in task_misuse.c, slow callbacks in slow_callbacks.c.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports.h"
#include "socket_pair.h"
#include "stderr_capture.h"

static hoop_loop *debug_loop(bool debug)
{
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL, .debug = debug};
    hoop_loop *loop = hoop_new_event_loop_with(&options);
    assert_non_null(loop);
    return loop;
}

static void nothing(void *arg)
{
    (void)arg;
}

static int64_t do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t sleep_for_ever(void *arg)
{
    (void)arg;
    return hoop_sleep((double)INFINITY);
}

/* ---- left behind ---- */

/* Each of them leaves something behind in LOOP, which is not running. */

static __attribute__((noinline)) void leave_a_task(hoop_loop *loop)
{
    hoop_task_options options = {.name = "left", .loop = loop};
    hoop_task_detach(hoop_create_task_with(sleep_for_ever, NULL, &options));
    assert_int_equal(hoop_run_once(loop, 0), 0);
}

static __attribute__((noinline)) void leave_a_coroutine_object(hoop_loop *loop)
{
    hoop_coroutine *left = hoop_coroutine_new(loop, do_nothing, NULL);
    assert_non_null(left);
}

static int64_t fail_quietly(void *arg)
{
    (void)arg;
    return hoop_error_set(-EIO, "the disk is on fire");
}

static __attribute__((noinline)) void leave_a_task_error(hoop_loop *loop)
{
    hoop_task_options options = {.name = "failing", .loop = loop};
    hoop_task *task = hoop_create_task_with(fail_quietly, NULL, &options);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_task_detach(task);
}

static __attribute__((noinline)) void leave_a_future_error(hoop_loop *loop)
{
    hoop_future *future = hoop_future_new(loop);
    assert_int_equal(hoop_future_set_error(future, -EPIPE, NULL), 0);
    hoop_future_unref(future);
}

static int64_t create_one(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(sleep_for_ever, NULL);
    hoop_task_detach(task);
    return task != NULL ? 0 : -EIO;
}

static __attribute__((noinline)) void leave_a_task_of_a_task(hoop_loop *loop)
{
    assert_int_equal(hoop_run_until_complete(loop, create_one, NULL), 0);
}

static const struct leaving {
    void (*leave)(hoop_loop *loop);
    const char *says;
    const char *place;
} leavings[] = {
    {leave_a_task, "hoop: task was destroyed but it is pending [task 'left' #1]\ncreated at:\n",
     "leave_a_task+0x"},
    {leave_a_task_of_a_task,
     "hoop: task was destroyed but it is pending [task 'sleep_for_ever' #2]\ncreated at:\n",
     "create_one+0x"},
    {leave_a_coroutine_object,
     "hoop: coroutine object was never started: do_nothing\ncreated at:\n",
     "leave_a_coroutine_object+0x"},
    {leave_a_task_error,
     "hoop: task error was never retrieved [task 'failing' #1]: EIO: Input/output error: the disk "
     "is on fire\ncreated at:\n",
     "leave_a_task_error+0x"},
    {leave_a_future_error,
     "hoop: future error was never retrieved: EPIPE: Broken pipe\ncreated at:\n",
     "leave_a_future_error+0x"},
};

enum { LEAVING_COUNT = sizeof leavings / sizeof leavings[0] };

/* What is said on stderr by the time LOOP has been closed. */
static const char *text_of_leaving(hoop_loop *loop, const struct leaving *leaving)
{
    static struct stderr_capture capture;
    stderr_capture_begin(&capture);
    leaving->leave(loop);
    hoop_close(loop);
    return stderr_capture_end(&capture);
}

static void what_was_left_behind_is_told_with_its_creator(void **state)
{
    (void)state;
    for (int i = 0; i < LEAVING_COUNT; i++) {
        const char *text = text_of_leaving(debug_loop(true), &leavings[i]);
        if (strncmp(text, leavings[i].says, strlen(leavings[i].says)) != 0)
            fail_msg("not \"%s\" but \"%s\"", leavings[i].says, text);
        const char *place = strstr(text, leavings[i].place);
        assert_non_null(place);
        assert_null(strstr(text, "origin_capture")); /* hoop's own frames of no interest */
    }
}

static void without_debug_mode_nobody_remembers_the_creator(void **state)
{
    (void)state;
    for (int i = 0; i < LEAVING_COUNT; i++) {
        const char *text = text_of_leaving(debug_loop(false), &leavings[i]);
        assert_int_equal(strncmp(text, leavings[i].says, 20), 0);
        assert_null(strstr(text, "created at"));
        assert_null(strstr(text, leavings[i].place));
    }
}

static void stay(void *arg)
{
    (void)arg;
}

/* What closing a loop says that watches PAIR's first end, and no longer the second one. */
static const char *text_of_watched(bool debug, const int pair[2])
{
    static struct stderr_capture capture;
    hoop_loop *loop = debug_loop(debug);
    assert_int_equal(hoop_add_reader(loop, pair[0], stay, NULL), 0);
    assert_int_equal(hoop_add_writer(loop, pair[1], stay, NULL), 0);
    assert_int_equal(hoop_remove_writer(loop, pair[1]), 1);
    stderr_capture_begin(&capture);
    hoop_close(loop);
    return stderr_capture_end(&capture);
}

static void a_descriptor_that_is_still_watched_is_told_with_its_callback(void **state)
{
    (void)state;
    int pair[2];
    char expected[128];
    open_pair(pair);
    snprintf(expected, sizeof expected,
             "hoop: a descriptor is still watched, but the loop is closed: descriptor %d, stay (",
             pair[0]);
    const char *text = text_of_watched(true, pair);
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    assert_null(strstr(text + 1, "hoop: "));
    assert_string_equal(text_of_watched(false, pair), "");
    close_pair(pair);
}

/* ---- a handler of the program's ---- */

struct printed {
    char text[4096];
    unsigned origins;
    unsigned count;
};

static void print_origin(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    struct printed *printed = arg;
    (void)loop;
    printed->count++;
    printed->origins += exception->origin != NULL;
    FILE *out = fmemopen(printed->text, sizeof printed->text, "w");
    assert_non_null(out);
    hoop_print_origin(exception->origin, out);
    fclose(out);
}

static void a_handler_of_the_programs_can_print_the_place(void **state)
{
    (void)state;
    for (int i = 0; i < LEAVING_COUNT; i++) {
        static struct printed printed;
        memset(&printed, 0, sizeof printed);
        hoop_loop *loop = debug_loop(true);
        hoop_set_exception_handler(loop, print_origin, &printed);
        assert_string_equal(text_of_leaving(loop, &leavings[i]), "");
        assert_int_equal(printed.count, 1);
        assert_int_equal(printed.origins, 1);
        assert_non_null(strstr(printed.text, leavings[i].place));
    }
}

static void without_debug_mode_it_prints_nothing(void **state)
{
    (void)state;
    static struct printed printed;
    hoop_loop *loop = debug_loop(false);
    hoop_set_exception_handler(loop, print_origin, &printed);
    assert_string_equal(text_of_leaving(loop, &leavings[0]), "");
    assert_int_equal(printed.count, 1);
    assert_int_equal(printed.origins, 0);
    assert_string_equal(printed.text, "");
}

/* ---- on and off ---- */

static void it_can_be_switched_at_any_time(void **state)
{
    (void)state;
    static struct stderr_capture capture;
    hoop_loop *loop = debug_loop(false);
    assert_false(hoop_get_debug(loop));
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_call_later(loop, -1, nothing, NULL), -EINVAL);
    assert_string_equal(stderr_capture_end(&capture), "");
    hoop_set_debug(loop, true);
    assert_true(hoop_get_debug(loop));
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_call_later(loop, -1, nothing, NULL), -EINVAL);
    assert_non_null(strstr(stderr_capture_end(&capture), "hoop_call_later"));
    hoop_set_debug(loop, false);
    assert_false(hoop_get_debug(loop));
    hoop_close(loop);
}

static void a_task_from_before_it_was_switched_on_has_no_place(void **state)
{
    (void)state;
    static struct stderr_capture capture;
    hoop_loop *loop = debug_loop(false);
    stderr_capture_begin(&capture);
    leave_a_task(loop);
    hoop_set_debug(loop, true);
    hoop_close(loop);
    const char *text = stderr_capture_end(&capture);
    assert_string_equal(text, "hoop: task was destroyed but it is pending [task 'left' #1]\n");
}

static bool is_debug(const char *value)
{
    setenv("HOOP_DEBUG", value, 1);
    hoop_loop *loop = debug_loop(false);
    bool debug = hoop_get_debug(loop);
    hoop_close(loop);
    unsetenv("HOOP_DEBUG");
    return debug;
}

static void the_environment_switches_it_on(void **state)
{
    (void)state;
    assert_true(is_debug("1"));
    assert_true(is_debug("yes"));
    assert_false(is_debug(""));
    hoop_loop *loop = debug_loop(false);
    assert_false(hoop_get_debug(loop)); /* no longer set */
    hoop_close(loop);
}

/* ---- failure ---- */

/* Negative if something but the places is missing. */
static int leave_all(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.debug = true});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, arg);
    hoop_future *future = hoop_future_new(loop);
    hoop_task *task =
        hoop_create_task_with(sleep_for_ever, NULL, &(hoop_task_options){.loop = loop});
    hoop_coroutine *coroutine = hoop_coroutine_new(loop, do_nothing, NULL);
    int rc = future == NULL || task == NULL || coroutine == NULL ? hoop_last_error() : 0;
    hoop_future_unref(future);
    hoop_task_detach(task);
    hoop_close(loop);
    return rc;
}

static void without_memory_for_the_place_the_rest_works(void **state)
{
    (void)state;
    static struct stderr_capture capture; /* what could not be made is not NULL's fault */
    struct reports reports = {0};
    stderr_capture_begin(&capture);
    fail_each(HOOP_FAIL_ALLOCATION, leave_all, &reports);
    stderr_capture_end(&capture);
    assert_true(reports.count > 2);
    assert_int_equal(reports.error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_was_left_behind_is_told_with_its_creator),
        BEHAVIOUR(without_debug_mode_nobody_remembers_the_creator),
        BEHAVIOUR(a_descriptor_that_is_still_watched_is_told_with_its_callback),
        BEHAVIOUR(a_handler_of_the_programs_can_print_the_place),
        BEHAVIOUR(without_debug_mode_it_prints_nothing),
        BEHAVIOUR(it_can_be_switched_at_any_time),
        BEHAVIOUR(a_task_from_before_it_was_switched_on_has_no_place),
        BEHAVIOUR(the_environment_switches_it_on),
        BEHAVIOUR(without_memory_for_the_place_the_rest_works),
    };
    return cmocka_run_group_tests_name("debug_mode", tests, NULL, NULL);
}
