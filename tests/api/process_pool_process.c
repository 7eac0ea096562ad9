/* SPDX-License-Identifier: MIT
 *
 * What a helper is like: what it has of the program, what it may do, how many there are and for
 * how long.
 */
#include "child.h"
#include "pool.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>

static void run_functions(const hoop_job_fn *functions, hoop_coroutine_fn fn)
{
    run_with(pool_with((hoop_process_pool_options){.functions = functions, .max_workers = 1}), fn);
}

/* ---- how many ---- */

WITH_A_POOL(2, several_helpers_work_at_once)
{
    struct shared_gate *gates[] = {shared_gate_new(), shared_gate_new()};
    hoop_future *futures[2];
    for (int i = 0; i < 2; i++) {
        hoop_job job = job_at(wait_at_gate, gates[i]);
        futures[i] = hoop_submit_job(pool, &job);
    }
    for (int i = 0; i < 2; i++)
        sem_take(&gates[i]->begun);
    assert_int_equal(hoop_executor_workers(pool), 2);
    assert_int_not_equal(gates[0]->pid, gates[1]->pid);
    for (int i = 0; i < 2; i++)
        sem_post(&gates[i]->open);
    assert_int_equal(hoop_gather_futures(futures, 2, NULL, 0), 0);
    for (int i = 0; i < 2; i++) {
        hoop_future_unref(futures[i]);
        shared_gate_free(gates[i]);
    }
}

static int64_t run_five(void *pool)
{
    int pids[5];
    for (int i = 0; i < 5; i++)
        pids[i] = helper_pid(pool);
    assert_int_equal(pids[0], pids[1]);
    assert_int_not_equal(pids[1], pids[2]);
    assert_int_equal(pids[2], pids[3]);
    assert_int_not_equal(pids[3], pids[4]);
    return 0;
}

static void a_helper_goes_after_as_many_jobs_as_it_may_run(void **state)
{
    (void)state;
    run_with(pool_with((hoop_process_pool_options){.max_workers = 1, .max_jobs = 2}), run_five);
}

static int64_t use_two_pools(void *arg)
{
    (void)arg;
    hoop_executor *pools[] = {pool_of(1), pool_of(1)};
    int first = helper_pid(pools[0]), second = helper_pid(pools[1]);
    assert_true(first > 0 && second > 0 && first != second);
    executor_end(pools[0]);
    assert_int_equal(helper_pid(pools[1]), second);
    executor_end(pools[1]);
    return 0;
}

static void pools_have_nothing_to_do_with_each_other(void **state)
{
    (void)state;
    assert_int_equal(run_really(use_two_pools, NULL), 0); /* made in a task */
    no_child_is_left();
}

static int64_t use_it(void *pool)
{
    for (int i = 0; i < 50; i++)
        if (run_int(pool, echo, i) != i)
            return -EIO;
    return 0;
}

static void several_loops_may_use_one_pool(void **state)
{
    (void)state;
    hoop_executor *pool = pool_of(2);
    assert_int_equal(hoop_run_threads(3, use_it, pool), 0);
    pool_end(pool);
}

/* ---- what it has ---- */

static int64_t greeting;

static void begin(void *arg)
{
    greeting += *(int *)arg;
}

static int64_t tell_greeting(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output, (void)room;
    return greeting;
}

static int64_t expect_greeting(void *pool)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = tell_greeting}), 105);
    return 0;
}

static void a_helper_begins_with_what_the_program_has_and_begin(void **state)
{
    (void)state;
    int five = 5;
    greeting = 100;
    hoop_executor *pool = pool_with((hoop_process_pool_options){
        .functions = (const hoop_job_fn[]){tell_greeting, NULL},
        .max_workers = 1,
        .begin = begin,
        .arg = &five,
    });
    greeting = 0; /* too late */
    five = 0;
    run_with(pool, expect_greeting);
}

/* How many descriptors above the standard ones, and the sum of these. */
static int64_t count_descriptors(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output, (void)room;
    int count = 0, standard = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return -errno;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name);
        bool is_own = fd == dirfd(directory) || entry->d_name[0] == '.';
        count += !is_own && fd > 2;
        standard += !is_own && fd <= 2;
    }
    closedir(directory);
    return standard * 100 + count;
}

static int64_t expect_descriptors(void *pool)
{
    hoop_job job = {.fn = count_descriptors};
    assert_int_equal(hoop_run_job(pool, &job), 301);
    char *shared = hoop_shared_new(100);
    job = (hoop_job){count_descriptors, shared, 10, shared + 50, 10000};
    job.room = 50;
    assert_int_equal(hoop_run_job(pool, &job), -EOVERFLOW); /* 301 > 50 */
    job = (hoop_job){.fn = count_descriptors};
    assert_int_equal(hoop_run_job(pool, &job), 301); /* nor did those of that job stay */
    hoop_shared_free(shared);
    return 0;
}

static void a_helper_has_the_standard_descriptors_and_its_channel(void **state)
{
    (void)state;
    if (UNDER_VALGRIND)
        skip();                           /* it has some of its own */
    int fd = open("/dev/null", O_RDONLY); /* not closed on exec */
    run_functions((const hoop_job_fn[]){count_descriptors, NULL}, expect_descriptors);
    close(fd);
}

static int64_t tell_descriptors(void *pool)
{
    return hoop_run_job(pool, &(hoop_job){.fn = count_descriptors});
}

static void make_without_standard_ones(void *arg)
{
    (void)arg;
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    hoop_executor *pool = pool_with((hoop_process_pool_options){
        .functions = (const hoop_job_fn[]){count_descriptors, NULL}, .max_workers = 1});
    int64_t count = hoop_run(tell_descriptors, pool);
    executor_end(pool);
    _exit(count == 101 ? 0 : 1); /* stderr and the channel, which is not taken for another one */
}

static void a_program_without_standard_descriptors_may_have_a_pool(void **state)
{
    (void)state;
    if (UNDER_VALGRIND)
        skip();
    struct child child = child_run(make_without_standard_ones, NULL);
    assert_int_equal(child.status, 0);
}

static int64_t tell_name(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size;
    if (room < 16)
        return -ENOBUFS;
    prctl(PR_GET_NAME, output);
    return (int64_t)strlen(output);
}

static int64_t expect_name(void *pool)
{
    char name[17] = "";
    hoop_job job = {.fn = tell_name, .output = name, .room = 16};
    assert_int_equal(hoop_run_job(pool, &job), 15);
    assert_string_equal(name, "a name that is ");
    return 0;
}

static void a_helper_has_a_name(void **state)
{
    (void)state;
    run_with(
        pool_with((hoop_process_pool_options){.functions = (const hoop_job_fn[]){tell_name, NULL},
                                              .max_workers = 1,
                                              .name = "a name that is too long"}),
        expect_name);
}

/* ---- what it does ---- */

static int64_t say(const void *input, size_t size, void *output, size_t room)
{
    (void)output, (void)room;
    return printf("%.*s", (int)size, (const char *)input);
}

static int64_t let_it_say(void *pool)
{
    hoop_job job = {.fn = say, .input = "from a helper", .input_size = 13};
    assert_int_equal(hoop_run_job(pool, &job), 13);
    return 0;
}

static void what_a_helper_prints_is_there_when_the_job_is_done(void **state)
{
    (void)state;
    char text[64] = "";
    FILE *file = tmpfile();
    fflush(stdout);
    int old = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    printf("from the program, ");
    run_functions((const hoop_job_fn[]){say, NULL}, let_it_say);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    child_read_text(file, text, sizeof text);
    assert_string_equal(text, "from the program, from a helper"); /* each of it once */
}

WITH_A_POOL(1, an_interrupt_for_all_leaves_helpers_alone)
{
    int pid = helper_pid(pool);
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(helper_pid(pool), pid);
    assert_int_equal(run_int(pool, die, SIGINT), 0);
}

static int64_t await_something(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output, (void)room;
    if (hoop_running_loop() != NULL || hoop_current_task() != NULL)
        return 1;
    return hoop_sleep(0);
}

static int64_t make_and_await(void *arg)
{
    (void)arg;
    hoop_executor *pool = pool_with((hoop_process_pool_options){
        .functions = (const hoop_job_fn[]){await_something, NULL}, .max_workers = 1});
    assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = await_something}), HOOP_ENOTASK);
    executor_end(pool);
    return 0;
}

static void a_helper_is_in_no_task(void **state)
{
    (void)state;
    assert_int_equal(run_really(make_and_await, NULL), 0);
    no_child_is_left();
}

static int64_t allocate(const void *input, size_t size, void *output, size_t room)
{
    (void)size, (void)output, (void)room;
    size_t wanted = *(const size_t *)input;
    char *memory = malloc(wanted);
    if (memory == NULL)
        return -ENOMEM;
    memset(memory, 1, wanted);
    int64_t sum = memory[0] + memory[wanted - 1];
    free(memory);
    return sum;
}

static int64_t allocate_too_much(void *pool)
{
    size_t size = 8 << 20;
    hoop_job job = {.fn = allocate, .input = &size, .input_size = sizeof size};
    assert_int_equal(hoop_run_job(pool, &job), 2);
    size = 64 << 20;
    assert_int_equal(hoop_run_job(pool, &job), -ENOMEM);
    char *shared = hoop_shared_new(size); /* what is shared does not count */
    job = (hoop_job){.fn = allocate, .input = shared, .input_size = size};
    *(size_t *)shared = 8 << 20;
    assert_int_equal(hoop_run_job(pool, &job), 2);
    hoop_shared_free(shared);
    return 0;
}

static void a_helper_has_no_more_memory_than_it_may_have(void **state)
{
    (void)state;
    if (UNDER_SANITIZER || UNDER_VALGRIND || UNDER_EMULATOR)
        skip();
    run_with(
        pool_with((hoop_process_pool_options){.functions = (const hoop_job_fn[]){allocate, NULL},
                                              .max_workers = 1,
                                              .max_memory = 16 << 20}),
        allocate_too_much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(several_helpers_work_at_once),
        BEHAVIOUR(a_helper_goes_after_as_many_jobs_as_it_may_run),
        BEHAVIOUR(pools_have_nothing_to_do_with_each_other),
        BEHAVIOUR(several_loops_may_use_one_pool),
        BEHAVIOUR(a_helper_begins_with_what_the_program_has_and_begin),
        BEHAVIOUR(a_helper_has_the_standard_descriptors_and_its_channel),
        BEHAVIOUR(a_program_without_standard_descriptors_may_have_a_pool),
        BEHAVIOUR(a_helper_has_a_name),
        BEHAVIOUR(what_a_helper_prints_is_there_when_the_job_is_done),
        BEHAVIOUR(an_interrupt_for_all_leaves_helpers_alone),
        BEHAVIOUR(a_helper_is_in_no_task),
        BEHAVIOUR(a_helper_has_no_more_memory_than_it_may_have),
    };
    return cmocka_run_group_tests_name("process_pool_process", tests, NULL, NULL);
}
