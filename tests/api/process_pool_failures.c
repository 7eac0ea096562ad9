/* SPDX-License-Identifier: MIT
 *
 * Process pools that are misused, and without memory, descriptors or processes.
 */
#include "child.h"
#include "pool.h"
#include "reports.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* ---- misuse ---- */

static void expect_refused(const hoop_process_pool_options *options)
{
    assert_null(hoop_process_pool_new(options));
    assert_int_equal(hoop_last_error(), -EINVAL);
}

static void a_pool_needs_functions_and_sensible_numbers(void **state)
{
    (void)state;
    static hoop_job_fn many[1026];
    expect_refused(NULL);
    expect_refused(&(hoop_process_pool_options){0});
    expect_refused(&(hoop_process_pool_options){.functions = many});
    for (int i = 0; i < 1025; i++)
        many[i] = echo;
    expect_refused(&(hoop_process_pool_options){.functions = many});
    many[1024] = NULL;
    expect_refused(&(hoop_process_pool_options){.functions = many, .max_workers = 257});
    hoop_executor_free(
        pool_with((hoop_process_pool_options){.functions = many, .max_workers = 256}));
    no_child_is_left();
}

static void a_job_needs_a_task(void **state)
{
    (void)state;
    hoop_executor *pool = pool_of(1);
    assert_int_equal(helper_pid(pool), HOOP_ENOTASK);
    assert_null(hoop_submit_job(pool, &(hoop_job){.fn = tell_pid}));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    pool_end(pool);
}

/* ---- each call fails ---- */

/* Bytes of each way: in the message, carried, in place. */
struct buffers {
    hoop_executor *pool;
    char *plain; /* of LARGE bytes */
    char *shared;
};

enum { LARGE = 100000 };

static int expect(int64_t result, int64_t right)
{
    assert_true(result == right || result < 0);
    return result < 0 ? (int)result : 0;
}

static int64_t run_each_way(void *arg)
{
    const struct buffers *buffers = arg;
    char bytes[3] = {0};
    hoop_job job = {reverse, "abc", 3, bytes, sizeof bytes};
    int rc = expect(hoop_run_job(buffers->pool, &job), 3);
    if (rc < 0)
        return rc;
    assert_memory_equal(bytes, "cba", 3);
    job = (hoop_job){reverse, buffers->plain, LARGE, buffers->plain, LARGE};
    rc = expect(hoop_run_job(buffers->pool, &job), LARGE);
    if (rc < 0)
        return rc;
    buffers->shared[0] = 'x';
    job = (hoop_job){reverse, buffers->shared, 1, buffers->shared + 1, 1};
    rc = expect(hoop_run_job(buffers->pool, &job), 1);
    assert_true(rc < 0 || buffers->shared[1] == 'x');
    return rc;
}

static void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop, (void)exception, (void)arg;
}

static int run_in_a_loop(hoop_executor *pool, struct buffers *buffers)
{
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, drop_report, NULL);
    buffers->pool = pool;
    int64_t result = hoop_run_until_complete(loop, run_each_way, buffers);
    hoop_close(loop);
    return (int)result;
}

/* Whom the server was to reap when that failed. */
static void reap_orphans(void)
{
    for (int pid, i = 0; i < 10000 && (pid = look_at_children()) >= 0; i++) {
        char path[64], name[16] = "";
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        FILE *file = pid > 0 ? fopen(path, "r") : NULL;
        if (file != NULL && fgets(name, sizeof name, file) != NULL && strcmp(name, "orphan\n") == 0)
            waitpid(pid, NULL, 0);
        else
            usleep(1000);
        if (file != NULL)
            fclose(file);
    }
}

static int use_pool(void *arg)
{
    struct buffers *buffers = arg;
    const hoop_job_fn functions[] = {reverse, NULL};
    hoop_executor *pool = hoop_process_pool_new(&(hoop_process_pool_options){
        .functions = functions, .name = "orphan", .max_workers = 1, .max_jobs = 2});
    if (pool == NULL)
        return hoop_last_error();
    buffers->shared = hoop_shared_new(2);
    int rc = buffers->shared != NULL ? run_in_a_loop(pool, buffers) : hoop_last_error();
    int end_rc = hoop_executor_shutdown(pool, INFINITY);
    hoop_executor_free(pool);
    hoop_shared_free(buffers->shared);
    reap_orphans();
    no_child_is_left();
    return rc < 0 ? rc : end_rc;
}

/* A helper that could not be reaped goes with its server, as an orphan. */
static void each_failure_is_an_error_of_the_right_call(unsigned kinds, unsigned least)
{
    struct buffers buffers = {.plain = calloc(1, LARGE)};
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_true(fail_each(kinds, use_pool, &buffers) >= least);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    free(buffers.plain);
}

static void without_memory_there_are_errors(void **state)
{
    (void)state;
    each_failure_is_an_error_of_the_right_call(HOOP_FAIL_ALLOCATION, 8);
}

static void without_the_system_there_are_errors(void **state)
{
    (void)state;
    each_failure_is_an_error_of_the_right_call(HOOP_FAIL_SYSCALL, 20);
}

static void failures_at_random_leave_nothing_behind(void **state)
{
    (void)state;
    struct buffers buffers = {.plain = calloc(1, LARGE)};
    int passed = 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, seed, 30);
        passed += use_pool(&buffers) == 0;
    }
    hoop_testing_fail_randomly(0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    assert_true(passed > 0);
    free(buffers.plain);
}

/* ---- no descriptors ---- */

static int64_t run_without_descriptors(void *pool)
{
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){0, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    int64_t result = helper_pid(pool);
    bool has_message = strstr(hoop_error_message(), "no helper can be forked") != NULL;
    void *shared = hoop_shared_new(1);
    int error = hoop_last_error();
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(result, -EMFILE);
    assert_true(has_message);
    assert_null(shared);
    assert_int_equal(error, -EMFILE);
    assert_true(helper_pid(pool) > 0);
    return 0;
}

static void without_descriptors_there_is_no_helper(void **state)
{
    (void)state;
    if (UNDER_VALGRIND)
        skip(); /* it counts descriptors by itself */
    run_with(pool_of(1), run_without_descriptors);
}

/* ---- old kernels ---- */

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* As before Linux 5.9 and 3.17. Where filters cannot be had, nothing is forbidden. */
static void forbid_new_calls(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* Is the descriptor that it was given open here? */
static int64_t look_at_descriptor(const void *input, size_t size, void *output, size_t room)
{
    (void)size;
    memset(output, 'x', room);
    return fcntl(*(const int *)input, F_GETFD) < 0 ? (int64_t)room : -EEXIST;
}

enum { FAR = 1000 };

static int64_t look_for(void *pool)
{
    char *shared = hoop_shared_new(LARGE);
    hoop_job job = {look_at_descriptor, &(int){FAR}, sizeof(int), shared, LARGE};
    int64_t result = hoop_run_job(pool, &job);
    if (result == LARGE && shared[LARGE - 1] != 'x')
        result = -EBADMSG;
    hoop_shared_free(shared);
    return result;
}

static void use_old_kernel(void *arg)
{
    (void)arg;
    forbid_new_calls();
    dup2(STDERR_FILENO, FAR);
    hoop_executor *pool = pool_with((hoop_process_pool_options){
        .functions = (const hoop_job_fn[]){look_at_descriptor, NULL}, .max_workers = 1});
    int64_t result = hoop_run(look_for, pool);
    executor_end(pool);
    fprintf(stderr, "%lld", (long long)result);
}

static void a_kernel_without_the_newer_calls_will_do(void **state)
{
    (void)state;
    if (UNDER_VALGRIND)
        skip(); /* it has descriptors of its own */
    struct child child = child_run(use_old_kernel, NULL);
    assert_int_equal(child.status, 0);
    assert_string_equal(child.text, "100000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_pool_needs_functions_and_sensible_numbers),
        BEHAVIOUR(a_job_needs_a_task),
        BEHAVIOUR(without_memory_there_are_errors),
        BEHAVIOUR(without_the_system_there_are_errors),
        BEHAVIOUR(failures_at_random_leave_nothing_behind),
        BEHAVIOUR(without_descriptors_there_is_no_helper),
        BEHAVIOUR(a_kernel_without_the_newer_calls_will_do),
    };
    return cmocka_run_group_tests_name("process_pool_failures", tests, NULL, NULL);
}
