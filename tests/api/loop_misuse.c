/* SPDX-License-Identifier: MIT
 *
 * Debug mode: who calls from the wrong thread, uses a closed loop or passes nonsense gets
 * his code and, on stderr, what it means and where it was.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/stderr_capture.h"

static void nothing(void *arg)
{
    (void)arg;
}

static hoop_loop *debug_loop(void)
{
    hoop_loop *loop =
        hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL, .debug = true});
    assert_non_null(loop);
    return loop;
}

/* ---- the wrong thread ---- */

enum { CALLS = 8 };

struct intrusion {
    hoop_loop *loop;
    int64_t results[CALLS];
    struct stderr_capture capture;
    const char *text;
};

static void *intrude(void *arg)
{
    struct intrusion *intrusion = arg;
    hoop_loop *loop = intrusion->loop;
    int64_t *results = intrusion->results;
    results[0] = hoop_call_soon(loop, nothing, NULL);
    results[1] = hoop_call_later(loop, 1, nothing, NULL);
    results[2] = hoop_call_at(loop, 1, nothing, NULL);
    results[3] = hoop_add_reader(loop, 0, nothing, NULL);
    results[4] = hoop_add_writer(loop, 0, nothing, NULL);
    results[5] = hoop_remove_reader(loop, 0);
    results[6] = hoop_remove_writer(loop, 0);
    results[7] = hoop_call_soon_threadsafe(loop, nothing, NULL);
    return NULL;
}

/* Called by the loop, so it runs meanwhile; and waits, so nothing races. */
static void let_a_thread_intrude(void *arg)
{
    struct intrusion *intrusion = arg;
    pthread_t thread;
    stderr_capture_begin(&intrusion->capture);
    assert_int_equal(pthread_create(&thread, NULL, intrude, intrusion), 0);
    pthread_join(thread, NULL);
    intrusion->text = stderr_capture_end(&intrusion->capture);
}

static void the_wrong_thread_is_told_so(void **state)
{
    (void)state;
    static struct intrusion intrusion;
    intrusion = (struct intrusion){.loop = debug_loop()};
    hoop_call_soon(intrusion.loop, let_a_thread_intrude, &intrusion);
    assert_int_equal(hoop_run_once(intrusion.loop, 0), 0);
    for (int i = 0; i < CALLS - 1; i++)
        assert_int_equal(intrusion.results[i], HOOP_ETHREAD);
    assert_int_equal(intrusion.results[CALLS - 1], 0); /* that is what it is for */
    assert_non_null(strstr(intrusion.text, "HOOP_ETHREAD"));
    assert_non_null(strstr(intrusion.text, hoop_strerror(HOOP_ETHREAD)));
    hoop_close(intrusion.loop);
}

static void the_message_names_the_function_that_was_called(void **state)
{
    (void)state;
    const char *functions[] = {
        "hoop_call_soon:",  "hoop_call_later:",    "hoop_call_at:",      "hoop_add_reader:",
        "hoop_add_writer:", "hoop_remove_reader:", "hoop_remove_writer:"};
    static struct intrusion intrusion;
    intrusion = (struct intrusion){.loop = debug_loop()};
    hoop_call_soon(intrusion.loop, let_a_thread_intrude, &intrusion);
    assert_int_equal(hoop_run_once(intrusion.loop, 0), 0);
    for (int i = 0; i < CALLS - 1; i++)
        if (strstr(intrusion.text, functions[i]) == NULL)
            fail_msg("%s is not in: %s", functions[i], intrusion.text);
    hoop_close(intrusion.loop);
}

static void cancel_from_there(void *arg)
{
    struct stderr_capture capture;
    hoop_loop *loop = arg;
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_handle_cancel(loop, -1), 0);
    assert_string_equal(stderr_capture_end(&capture), "");
}

static void the_right_thread_hears_nothing(void **state)
{
    (void)state;
    struct stderr_capture capture;
    hoop_loop *loop = debug_loop();
    stderr_capture_begin(&capture);
    hoop_call_soon(loop, cancel_from_there, loop);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(hoop_call_later(loop, 1, nothing, NULL) > 0);
    hoop_close(loop);
    assert_string_equal(stderr_capture_end(&capture), "");
}

/* While it does not run, a loop belongs to no thread. */
static void *schedule_one(void *loop)
{
    return (void *)(intptr_t)(hoop_call_soon(loop, nothing, NULL) > 0 ? 0 : 1);
}

static void a_loop_at_rest_may_be_used_from_any_thread(void **state)
{
    (void)state;
    pthread_t thread;
    void *failed;
    hoop_loop *loop = debug_loop();
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, schedule_one, loop), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
    hoop_close(loop);
}

/* ---- other misuse ---- */

static void misuse_is_explained_in_debug_mode_alone(void **state)
{
    (void)state;
    for (int debug = 0; debug < 2; debug++) {
        struct stderr_capture capture;
        hoop_callback_fn no_callback = NULL;
        hoop_loop *loop = hoop_loop_ref(virtual_loop());
        hoop_set_debug(loop, debug);
        assert_int_equal(hoop_get_debug(loop), debug);
        stderr_capture_begin(&capture);
        assert_int_equal(hoop_call_soon(loop, no_callback, NULL), -EINVAL);
        assert_int_equal(hoop_call_later(loop, -1, nothing, NULL), -EINVAL);
        assert_int_equal(hoop_run_once(loop, -1), -EINVAL);
        hoop_close(loop);
        assert_int_equal(hoop_call_soon(loop, nothing, NULL), HOOP_ECLOSED);
        assert_int_equal(hoop_run_forever(loop), HOOP_ECLOSED);
        const char *text = stderr_capture_end(&capture);
        assert_int_equal(strstr(text, "hoop_call_later: Invalid argument (EINVAL)") != NULL, debug);
        assert_int_equal(strstr(text, "hoop_run_once: Invalid argument (EINVAL)") != NULL, debug);
        assert_int_equal(strstr(text, "hoop_call_soon: the event loop is closed") != NULL, debug);
        assert_int_equal(strstr(text, "hoop_run_forever: the event loop is closed") != NULL, debug);
        assert_int_equal(text[0] != '\0', debug);
        hoop_loop_unref(loop);
    }
}

static void a_missing_loop_is_no_crash(void **state)
{
    (void)state;
    assert_int_equal(hoop_call_soon(NULL, nothing, NULL), HOOP_ENOLOOP);
    assert_int_equal(hoop_call_later(NULL, 1, nothing, NULL), HOOP_ENOLOOP);
    assert_int_equal(hoop_add_reader(NULL, 0, nothing, NULL), HOOP_ENOLOOP);
    assert_true(hoop_call_soon_threadsafe(NULL, nothing, NULL) < 0);
    assert_true(hoop_run_forever(NULL) < 0);
    assert_true(hoop_run_once(NULL, 0) < 0);
}

static bool debug_of_a_new_loop(const char *value)
{
    if (value != NULL)
        setenv("HOOP_DEBUG", value, 1);
    else
        unsetenv("HOOP_DEBUG");
    hoop_loop *loop = virtual_loop();
    bool debug = hoop_get_debug(loop);
    hoop_close(loop);
    return debug;
}

static void the_environment_can_switch_debug_mode_on(void **state)
{
    (void)state;
    const char *before = getenv("HOOP_DEBUG");
    char *saved = before != NULL ? strdup(before) : NULL;
    assert_false(debug_of_a_new_loop(NULL));
    assert_false(debug_of_a_new_loop(""));
    assert_true(debug_of_a_new_loop("1"));
    assert_true(debug_of_a_new_loop("yes"));
    debug_of_a_new_loop(saved);
    free(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_wrong_thread_is_told_so),
        BEHAVIOUR(the_message_names_the_function_that_was_called),
        BEHAVIOUR(the_right_thread_hears_nothing),
        BEHAVIOUR(a_loop_at_rest_may_be_used_from_any_thread),
        BEHAVIOUR(misuse_is_explained_in_debug_mode_alone),
        BEHAVIOUR(a_missing_loop_is_no_crash),
        BEHAVIOUR(the_environment_can_switch_debug_mode_on),
    };
    return cmocka_run_group_tests_name("loop_misuse", tests, NULL, NULL);
}
