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

/* ---- one that hands on what is not its own ---- */

static void assert_handler(const hoop_loop *loop, hoop_exception_fn fn, const void *arg)
{
    void *found = (void *)(uintptr_t)loop; /* neither */
    assert_true(hoop_get_exception_handler(loop, &found) == fn);
    assert_ptr_equal(found, arg);
    assert_true(hoop_get_exception_handler(loop, NULL) == fn);
}

static void the_handler_in_force_can_be_asked_for(void **state)
{
    (void)state;
    struct heard first = {0}, second = {0};
    hoop_loop *loop = virtual_loop(), *other = virtual_loop();
    assert_handler(loop, NULL, NULL);
    hoop_set_exception_handler(loop, hear, &first);
    assert_handler(loop, hear, &first);
    assert_handler(other, NULL, NULL);
    hoop_set_exception_handler(loop, hear, &second);
    assert_handler(loop, hear, &second);
    hoop_set_exception_handler(loop, NULL, NULL);
    assert_handler(loop, NULL, NULL);
    hoop_close(loop);
    hoop_close(other);
}

/* Takes the errors with one code, and hands on the others. */
struct filter {
    int64_t error;
    int taken;
    hoop_exception_fn next;
    void *next_arg;
};

static void filter(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    struct filter *filter = arg;
    if (exception->error == filter->error)
        filter->taken++;
    else if (filter->next != NULL)
        filter->next(loop, exception, filter->next_arg);
    else
        hoop_default_exception_handler(loop, exception);
}

static void filter_install(struct filter *self, hoop_loop *loop, int64_t error)
{
    *self = (struct filter){.error = error};
    self->next = hoop_get_exception_handler(loop, &self->next_arg);
    hoop_set_exception_handler(loop, filter, self);
}

static void report(hoop_loop *loop, int64_t error)
{
    hoop_call_exception_handler(loop, &(hoop_exception){.message = "oh", .error = error});
}

static void handlers_form_a_chain_each_hands_on_what_is_not_its_own(void **state)
{
    (void)state;
    struct filter inner, outer;
    struct heard last = {0};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, hear, &last);
    filter_install(&inner, loop, -EIO);
    filter_install(&outer, loop, -EPIPE);
    report(loop, -EPIPE);
    report(loop, -EIO);
    report(loop, -EIO);
    report(loop, -ENOENT);
    assert_int_equal(outer.taken, 1);
    assert_int_equal(inner.taken, 2);
    assert_int_equal(last.count, 1);
    assert_ptr_equal(last.loop, loop);
    hoop_set_exception_handler(loop, outer.next, outer.next_arg); /* it leaves the chain */
    report(loop, -EPIPE);
    assert_int_equal(outer.taken, 1);
    assert_int_equal(last.count, 2);
    hoop_close(loop);
}

static void at_the_end_of_a_chain_is_the_default_one(void **state)
{
    (void)state;
    struct filter only;
    struct stderr_capture capture;
    hoop_loop *loop = virtual_loop();
    filter_install(&only, loop, -EIO);
    stderr_capture_begin(&capture);
    report(loop, -EIO);
    assert_string_equal(stderr_capture_end(&capture), "");
    stderr_capture_begin(&capture);
    report(loop, -EPIPE);
    assert_non_null(strstr(stderr_capture_end(&capture), "EPIPE"));
    hoop_set_exception_handler(loop, only.next, only.next_arg); /* sets the default one back */
    assert_handler(loop, NULL, NULL);
    hoop_close(loop);
}

static void hear_once(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    struct filter *self = arg;
    self->taken++;
    hoop_set_exception_handler(loop, self->next, self->next_arg);
    hoop_call_exception_handler(loop, exception);
}

static void a_handler_may_put_the_one_before_it_back(void **state)
{
    (void)state;
    struct filter once = {0};
    struct heard last = {0};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, hear, &last);
    once.next = hoop_get_exception_handler(loop, &once.next_arg);
    hoop_set_exception_handler(loop, hear_once, &once);
    hoop_call_exception_handler(loop, &problem);
    hoop_call_exception_handler(loop, &problem);
    assert_int_equal(once.taken, 1);
    assert_int_equal(last.count, 2);
    assert_ptr_equal(last.exception, &problem);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_handler_hears_of_what_was_handed_in),
        BEHAVIOUR(the_default_one_prints_a_line),
        BEHAVIOUR(a_handler_may_pass_it_on_to_the_default_one),
        BEHAVIOUR(null_sets_the_default_one_back),
        BEHAVIOUR(each_loop_has_its_own_handler),
        BEHAVIOUR(the_handler_in_force_can_be_asked_for),
        BEHAVIOUR(handlers_form_a_chain_each_hands_on_what_is_not_its_own),
        BEHAVIOUR(at_the_end_of_a_chain_is_the_default_one),
        BEHAVIOUR(a_handler_may_put_the_one_before_it_back),
    };
    return cmocka_run_group_tests_name("exception_handler", tests, NULL, NULL);
}
