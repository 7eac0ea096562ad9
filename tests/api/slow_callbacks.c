/* SPDX-License-Identifier: MIT
 *
 * Debug mode names what takes long: callbacks of every kind, and steps of tasks. What is slow
 * here takes SLOW seconds for certain, and what must not be named is far below its limit, so
 * a machine that is busy with other things changes nothing.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "reports.h"
#include "socket_pair.h"
#include "stderr_capture.h"

#define SLOW 0.03
#define LIMIT 0.02
#define FAR_LIMIT 20

/* A loop whose slow callbacks take SECONDS or more. */
static hoop_loop *debug_loop(double seconds)
{
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL, .debug = true};
    hoop_loop *loop = hoop_new_event_loop_with(&options);
    assert_non_null(loop);
    assert_int_equal(hoop_set_slow_callback_duration(loop, seconds), 0);
    return loop;
}

static void block(void)
{
    struct timespec rest = {.tv_nsec = (long)(SLOW * 1e9)};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* ---- everything that may be slow ---- */

static void slow_callback(void *arg)
{
    (void)arg;
    block();
}

static void slow_done_callback(hoop_future *future, void *arg)
{
    (void)future;
    (void)arg;
    block();
}

static int64_t slow_first_step(void *arg)
{
    (void)arg;
    block();
    return hoop_sleep(1);
}

static int64_t slow_second_step(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    block();
    return rc;
}

static int pair[2];

static void slow_reader(void *arg)
{
    block();
    hoop_remove_reader(arg, pair[0]);
}

static void slow_writer(void *arg)
{
    block();
    hoop_remove_writer(arg, pair[0]);
}

static void schedule_soon(hoop_loop *loop)
{
    assert_true(hoop_call_soon(loop, slow_callback, NULL) > 0);
}

static void schedule_later(hoop_loop *loop)
{
    assert_true(hoop_call_later(loop, 1, slow_callback, NULL) > 0);
}

static void schedule_at(hoop_loop *loop)
{
    assert_true(hoop_call_at(loop, 1, slow_callback, NULL) > 0);
}

static void post(hoop_loop *loop)
{
    assert_int_equal(hoop_call_soon_threadsafe(loop, slow_callback, NULL), 0);
}

static void watch_readable(hoop_loop *loop)
{
    send_byte(pair[1]);
    assert_int_equal(hoop_add_reader(loop, pair[0], slow_reader, loop), 0);
}

static void watch_writable(hoop_loop *loop)
{
    assert_int_equal(hoop_add_writer(loop, pair[0], slow_writer, loop), 0);
}

static void be_told(hoop_loop *loop)
{
    hoop_future *future = hoop_future_new(loop);
    assert_int_equal(hoop_future_add_done_callback(future, slow_done_callback, NULL), 0);
    assert_int_equal(hoop_future_set_result(future, 1), 0);
    hoop_future_unref(future);
}

static __attribute__((noinline)) void start_task(hoop_loop *loop, hoop_coroutine_fn fn)
{
    hoop_task_options options = {.name = "slow", .loop = loop};
    hoop_task_detach(hoop_create_task_with(fn, NULL, &options));
}

static void start_slow_first(hoop_loop *loop)
{
    start_task(loop, slow_first_step);
}

static void start_slow_second(hoop_loop *loop)
{
    start_task(loop, slow_second_step);
}

static const struct slow {
    void (*schedule)(hoop_loop *loop);
    const char *says; /* before the duration */
} slow_ones[] = {
    {schedule_soon, "hoop: the callback slow_callback ("},
    {schedule_later, "hoop: the callback slow_callback ("},
    {schedule_at, "hoop: the callback slow_callback ("},
    {post, "hoop: the callback slow_callback ("},
    {watch_readable, "hoop: the callback slow_reader ("},
    {watch_writable, "hoop: the callback slow_writer ("},
    {be_told, "hoop: the callback slow_done_callback ("},
    {start_slow_first, "hoop: a step of task 'slow' #1 took "},
    {start_slow_second, "hoop: a step of task 'slow' #1 took "},
};

enum { SLOW_COUNT = sizeof slow_ones / sizeof slow_ones[0] };

static int64_t let_all_run(void *arg)
{
    (void)arg;
    return hoop_sleep(10);
}

/* What is said while SCHEDULE's runs on LOOP, which is closed. */
static const char *text_of(hoop_loop *loop, void (*schedule)(hoop_loop *loop))
{
    static struct stderr_capture capture;
    open_pair(pair);
    stderr_capture_begin(&capture);
    schedule(loop);
    assert_int_equal(hoop_run_until_complete(loop, let_all_run, NULL), 0);
    hoop_close(loop);
    const char *text = stderr_capture_end(&capture);
    close_pair(pair);
    return text;
}

static void assert_says_how_long(const char *text)
{
    const char *took = strstr(text, " took ");
    double seconds = 0;
    assert_non_null(took);
    assert_int_equal(sscanf(took, " took %lf s\n", &seconds), 1);
    assert_true(seconds >= SLOW && seconds < FAR_LIMIT);
    assert_null(strstr(took + 1, " took ")); /* once */
}

static void a_slow_one_is_named_with_its_duration(void **state)
{
    (void)state;
    for (int i = 0; i < SLOW_COUNT; i++) {
        const char *text = text_of(debug_loop(LIMIT), slow_ones[i].schedule);
        if (strncmp(text, slow_ones[i].says, strlen(slow_ones[i].says)) != 0)
            fail_msg("not \"%s\" but \"%s\"", slow_ones[i].says, text);
        assert_says_how_long(text);
    }
}

static void the_place_where_a_slow_task_was_created_is_named(void **state)
{
    (void)state;
    const char *text = text_of(debug_loop(LIMIT), start_slow_first);
    assert_non_null(strstr(text, " s\ncreated at:\n"));
    assert_non_null(strstr(text, "start_task"));
}

static void a_fast_one_is_not_named(void **state)
{
    (void)state;
    for (int i = 0; i < SLOW_COUNT; i++)
        assert_string_equal(text_of(debug_loop(FAR_LIMIT), slow_ones[i].schedule), "");
}

static void without_debug_mode_none_is_named(void **state)
{
    (void)state;
    for (int i = 0; i < SLOW_COUNT; i++) {
        hoop_loop *loop = virtual_loop();
        assert_int_equal(hoop_set_slow_callback_duration(loop, LIMIT), 0);
        assert_string_equal(text_of(loop, slow_ones[i].schedule), "");
    }
}

static void it_counts_from_when_debug_mode_is_on(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_set_slow_callback_duration(loop, LIMIT), 0);
    hoop_set_debug(loop, true);
    assert_says_how_long(text_of(loop, schedule_soon));
}

/* ---- what counts ---- */

static int64_t block_often(void *arg)
{
    (void)arg;
    int rc = 0;
    for (int i = 0; i < 40 && rc == 0; i++) {
        block();
        rc = hoop_sleep(i % 2 * 0.2);
    }
    return rc;
}

static void start_many_short_steps(hoop_loop *loop)
{
    start_task(loop, block_often);
}

static void steps_count_one_by_one_and_waiting_does_not(void **state)
{
    (void)state;
    /* Together they take more than a second of real time, and 4 on the loop's clock. */
    assert_string_equal(text_of(debug_loop(1), start_many_short_steps), "");
}

static void start_eagerly(void *loop)
{
    hoop_task_options options = {.loop = loop, .eager = true};
    hoop_task_detach(hoop_create_task_with(slow_first_step, NULL, &options));
}

static void schedule_eager_start(hoop_loop *loop)
{
    assert_true(hoop_call_soon(loop, start_eagerly, loop) > 0);
}

static void an_eager_tasks_first_step_is_its_starters(void **state)
{
    (void)state;
    const char *text = text_of(debug_loop(LIMIT), schedule_eager_start);
    assert_memory_equal(text, "hoop: the callback start_eagerly (",
                        strlen("hoop: the callback start_eagerly ("));
    assert_says_how_long(text);
}

/* ---- the limit ---- */

static void it_is_a_tenth_of_a_second_by_default(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.debug = true});
    assert_true(hoop_get_slow_callback_duration(loop) == 0.1);
    hoop_close(loop);
}

static void the_limit_can_be_set(void **state)
{
    (void)state;
    static const double limits[] = {0, 1e-9, 0.25, 1e9, (double)INFINITY};
    hoop_loop *loop = virtual_loop();
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        assert_int_equal(hoop_set_slow_callback_duration(loop, limits[i]), 0);
        assert_true(hoop_get_slow_callback_duration(loop) == limits[i]);
    }
    assert_int_equal(hoop_set_slow_callback_duration(loop, -1), -EINVAL);
    assert_int_equal(hoop_set_slow_callback_duration(loop, (double)NAN), -EINVAL);
    assert_true(isinf(hoop_get_slow_callback_duration(loop)));
    hoop_close(loop);
}

static void with_no_limit_at_all_everything_is_named(void **state)
{
    (void)state;
    const char *text = text_of(debug_loop(0), schedule_soon);
    assert_non_null(strstr(text, "hoop: the callback slow_callback ("));
    assert_non_null(strstr(text, "hoop: a step of task 'main' #1 took "));
}

static void an_infinite_limit_names_none(void **state)
{
    (void)state;
    assert_string_equal(text_of(debug_loop((double)INFINITY), schedule_soon), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_slow_one_is_named_with_its_duration),
        BEHAVIOUR(the_place_where_a_slow_task_was_created_is_named),
        BEHAVIOUR(a_fast_one_is_not_named),
        BEHAVIOUR(without_debug_mode_none_is_named),
        BEHAVIOUR(it_counts_from_when_debug_mode_is_on),
        BEHAVIOUR(steps_count_one_by_one_and_waiting_does_not),
        BEHAVIOUR(an_eager_tasks_first_step_is_its_starters),
        BEHAVIOUR(it_is_a_tenth_of_a_second_by_default),
        BEHAVIOUR(the_limit_can_be_set),
        BEHAVIOUR(with_no_limit_at_all_everything_is_named),
        BEHAVIOUR(an_infinite_limit_names_none),
    };
    return cmocka_run_group_tests_name("slow_callbacks", tests, NULL, NULL);
}
