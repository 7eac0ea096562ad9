/* SPDX-License-Identifier: MIT
 *
 * Origins: who made it is named first, and nothing but its memory is kept.
 */
#include "harness.h"

#include <string.h>

#include "base/origin.h"

/* Called through this, a function is neither inlined nor cloned. */
static struct hoop_origin *(*volatile call)(unsigned depth);

/* An origin that DEPTH further calls lead to. */
static struct hoop_origin *make(unsigned depth)
{
    struct hoop_origin *origin = depth > 0 ? call(depth - 1) : origin_capture();
    static volatile int after;
    after++;
    return origin;
}

static const char *print(const struct hoop_origin *origin)
{
    static char text[16384];
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    origin_print(origin, out);
    fclose(out);
    return text;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void an_origin_begins_with_whoever_asked_for_it(void **state)
{
    (void)state;
    call = make;
    struct hoop_origin *origin = call(0);
    assert_non_null(origin);
    const char *text = print(origin);
    assert_memory_equal(text, "  make+0x", strlen("  make+0x"));
    assert_non_null(strstr(text, "  an_origin_begins_with_whoever_asked_for_it+0x"));
    origin_free(origin);
}

static void an_origin_has_sixteen_frames_at_most(void **state)
{
    (void)state;
    call = make;
    struct hoop_origin *origin = call(100);
    assert_non_null(origin);
    assert_int_equal(count_lines(print(origin)), 16);
    origin_free(origin);
}

static int capture_and_print(void *arg)
{
    (void)arg;
    struct hoop_origin *origin = call(0);
    if (origin == NULL)
        return -1;
    assert_true(count_lines(print(origin)) > 0);
    origin_free(origin);
    return 0;
}

static void without_memory_there_is_no_origin(void **state)
{
    (void)state;
    call = make;
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_null(call(0));
    hoop_testing_fail_nth(0, 0);
    fail_each(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, capture_and_print, NULL);
}

static void no_origin_prints_and_frees_nothing(void **state)
{
    (void)state;
    assert_string_equal(print(NULL), "");
    origin_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_origin_begins_with_whoever_asked_for_it),
        BEHAVIOUR(an_origin_has_sixteen_frames_at_most),
        BEHAVIOUR(without_memory_there_is_no_origin),
        BEHAVIOUR(no_origin_prints_and_frees_nothing),
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
