/* SPDX-License-Identifier: MIT
 *
 * Misuse: the code comes back, and is explained when asked for. Names and texts of codes
 * are in tests/api/errors.c.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "api/stderr_capture.h"
#include "base/check.h"

static void misuse_is_silent_unless_it_is_to_explain(void **state)
{
    (void)state;
    struct stderr_capture capture;
    stderr_capture_begin(&capture);
    assert_int_equal(misuse(false, HOOP_ECLOSED, "some_function"), HOOP_ECLOSED);
    assert_string_equal(stderr_capture_end(&capture), "");
    stderr_capture_begin(&capture);
    assert_int_equal(misuse(true, HOOP_ECLOSED, "some_function"), HOOP_ECLOSED);
    const char *text = stderr_capture_end(&capture);
    assert_non_null(strstr(text, "hoop: some_function: the event loop is closed (HOOP_ECLOSED)"));
    const char *chain = strchr(text, '\n');
    assert_non_null(chain);
    const char *here = "\n  misuse_is_silent_unless_it_is_to_explain+0x";
    assert_memory_equal(chain, here, strlen(here));
}

static void misuse_of_what_returns_a_pointer_is_remembered(void **state)
{
    (void)state;
    assert_null(failed(misuse(false, -ENOMEM, "some_function")));
    assert_int_equal(hoop_last_error(), -ENOMEM);
    failed(0);
    assert_int_equal(hoop_last_error(), 0);
}

static void *last_error_here(void *ret_code)
{
    *(int *)ret_code = hoop_last_error();
    failed(-EIO);
    return NULL;
}

static void each_thread_has_its_own_last_error(void **state)
{
    (void)state;
    pthread_t thread;
    int there = -1;
    failed(-ENOMEM);
    assert_int_equal(pthread_create(&thread, NULL, last_error_here, &there), 0);
    pthread_join(thread, NULL);
    assert_int_equal(there, 0);
    assert_int_equal(hoop_last_error(), -ENOMEM);
    failed(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(misuse_is_silent_unless_it_is_to_explain),
        BEHAVIOUR(misuse_of_what_returns_a_pointer_is_remembered),
        BEHAVIOUR(each_thread_has_its_own_last_error),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
