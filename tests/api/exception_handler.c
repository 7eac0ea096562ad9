/* SPDX-License-Identifier: MIT
 *
 * The exception handler: who is told, with what, and what the default one prints.
 * Which task problems reach it is shown in the tests of tasks.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "api/stderr_capture.h"

struct heard {
    int count;
    hoop_loop *loop;
    const hoop_exception *exception;
    bool pass_on;
};

static void hear(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    struct heard *heard = arg;
    heard->count++;
    heard->loop = loop;
    heard->exception = exception;
    if (heard->pass_on)
        hoop_default_exception_handler(loop, exception);
}

static const hoop_exception problem = {
    .message = "something broke", .error = -ENOENT, .error_message = "opening the door"};

static void the_handler_hears_of_what_was_handed_in(void **state)
{
    (void)state;
    struct stderr_capture capture;
    struct heard heard = {0};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, hear, &heard);
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(loop, &problem);
    assert_string_equal(stderr_capture_end(&capture), ""); /* it replaces the default one */
    assert_int_equal(heard.count, 1);
    assert_ptr_equal(heard.loop, loop);
    assert_ptr_equal(heard.exception, &problem);
    hoop_close(loop);
}

static void the_default_one_prints_a_line(void **state)
{
    (void)state;
    struct stderr_capture capture;
    hoop_loop *loop = virtual_loop();
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(loop, &problem);
    assert_string_equal(
        stderr_capture_end(&capture),
        "hoop: something broke: ENOENT: No such file or directory: opening the door\n");
    hoop_exception bare = {.message = "no details"};
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(NULL, &bare);
    assert_string_equal(stderr_capture_end(&capture), "hoop: no details\n");
    hoop_close(loop);
}

static void a_handler_may_pass_it_on_to_the_default_one(void **state)
{
    (void)state;
    struct stderr_capture capture;
    struct heard heard = {.pass_on = true};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, hear, &heard);
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(loop, &problem);
    assert_non_null(strstr(stderr_capture_end(&capture), "something broke"));
    assert_int_equal(heard.count, 1);
    hoop_close(loop);
}

static void null_sets_the_default_one_back(void **state)
{
    (void)state;
    struct stderr_capture capture;
    struct heard heard = {0}, second = {0};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, hear, &heard);
    hoop_set_exception_handler(loop, hear, &second);
    hoop_call_exception_handler(loop, &problem);
    assert_int_equal(heard.count, 0);
    assert_int_equal(second.count, 1);
    hoop_set_exception_handler(loop, NULL, NULL);
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(loop, &problem);
    assert_non_null(strstr(stderr_capture_end(&capture), "something broke"));
    assert_int_equal(second.count, 1);
    hoop_close(loop);
}

static void each_loop_has_its_own_handler(void **state)
{
    (void)state;
    struct heard first = {0}, second = {0};
    hoop_loop *a = virtual_loop();
    hoop_loop *b = virtual_loop();
    hoop_set_exception_handler(a, hear, &first);
    hoop_set_exception_handler(b, hear, &second);
    hoop_call_exception_handler(b, &problem);
    assert_int_equal(first.count, 0);
    assert_int_equal(second.count, 1);
    assert_ptr_equal(second.loop, b);
    hoop_close(a);
    hoop_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_handler_hears_of_what_was_handed_in),
        BEHAVIOUR(the_default_one_prints_a_line),
        BEHAVIOUR(a_handler_may_pass_it_on_to_the_default_one),
        BEHAVIOUR(null_sets_the_default_one_back),
        BEHAVIOUR(each_loop_has_its_own_handler),
    };
    return cmocka_run_group_tests_name("exception_handler", tests, NULL, NULL);
}
