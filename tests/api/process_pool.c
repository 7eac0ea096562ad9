/* SPDX-License-Identifier: MIT
 *
 * Jobs in helper processes: what goes in, what comes out, and which way.
 */
#include "pool.h"

/* ---- results ---- */

WITH_A_POOL(1, a_job_runs_in_another_process)
{
    int pid = helper_pid(pool);
    assert_true(pid > 0);
    assert_int_not_equal(pid, getpid());
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(helper_pid(pool), pid); /* it stays */
}

WITH_A_POOL(1, bytes_go_in_and_come_out)
{
    char output[8] = "-------";
    hoop_job job = {reverse, "abcde", 5, output, sizeof output};
    assert_int_equal(hoop_run_job(pool, &job), 5);
    assert_string_equal(output, "edcba--"); /* no more than was written */
}

WITH_A_POOL(1, without_room_the_result_is_any_number)
{
    const int64_t numbers[] = {0, 1, INT64_MAX};
    for (int i = 0; i < 3; i++) {
        hoop_job job = {.fn = echo, .input = &numbers[i], .input_size = sizeof numbers[i]};
        assert_true(hoop_run_job(pool, &job) == numbers[i]);
    }
}

WITH_A_POOL(1, an_error_of_the_function_is_the_result)
{
    const int64_t errors[] = {-EIO, HOOP_EINCOMPLETE, -ECANCELED, INT32_MIN};
    for (int i = 0; i < 4; i++) {
        hoop_job job = {.fn = echo, .input = &errors[i], .input_size = sizeof errors[i]};
        int64_t result = hoop_run_job(pool, &job);
        if (result != errors[i])
            fail_msg("%lld became %lld", (long long)errors[i], (long long)result);
    }
}

WITH_A_POOL(1, a_submitted_job_has_a_future)
{
    char outputs[3][4] = {"", "", ""};
    hoop_future *futures[3];
    for (int i = 0; i < 3; i++) {
        char *input = (char *[]){"abc", "def", "ghi"}[i];
        futures[i] = hoop_submit_job(pool, &(hoop_job){reverse, input, 3, outputs[i], 3});
        assert_non_null(futures[i]);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_future_await(futures[i]), 3);
        hoop_future_unref(futures[i]);
    }
    assert_string_equal(outputs[0], "cba");
    assert_string_equal(outputs[1], "fed");
    assert_string_equal(outputs[2], "ihg");
}

static int64_t boast(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output;
    return (int64_t)room + 1;
}

static int64_t run_boast(void *pool)
{
    char output[100];
    char *large = malloc(1 << 20);
    char *shared = hoop_shared_new(10);
    hoop_job job = {.fn = boast, .output = output, .room = sizeof output};
    assert_int_equal(hoop_run_job(pool, &job), -EOVERFLOW);
    assert_string_equal(hoop_error_message(),
                        "the function has written 101 bytes, with room for 100");
    job = (hoop_job){.fn = boast, .output = large, .room = 1 << 20};
    assert_int_equal(hoop_run_job(pool, &job), -EOVERFLOW);
    job = (hoop_job){.fn = boast, .output = shared, .room = 10};
    assert_int_equal(hoop_run_job(pool, &job), -EOVERFLOW);
    job = (hoop_job){.fn = boast};
    assert_int_equal(hoop_run_job(pool, &job), 1);
    free(large);
    hoop_shared_free(shared);
    return 0;
}

static void more_output_than_room_is_an_error(void **state)
{
    (void)state;
    run_with(
        pool_with((hoop_process_pool_options){.functions = (const hoop_job_fn[]){boast, NULL}}),
        run_boast);
}

WITH_A_POOL(1, a_function_that_was_not_named_is_refused)
{
    assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = boast}), -ENOENT);
    assert_string_equal(hoop_error_message(), "the job's function is not among the pool's");
    assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = NULL}), -EINVAL);
    assert_true(helper_pid(pool) > 0);
}

WITH_A_POOL(1, a_function_of_this_process_is_refused)
{
    atomic_int calls = 0;
    assert_int_equal(hoop_run_in_executor(pool, count_call, &calls), -EOPNOTSUPP);
    assert_string_equal(hoop_error_message(), "a process pool runs jobs only: hoop_run_job");
    hoop_future *future = hoop_executor_submit(pool, count_call, &calls);
    assert_int_equal(hoop_future_await(future), -EOPNOTSUPP);
    hoop_future_unref(future);
    assert_int_equal(calls, 0);
}

/* ---- sizes ---- */

/* Around the limits of a message, of pages, and of what a worker keeps. */
static const size_t sizes[] = {
    0,     1,     4095,    4096,    4097,    65535,         65536,
    65537, 70000, 1 << 20, 4 << 20, 5 << 20, (5 << 20) + 1, 100,
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void fill_bytes(unsigned char *bytes, size_t size, size_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

static void assert_reversed(const unsigned char *a, const unsigned char *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[size - 1 - i])
            fail_msg("byte %zu of %zu is wrong", i, size);
}

static void reverse_all(hoop_executor *pool, unsigned char *input, unsigned char *output)
{
    for (int i = 0; i < SIZES; i++) {
        fill_bytes(input, sizes[i], (size_t)i);
        hoop_job job = {reverse, input, sizes[i], output, sizes[i]};
        assert_int_equal(hoop_run_job(pool, &job), sizes[i]);
        assert_reversed(input, output, sizes[i]);
    }
}

enum { MOST = (5 << 20) + 1 };

WITH_A_POOL(1, bytes_of_all_sizes_come_through)
{
    unsigned char *input = malloc(MOST), *output = malloc(MOST);
    reverse_all(pool, input, output);
    free(input);
    free(output);
}

WITH_A_POOL(1, bytes_in_shared_buffers_come_through)
{
    unsigned char *input = hoop_shared_new(MOST + 3), *output = hoop_shared_new(MOST + 5000);
    assert_non_null(input);
    assert_non_null(output);
    reverse_all(pool, input, output);
    reverse_all(pool, input + 3, output + 5000); /* anywhere in them */
    hoop_shared_free(input);
    hoop_shared_free(output);
}

WITH_A_POOL(1, input_and_output_may_lie_in_one_shared_buffer)
{
    unsigned char *buffer = hoop_shared_new(2 * MOST);
    reverse_all(pool, buffer, buffer + MOST);
    hoop_job job = {fill, buffer, 1, buffer, 2 * MOST};
    buffer[0] = 'x';
    assert_int_equal(hoop_run_job(pool, &job), 2 * MOST);
    assert_int_equal(buffer[2 * MOST - 1], 'x');
    hoop_shared_free(buffer);
}

WITH_A_POOL(1, one_side_may_be_shared_and_the_other_not)
{
    unsigned char *shared = hoop_shared_new(MOST), *plain = malloc(MOST);
    reverse_all(pool, shared, plain);
    reverse_all(pool, plain, shared);
    free(plain);
    hoop_shared_free(shared);
}

/* ---- in place ---- */

/* The job is not over, and what it writes is here: nothing was copied at either end. */
WITH_A_POOL(1, a_helper_writes_where_this_process_reads)
{
    struct shared_gate *gate = shared_gate_new();
    hoop_job job = job_at(wait_at_gate, gate);
    hoop_future *future = hoop_submit_job(pool, &job);
    sem_take(&gate->begun);
    assert_true(gate->pid > 0 && gate->pid != getpid());
    assert_int_equal(gate->ends, 0);
    sem_post(&gate->open); /* and the other way round */
    assert_int_equal(hoop_future_await(future), 1);
    assert_int_equal(gate->ends, 1);
    hoop_future_unref(future);
    shared_gate_free(gate);
}

enum { HUGE = 64 << 20 };

static long own_memory(void)
{
    long pages = 0, resident = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_int_equal(fscanf(file, "%ld %ld %ld", &pages, &resident, &shared), 3);
    fclose(file);
    return (resident - shared) * sysconf(_SC_PAGESIZE);
}

WITH_A_POOL(1, a_huge_shared_buffer_takes_no_second_one)
{
    unsigned char *huge = hoop_shared_new(HUGE);
    assert_non_null(huge);
    huge[0] = 1;
    huge[HUGE - 1] = 2;
    assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = echo, .input = huge, .input_size = 1}),
                     1);
    long before = own_memory();
    assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = sum, .input = huge, .input_size = HUGE}),
                     3);
    assert_true(own_memory() - before < HUGE / 8);
    hoop_shared_free(huge);
}

static int64_t scribble(const void *input, size_t size, void *output, size_t room)
{
    (void)size, (void)output, (void)room;
    *(volatile char *)(uintptr_t)input = 1;
    return 0;
}

static int64_t run_scribble(void *pool)
{
    char *shared = hoop_shared_new(1);
    hoop_job job = {.fn = scribble, .input = shared, .input_size = 1};
    assert_int_equal(hoop_run_job(pool, &job), HOOP_EHELPER);
    assert_int_equal(shared[0], 0);
    hoop_shared_free(shared);
    return 0;
}

static void input_in_a_shared_buffer_can_be_read_only(void **state)
{
    (void)state;
    run_with(
        pool_with((hoop_process_pool_options){.functions = (const hoop_job_fn[]){scribble, NULL}}),
        run_scribble);
}

/* ---- shared buffers by themselves ---- */

static void a_shared_buffer_is_zeroed_and_page_aligned(void **state)
{
    (void)state;
    unsigned char *buffer = hoop_shared_new(10000);
    assert_non_null(buffer);
    assert_int_equal((uintptr_t)buffer % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buffer[i], 0);
    hoop_shared_free(buffer);
    hoop_shared_free(NULL);
}

static void there_is_no_shared_buffer_of_nothing_or_too_much(void **state)
{
    (void)state;
    assert_null(hoop_shared_new(0));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_null(hoop_shared_new(SIZE_MAX));
    assert_int_equal(hoop_last_error(), -ENOMEM);
    assert_null(hoop_shared_new(SIZE_MAX / 4));
    assert_true(hoop_last_error() < 0);
}

static void freeing_what_is_no_shared_buffer_does_nothing(void **state)
{
    (void)state;
    char *buffer = hoop_shared_new(2);
    char plain = 0;
    hoop_shared_free(&plain);
    hoop_shared_free(buffer + 1);
    buffer[1] = 1; /* it is still there */
    hoop_shared_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_job_runs_in_another_process),
        BEHAVIOUR(bytes_go_in_and_come_out),
        BEHAVIOUR(without_room_the_result_is_any_number),
        BEHAVIOUR(an_error_of_the_function_is_the_result),
        BEHAVIOUR(a_submitted_job_has_a_future),
        BEHAVIOUR(more_output_than_room_is_an_error),
        BEHAVIOUR(a_function_that_was_not_named_is_refused),
        BEHAVIOUR(a_function_of_this_process_is_refused),
        BEHAVIOUR(bytes_of_all_sizes_come_through),
        BEHAVIOUR(bytes_in_shared_buffers_come_through),
        BEHAVIOUR(input_and_output_may_lie_in_one_shared_buffer),
        BEHAVIOUR(one_side_may_be_shared_and_the_other_not),
        BEHAVIOUR(a_helper_writes_where_this_process_reads),
        BEHAVIOUR(a_huge_shared_buffer_takes_no_second_one),
        BEHAVIOUR(input_in_a_shared_buffer_can_be_read_only),
        BEHAVIOUR(a_shared_buffer_is_zeroed_and_page_aligned),
        BEHAVIOUR(there_is_no_shared_buffer_of_nothing_or_too_much),
        BEHAVIOUR(freeing_what_is_no_shared_buffer_does_nothing),
    };
    return cmocka_run_group_tests_name("process_pool", tests, NULL, NULL);
}
