/* SPDX-License-Identifier: MIT
 *
 * Helpers that die: in a job, between two, at birth; those who fork them, and the program itself.
 */
#include "child.h"
#include "pool.h"

#include <sys/prctl.h>

/* ---- in a job ---- */

static void expect_death(hoop_executor *pool, hoop_job_fn fn, int number, const char *message)
{
    int pid = helper_pid(pool);
    assert_int_equal(run_int(pool, fn, number), HOOP_EHELPER);
    assert_string_equal(hoop_error_message(), message);
    int next = helper_pid(pool);
    assert_true(next > 0);
    assert_int_not_equal(next, pid);
}

WITH_A_POOL(1, a_job_whose_helper_is_killed_by_a_signal_says_which)
{
    expect_death(pool, die, SIGSEGV, "the helper was killed by signal 11 (Segmentation fault)");
    expect_death(pool, die, SIGABRT, "the helper was killed by signal 6 (Aborted)");
    expect_death(pool, die, SIGKILL, "the helper was killed by signal 9 (Killed)");
    expect_death(pool, die, SIGTERM, "the helper was killed by signal 15 (Terminated)");
}

WITH_A_POOL(1, a_job_whose_helper_exits_says_with_what)
{
    expect_death(pool, leave, 0, "the helper has exited with status 0");
    expect_death(pool, leave, 3, "the helper has exited with status 3");
}

static void ignore_it(int signal)
{
    (void)signal;
}

static int64_t run_terminated(void *pool)
{
    expect_death(pool, die, SIGTERM, "the helper was killed by signal 15 (Terminated)");
    return 0;
}

static void the_programs_handlers_are_not_the_helpers(void **state)
{
    (void)state;
    void (*old)(int) = signal(SIGTERM, ignore_it);
    run_with(pool_of(1), run_terminated);
    signal(SIGTERM, old);
}

WITH_A_POOL(1, a_helper_that_is_killed_from_outside_fails_its_job)
{
    struct shared_gate *gate = shared_gate_new();
    hoop_job job = job_at(hang, gate);
    hoop_future *future = hoop_submit_job(pool, &job);
    sem_take(&gate->begun);
    kill(gate->pid, SIGKILL);
    assert_int_equal(hoop_future_await(future), HOOP_EHELPER);
    assert_string_equal(hoop_error_message(), "the helper was killed by signal 9 (Killed)");
    hoop_future_unref(future);
    assert_true(helper_pid(pool) > 0);
    shared_gate_free(gate);
}

WITH_A_POOL(2, the_death_of_one_helper_leaves_the_others_alone)
{
    struct shared_gate *gate = shared_gate_new();
    hoop_job job = job_at(wait_at_gate, gate);
    hoop_future *future = hoop_submit_job(pool, &job);
    sem_take(&gate->begun);
    assert_int_equal(run_int(pool, die, SIGSEGV), HOOP_EHELPER);
    assert_int_equal(hoop_future_result(future), HOOP_EPENDING);
    sem_post(&gate->open);
    assert_int_equal(hoop_future_await(future), 1);
    hoop_future_unref(future);
    shared_gate_free(gate);
}

/* Its child has all that it has, but not its channel. */
static int64_t die_with_a_child(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)room;
    struct shared_gate *gate = output;
    pid_t pid = fork();
    if (pid == 0) {
        sem_take(&gate->open);
        _exit(0);
    }
    gate->pid = pid;
    raise(SIGKILL);
    return 0;
}

static int64_t run_die_with_a_child(void *pool)
{
    struct shared_gate *gate = shared_gate_new();
    hoop_job job = job_at(die_with_a_child, gate);
    assert_int_equal(hoop_run_job(pool, &job), HOOP_EHELPER);
    assert_true(gate->pid > 0);
    kill(gate->pid, SIGKILL);
    hoop_shared_free(gate);
    return 0;
}

static void a_child_of_a_helper_does_not_hide_its_death(void **state)
{
    (void)state;
    run_with(pool_with((hoop_process_pool_options){
                 .functions = (const hoop_job_fn[]){die_with_a_child, NULL}}),
             run_die_with_a_child);
}

/* ---- between two jobs ---- */

static char process_state(int pid)
{
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 'X';
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    fclose(file);
    return state;
}

static bool is_gone(int pid)
{
    char state = process_state(pid);
    return state == 'Z' || state == 'X';
}

static void wait_until_gone(int pid)
{
    for (int i = 0; i < 10000 && !is_gone(pid); i++)
        usleep(1000);
    assert_true(is_gone(pid));
}

WITH_A_POOL(1, a_helper_that_died_while_idle_is_replaced_unnoticed)
{
    for (int i = 0; i < 3; i++) {
        int pid = helper_pid(pool);
        kill(pid, SIGKILL);
        wait_until_gone(pid);
        int next = helper_pid(pool);
        assert_true(next > 0);
        assert_int_not_equal(next, pid);
    }
}

/* ---- at birth ---- */

static void begin_badly(void *arg)
{
    (void)arg;
    _exit(9);
}

static int64_t run_stillborn(void *pool)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(helper_pid(pool), HOOP_EHELPER);
        assert_string_equal(hoop_error_message(), "the helper has exited with status 9");
    }
    return 0;
}

static void a_helper_that_dies_at_birth_fails_the_job(void **state)
{
    (void)state;
    run_with(pool_with((hoop_process_pool_options){.begin = begin_badly}), run_stillborn);
}

/* ---- the fork server ---- */

static int64_t tell_parent(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output, (void)room;
    return getppid();
}

static int64_t kill_server(void *pool)
{
    struct shared_gate *gate = shared_gate_new();
    int server = (int)hoop_run_job(pool, &(hoop_job){.fn = tell_parent});
    assert_true(server > 0 && server != getpid());
    hoop_job job = job_at(hang, gate);
    hoop_future *future = hoop_submit_job(pool, &job);
    sem_take(&gate->begun);
    kill(server, SIGKILL);
    assert_int_equal(hoop_future_await(future), HOOP_EHELPER);
    assert_string_equal(hoop_error_message(), "the helper has died; how is not known");
    hoop_future_unref(future);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_run_job(pool, &(hoop_job){.fn = tell_parent}), HOOP_EHELPER);
        assert_string_equal(hoop_error_message(), "the process that forks the helpers has died");
    }
    shared_gate_free(gate);
    return 0;
}

static void without_its_fork_server_a_pool_says_so(void **state)
{
    (void)state;
    run_with(pool_with((hoop_process_pool_options){
                 .functions = (const hoop_job_fn[]){tell_parent, hang, NULL}, .max_workers = 2}),
             kill_server);
}

static int64_t run_exited(void *pool)
{
    expect_death(pool, leave, 3, "the helper has exited with status 3");
    return 0;
}

static void a_program_that_ignores_its_children_hears_of_helpers(void **state)
{
    (void)state;
    void (*old)(int) = signal(SIGCHLD, SIG_IGN);
    run_with(pool_of(1), run_exited);
    signal(SIGCHLD, old);
}

/* ---- the program ---- */

struct orphans {
    struct shared_gate *gate;
    hoop_executor *pool;
};

static int64_t die_in_the_middle(void *arg)
{
    const struct orphans *orphans = arg;
    hoop_job job = job_at(wait_at_gate, orphans->gate);
    if (hoop_submit_job(orphans->pool, &job) == NULL)
        return hoop_last_error();
    sem_take(&orphans->gate->begun);
    if (helper_pid(orphans->pool) > 0) /* another helper, which is idle then */
        raise(SIGKILL);
    return 0;
}

static void make_orphans(void *arg)
{
    struct orphans *orphans = arg;
    orphans->pool = pool_of(2);
    (void)!hoop_run(die_in_the_middle, orphans);
}

/* Nobody wants to know any more what they do. */
static void when_the_program_is_killed_no_process_is_left(void **state)
{
    (void)state;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) /* they are to become our children */
        skip();
    struct orphans orphans = {.gate = shared_gate_new()};
    struct child child = child_run(make_orphans, &orphans);
    assert_true(child_died_by(&child, SIGKILL));
    assert_int_equal(orphans.gate->ends, 0);
    assert_true(waitpid(-1, NULL, 0) > 0); /* the server, which reaps the helpers */
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    assert_int_equal(orphans.gate->ends, 0);
    shared_gate_free(orphans.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_job_whose_helper_is_killed_by_a_signal_says_which),
        BEHAVIOUR(a_job_whose_helper_exits_says_with_what),
        BEHAVIOUR(the_programs_handlers_are_not_the_helpers),
        BEHAVIOUR(a_helper_that_is_killed_from_outside_fails_its_job),
        BEHAVIOUR(the_death_of_one_helper_leaves_the_others_alone),
        BEHAVIOUR(a_child_of_a_helper_does_not_hide_its_death),
        BEHAVIOUR(a_helper_that_died_while_idle_is_replaced_unnoticed),
        BEHAVIOUR(a_helper_that_dies_at_birth_fails_the_job),
        BEHAVIOUR(without_its_fork_server_a_pool_says_so),
        BEHAVIOUR(a_program_that_ignores_its_children_hears_of_helpers),
        BEHAVIOUR(when_the_program_is_killed_no_process_is_left),
    };
    return cmocka_run_group_tests_name("process_pool_death", tests, NULL, NULL);
}
