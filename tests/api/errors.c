/* SPDX-License-Identifier: MIT
 *
 * Error codes: each has a name and words of its own, the system's too, and unknown ones
 * are answered all the same.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
} own_codes[] = {
    {HOOP_ENOTASK, "HOOP_ENOTASK"},
    {HOOP_ENOLOOP, "HOOP_ENOLOOP"},
    {HOOP_ECLOSED, "HOOP_ECLOSED"},
    {HOOP_ERUNNING, "HOOP_ERUNNING"},
    {HOOP_ESTOPPED, "HOOP_ESTOPPED"},
    {HOOP_EPENDING, "HOOP_EPENDING"},
    {HOOP_EDONE, "HOOP_EDONE"},
    {HOOP_EOTHERLOOP, "HOOP_EOTHERLOOP"},
    {HOOP_ETHREAD, "HOOP_ETHREAD"},
    {HOOP_ENOTFUTURE, "HOOP_ENOTFUTURE"},
    {HOOP_ESHUTDOWN, "HOOP_ESHUTDOWN"},
    {HOOP_EBROKEN, "HOOP_EBROKEN"},
    {HOOP_EINCOMPLETE, "HOOP_EINCOMPLETE"},
    {HOOP_ELIMIT, "HOOP_ELIMIT"},
    {HOOP_ETLS, "HOOP_ETLS"},
    {HOOP_ECERTIFICATE, "HOOP_ECERTIFICATE"},
    {HOOP_ECUT, "HOOP_ECUT"},
    {HOOP_EAI_NONAME, "HOOP_EAI_NONAME"},
    {HOOP_EAI_AGAIN, "HOOP_EAI_AGAIN"},
    {HOOP_EAI_FAIL, "HOOP_EAI_FAIL"},
    {HOOP_EAI_SERVICE, "HOOP_EAI_SERVICE"},
    {HOOP_EAI_FAMILY, "HOOP_EAI_FAMILY"},
    {HOOP_EAI_SOCKTYPE, "HOOP_EAI_SOCKTYPE"},
    {HOOP_EHELPER, "HOOP_EHELPER"},
};
enum { OWN_CODES = sizeof own_codes / sizeof own_codes[0] };

static void hoops_own_codes_have_names_and_words(void **state)
{
    (void)state;
    for (int i = 0; i < OWN_CODES; i++) {
        assert_string_equal(hoop_error_name(own_codes[i].code), own_codes[i].name);
        const char *text = hoop_strerror(own_codes[i].code);
        assert_true(strlen(text) > 10);
        assert_string_not_equal(text, "unknown error");
        for (int j = 0; j < i; j++)
            assert_string_not_equal(text, hoop_strerror(own_codes[j].code));
    }
}

/* A code that is added to error.h must come with its words: the next free one has none. */
static void the_table_of_codes_is_complete(void **state)
{
    (void)state;
    int known = 0;
    for (int code = -6000; code <= -5000; code++)
        known += strcmp(hoop_error_name(code), "?") != 0;
    assert_int_equal(known, OWN_CODES);
}

static void the_systems_codes_have_the_systems_names_and_words(void **state)
{
    (void)state;
    assert_string_equal(hoop_error_name(-ENOMEM), "ENOMEM");
    assert_string_equal(hoop_strerror(-ENOMEM), "Cannot allocate memory");
    assert_string_equal(hoop_error_name(-ECANCELED), "ECANCELED");
    assert_string_equal(hoop_error_name(-ETIMEDOUT), "ETIMEDOUT");
    assert_string_equal(hoop_error_name(-EPERM), "EPERM");
    assert_string_equal(hoop_strerror(-EPERM), "Operation not permitted");
}

static void results_are_no_errors(void **state)
{
    (void)state;
    const int64_t results[] = {0, 1, ENOMEM, INT64_MAX};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(hoop_error_name(results[i]), "OK");
        assert_string_equal(hoop_strerror(results[i]), "success");
    }
}

static void unknown_codes_are_answered(void **state)
{
    (void)state;
    const int64_t codes[] = {-4999, -5000, -5999, INT32_MIN, INT64_MIN, -(INT64_C(1) << 32) - 1};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_string_equal(hoop_error_name(codes[i]), "?");
        assert_string_equal(hoop_strerror(codes[i]), "unknown error");
    }
}

static void a_failed_constructor_leaves_its_reason(void **state)
{
    (void)state;
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_null(hoop_new_event_loop());
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_last_error(), -ENOMEM);
    assert_null(hoop_new_event_loop());
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_last_error(), -HOOP_TESTING_ERRNO);
    assert_null(hoop_future_new(NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(hoops_own_codes_have_names_and_words),
        BEHAVIOUR(the_table_of_codes_is_complete),
        BEHAVIOUR(the_systems_codes_have_the_systems_names_and_words),
        BEHAVIOUR(results_are_no_errors),
        BEHAVIOUR(unknown_codes_are_answered),
        BEHAVIOUR(a_failed_constructor_leaves_its_reason),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
