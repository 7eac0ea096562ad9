/* SPDX-License-Identifier: MIT
 *
 * Random work with processes: some at a time are started, talked to, signalled, waited for, closed
 * and let go, by tasks that are cancelled at random moments; while another thread has children of
 * its own, which are its own.
 *
 *     HOOP_SEED=7 stress_processes        another seed, though children make each run different
 *     HOOP_STRESS=100 stress_processes    a tenth of the 1000 children
 *
 * Says nothing if all holds: what a child was told it says, whatever was cancelled in between; none
 * is left at the end, alive or dead; no descriptor and no memory is; and nobody has reaped the
 * other thread's.
 */
#include <dirent.h>
#include <errno.h>
#include <hoop.h>
#include <hoop/testing.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

uint64_t stress_seed;

enum {
    AT_ONCE = 32,
    INPUT_MAX = 200000, /* more than pipes hold */
    MEANWHILE = 10,     /* children of the other thread that are alive at once */
};

static char pattern[INPUT_MAX];

static const hoop_process_options options_of_all = {
    .in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_NULL};

/* ---- one child after another ---- */

struct user {
    uint64_t random;
    hoop_process *process;
    size_t size; /* of what it is told */
    hoop_output out;
};

static void start(struct user *user, const char *command)
{
    CHECK(hoop_create_subprocess_shell(command, &options_of_all, &user->process) == 0);
}

static int64_t communicate(void *arg)
{
    struct user *user = arg;
    return hoop_process_communicate(user->process, pattern, user->size, &user->out, NULL);
}

static int64_t wait_for_end(void *arg)
{
    const struct user *user = arg;
    return hoop_process_wait(user->process);
}

/* Runs FN, cancelled again and again until it is through. */
static int64_t insist(struct user *user, hoop_coroutine_fn fn)
{
    for (int patience = 1;; patience *= 2) {
        hoop_task *task = hoop_create_task(fn, user);
        for (int i = pick(&user->random, patience); i > 0 && !hoop_task_is_done(task); i--)
            CHECK(hoop_sleep(pick(&user->random, 2) * 1e-4) == 0);
        if (patience < 1024)
            hoop_task_cancel(task);
        int64_t rc = hoop_await(task);
        if (rc != -ECANCELED)
            return rc;
    }
}

static void echo(struct user *user)
{
    start(user, pick(&user->random, 2) == 0 ? "exec cat" : "exec tee /dev/stderr");
    user->size = (size_t)pick(&user->random, INPUT_MAX);
    CHECK(insist(user, communicate) == 0);
    CHECK(user->out.size == user->size && memcmp(user->out.data, pattern, user->size) == 0);
    hoop_output_free(&user->out);
    hoop_process_close(user->process);
}

static void kill_it(struct user *user)
{
    start(user, "exec sleep 1000");
    int signal = pick(&user->random, 2) == 0 ? SIGKILL : SIGTERM;
    CHECK(hoop_process_send_signal(user->process, signal) == 0);
    CHECK(insist(user, wait_for_end) == HOOP_EXIT_SIGNAL + signal);
    CHECK(hoop_process_kill(user->process) == -ESRCH);
    hoop_process_close(user->process);
}

/* While it may be about to end. */
static void signal_it_late(struct user *user)
{
    int status = pick(&user->random, 256);
    char command[32];
    snprintf(command, sizeof command, "exit %d", status);
    start(user, command);
    if (pick(&user->random, 2) == 0)
        CHECK(hoop_sleep(pick(&user->random, 20) * 1e-4) == 0);
    int rc = hoop_process_kill(user->process);
    CHECK(rc == 0 || rc == -ESRCH);
    int64_t end = insist(user, wait_for_end);
    CHECK(end == status || (end == HOOP_EXIT_SIGNAL + SIGKILL && rc == 0));
    hoop_process_close(user->process);
}

static void close_it(struct user *user)
{
    start(user, pick(&user->random, 2) == 0 ? "exec sleep 1000" : "exit 0");
    user->size = INPUT_MAX;
    hoop_task *task = hoop_create_task(communicate, user);
    for (int i = 1 + pick(&user->random, 5); i > 0; i--)
        CHECK(hoop_sleep(0) == 0);
    hoop_process_close(user->process);
    int64_t rc = hoop_await(task);
    CHECK(rc == -EBADF || rc == 0);
    hoop_output_free(&user->out);
}

static void detach_it(struct user *user)
{
    start(user, pick(&user->random, 2) == 0 ? "exec sleep 0.01" : "exit 0");
    int pid = hoop_process_pid(user->process);
    hoop_process_detach(user->process);
    while (kill(pid, 0) == 0) /* it runs, or waits to be reaped */
        CHECK(hoop_sleep(0.001) == 0);
}

static int64_t use_children(void *arg)
{
    static void (*const uses[])(struct user *) = {echo,     kill_it,   signal_it_late,
                                                  close_it, detach_it, echo};
    struct user *user = arg;
    uses[pick(&user->random, sizeof uses / sizeof uses[0])](user);
    return 0;
}

/* ---- somebody else's children ---- */

static atomic_bool others_end;
static int others_count; /* of the thread, until it has ended */

static void *have_children(void *arg)
{
    pid_t pids[MEANWHILE];
    (void)arg;
    while (!atomic_load(&others_end)) {
        for (int i = 0; i < MEANWHILE; i++) {
            pids[i] = fork();
            CHECK(pids[i] >= 0);
            if (pids[i] == 0)
                _exit(i);
        }
        usleep(20000);
        for (int i = 0; i < MEANWHILE; i++) {
            int status;
            CHECK(waitpid(pids[i], &status, 0) == pids[i]);
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i);
            others_count++;
        }
    }
    return NULL;
}

/* ---- all ---- */

static size_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

struct plan {
    int children;
};

static int64_t use_many(void *arg)
{
    const struct plan *plan = arg;
    static struct user users[AT_ONCE];
    for (int begun = 0; begun < plan->children; begun += AT_ONCE) {
        hoop_task_group group;
        CHECK(hoop_task_group_enter(&group) == 0);
        for (int i = 0; i < AT_ONCE; i++) {
            users[i] = (struct user){.random = stress_seed * 1000003 + (uint64_t)(begun + i) + 1};
            CHECK(hoop_task_group_create_task(&group, use_children, &users[i]) != NULL);
        }
        CHECK(hoop_task_group_exit(&group, 0) == 0);
    }
    return 0;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static bool has_no_child(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

int main(void)
{
    stress_seed = number_of("HOOP_SEED", 1);
    struct plan plan = {(int)number_of("HOOP_STRESS", 1000)};
    pthread_t thread;
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)(i * 2654435761U >> 24);
    size_t descriptors = count_descriptors(), allocations = hoop_testing_live_allocations();
    CHECK(pthread_create(&thread, NULL, have_children, NULL) == 0);
    CHECK(hoop_run(use_many, &plan) == 0);
    atomic_store(&others_end, true);
    pthread_join(thread, NULL);
    CHECK(others_count > 0);
    for (int i = 0; i < 1000 && !has_no_child(); i++)
        usleep(1000);
    CHECK(has_no_child());
    CHECK(count_descriptors() == descriptors);
    CHECK(hoop_testing_live_allocations() == allocations);
    return 0;
}
