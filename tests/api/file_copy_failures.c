/* SPDX-License-Identifier: MIT
 *
 * Copies that do not come to their end, or have to take another way: TO is as it was, or the whole
 * copy, and nothing else is left.
 */
#include "child.h"
#include "copy_watcher.h"
#include "in_a_task.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- cancellation ---- */

IN_A_TASK(a_cancelled_task_copies_nothing)
{
    make_text("from", "new");
    make_text("to", "old");
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_file_copy("from", "to", NULL), -ECANCELED);
    assert_int_equal(hoop_file_copy("from", "other", NULL), -ECANCELED);
    assert_string_equal(text_of("to"), "old");
    assert_int_equal(count_names("."), 2);
}

static void cancel_it(struct watcher *watcher)
{
    (void)watcher;
    hoop_task_cancel(hoop_current_task());
}

IN_A_TASK(cancelling_in_the_middle_leaves_all_as_it_was)
{
    struct watcher watcher = {.act = cancel_it};
    if (!make_long_copy("from"))
        return;
    make_text("to", "old");
    assert_int_equal(copy_watched("from", "to", &watcher), -ECANCELED);
    assert_int_equal(watcher.names, 3); /* one of them temporary */
    assert_int_equal(watcher.calls, 1);
    assert_true(watcher.copied < SEVERAL_STEPS);
    assert_string_equal(text_of("to"), "old");
    assert_int_equal(count_names("."), 2);
    assert_int_equal(hoop_task_cancelling(hoop_current_task()), 1);
    assert_int_equal(hoop_sleep(1), -ECANCELED);
}

static void cancel_it_twice(struct watcher *watcher)
{
    cancel_it(watcher);
    cancel_it(watcher);
}

IN_A_TASK(each_cancellation_still_counts_after_the_copy_was_given_up)
{
    struct watcher watcher = {.act = cancel_it_twice};
    if (!make_long_copy("from"))
        return;
    assert_int_equal(copy_watched("from", "to", &watcher), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 1);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    assert_int_equal(copy_watched("from", "to", &watcher), SEVERAL_STEPS);
}

IN_A_TASK(cancelling_at_the_end_comes_too_late)
{
    struct watcher watcher = {.act = cancel_it};
    make_text("from", "text");
    assert_int_equal(copy_watched("from", "to", &watcher), 4);
    assert_string_equal(text_of("to"), "text");
    assert_int_equal(hoop_sleep(1), -ECANCELED);
}

static int64_t copy_it(void *options)
{
    return hoop_file_copy("from", "to", options);
}

IN_A_TASK(a_limit_of_time_ends_a_copy)
{
    if (!make_long_copy("from"))
        return;
    assert_int_equal(hoop_wait_for(copy_it, NULL, 0), -ETIMEDOUT);
    assert_int_equal(count_names("."), 1);
}

/* At whatever moment it comes, also more than once, also while the temporary file is removed. */
IN_A_TASK(cancelling_at_any_time_leaves_all_or_nothing)
{
    make_file("from", SEVERAL_STEPS);
    for (int i = 0; i < 60; i++) {
        hoop_task *task = hoop_create_task(copy_it, NULL);
        for (int turns = i; turns > 0; turns--) {
            let_one_iteration_pass();
            usleep(100);
        }
        while (!hoop_task_is_done(task)) {
            hoop_task_cancel(task);
            let_one_iteration_pass();
        }
        int64_t rc = hoop_await(task);
        assert_true(rc == SEVERAL_STEPS || rc == -ECANCELED);
        assert_int_equal(exists("to"), rc == SEVERAL_STEPS);
        assert_int_equal(count_names("."), rc == SEVERAL_STEPS ? 2 : 1);
        unlink("to");
    }
}

/* ---- the loop goes ---- */

/* Then the loop has its threads for files first, and when it is closed lets them go last. */
static int64_t use_a_thread_and_copy(void *arg)
{
    struct stat status;
    int rc = hoop_file_stat(".", &status);
    return rc < 0 ? rc : copy_it(arg);
}

static void closing_the_loop_leaves_all_or_nothing(void **state)
{
    (void)state;
    make_file("from", SEVERAL_STEPS);
    for (int i = 0; i < 30; i++) {
        struct reports reports = {0};
        hoop_loop *loop = reporting_loop(&reports);
        hoop_task_detach(hoop_create_task_with(i % 2 == 0 ? copy_it : use_a_thread_and_copy, NULL,
                                               &(hoop_task_options){.loop = loop}));
        for (int turns = i / 5; turns >= 0; turns--) {
            assert_true(hoop_run_once(loop, 0) >= 0);
            usleep(500 * (useconds_t)(i % 5));
        }
        assert_int_equal(hoop_close(loop), 0);
        if (exists("to"))
            assert_true(is_made_file("to", SEVERAL_STEPS));
        assert_int_equal(count_names("."), exists("to") ? 2 : 1);
        unlink("to");
    }
}

/* ---- others interfere ---- */

static void make_to(struct watcher *watcher)
{
    (void)watcher;
    make_text("to", "mine");
}

IN_A_TASK(what_comes_to_exist_meanwhile_is_kept_on_demand)
{
    struct watcher watcher = {.act = make_to, .options.keep_existing = true};
    if (!make_long_copy("from"))
        return;
    assert_int_equal(copy_watched("from", "to", &watcher), -EEXIST);
    assert_string_equal(text_of("to"), "mine");
    assert_int_equal(count_names("."), 2);
}

static void make_to_a_directory(struct watcher *watcher)
{
    (void)watcher;
    assert_int_equal(mkdir("to", 0700), 0);
}

IN_A_TASK(a_directory_that_comes_in_the_way_is_an_error)
{
    struct watcher watcher = {.act = make_to_a_directory};
    if (!make_long_copy("from"))
        return;
    assert_int_equal(copy_watched("from", "to", &watcher), -EISDIR);
    assert_int_equal(count_names("."), 2);
}

static void grow(struct watcher *watcher)
{
    (void)watcher;
    assert_int_equal(truncate("from", (off_t)(SEVERAL_STEPS + 5 * MIB)), 0);
}

IN_A_TASK(a_file_that_grows_is_copied_as_far_as_it_goes)
{
    struct watcher watcher = {.act = grow};
    struct stat status;
    if (!make_long_copy("from"))
        return;
    assert_int_equal(copy_watched("from", "to", &watcher), SEVERAL_STEPS + 5 * MIB);
    assert_int_equal(watcher.size, SEVERAL_STEPS + 5 * MIB);
    assert_int_equal(stat("to", &status), 0);
    assert_int_equal(status.st_size, SEVERAL_STEPS + 5 * MIB);
}

static void shrink(struct watcher *watcher)
{
    (void)watcher;
    assert_int_equal(truncate("from", (off_t)(20 * MIB)), 0);
}

IN_A_TASK(a_file_that_shrinks_is_copied_as_far_as_it_goes)
{
    struct watcher watcher = {.act = shrink};
    if (!make_long_copy("from"))
        return;
    assert_int_equal(copy_watched("from", "to", &watcher), 20 * MIB);
    assert_int_equal(watcher.copied, 20 * MIB);
    assert_true(is_made_file("to", 20 * MIB));
}

/* ---- failures ---- */

/* As a full disk: an error in the middle, from the system itself. */
IN_A_TASK(an_error_of_writing_leaves_all_as_it_was)
{
    struct rlimit limit, low;
    if (!make_long_copy("from"))
        return;
    make_text("to", "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    low = (struct rlimit){10 * MIB, limit.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int64_t rc = hoop_file_copy("from", "to", NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(rc, -EFBIG);
    assert_string_equal(text_of("to"), "old");
    assert_int_equal(count_names("."), 2);
}

struct attempt {
    const char *before; /* at TO, or NULL */
    const char *content;
    hoop_copy_options options;
};

static int64_t attempt_copy(void *arg)
{
    const struct attempt *attempt = arg;
    return hoop_file_copy("from", "to", &attempt->options);
}

/* If the loop fails after the copy was made, it is there all the same. */
static int copy_though_it_may_fail(void *arg)
{
    const struct attempt *attempt = arg;
    unlink("to");
    make_text("from", attempt->content);
    if (attempt->before != NULL)
        make_text("to", attempt->before);
    int64_t rc = run_though_it_may_fail(attempt_copy, arg);
    assert_true(rc < 0 || rc == (int64_t)strlen(attempt->content));
    bool is_copied = exists("to") && strcmp(text_of("to"), attempt->content) == 0;
    if (rc >= 0)
        assert_true(is_copied);
    else if (!is_copied && attempt->before != NULL)
        assert_string_equal(text_of("to"), attempt->before);
    assert_int_equal(count_names("."), is_copied || attempt->before != NULL ? 2 : 1);
    return rc < 0 ? (int)rc : 0;
}

static struct attempt attempts[] = {
    {"old", "new content", {0}},
    {NULL, "new content", {0}},
    {NULL, "new content", {.keep_existing = true}},
    {"old", "", {0}},
};

static void each_failure_leaves_all_or_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_true(fail_each(HOOP_FAIL_SYSCALL, copy_though_it_may_fail, &attempts[i]) >= 12);
        assert_true(fail_each(HOOP_FAIL_ALLOCATION, copy_though_it_may_fail, &attempts[i]) >= 4);
    }
}

/* A file in another folder, with a hole. */
static int64_t copy_sparse(void *arg)
{
    (void)arg;
    return hoop_file_copy("from", "folder/to", NULL);
}

static int copy_sparse_though_it_may_fail(void *arg)
{
    struct stat status;
    int64_t rc = run_though_it_may_fail(copy_sparse, arg);
    if (rc >= 0) {
        assert_int_equal(stat("folder/to", &status), 0);
        assert_int_equal(status.st_size, 10 * MIB);
    }
    assert_int_equal(count_names("folder"), exists("folder/to"));
    unlink("folder/to");
    return rc < 0 ? (int)rc : 0;
}

static void each_failure_with_holes_leaves_all_or_nothing(void **state)
{
    (void)state;
    make_text("from", "at the beginning");
    assert_int_equal(truncate("from", (off_t)(10 * MIB)), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, copy_sparse_though_it_may_fail, NULL) >= 12);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, copy_sparse_though_it_may_fail, NULL) >= 4);
}

static void many_failures_leave_all_or_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, seed, 15);
        (void)copy_though_it_may_fail(&attempts[seed % 4]);
    }
    hoop_testing_fail_randomly(0, 0, 0);
}

/* ---- where the kernel can do less ---- */

static const int calls_of_copying[] = {SYS_copy_file_range, SYS_ioctl, SYS_renameat2, SYS_linkat};

/* The first COUNT of these, of this process, fail with ERROR from now on; false if that cannot be
 * had. */
static bool forbid_first(int count, int error)
{
    for (int i = 0; i < count; i++) {
        struct sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls_of_copying[i], 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog filter = {sizeof program / sizeof program[0], program};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
            return false;
    }
    return true;
}

struct sandbox {
    int count;
    int error;
};

/* Where nothing is forbidden, as in an emulator, it does the same. */
static int64_t copy_both_ways(void *arg)
{
    const hoop_copy_options keeping = {.keep_existing = true};
    (void)arg;
    int64_t one = hoop_file_copy("from", "to", NULL);
    int64_t other = hoop_file_copy("from", "new", &keeping);
    int64_t again = hoop_file_copy("from", "new", &keeping);
    int64_t holes = hoop_file_copy("holes", "copied holes", NULL);
    fprintf(stderr, "%lld %lld %s %lld\n", (long long)one, (long long)other, hoop_error_name(again),
            (long long)holes);
    return 0;
}

/* In a child process. */
static void copy_in_a_sandbox(void *arg)
{
    const struct sandbox *sandbox = arg;
    (void)forbid_first(sandbox->count, sandbox->error);
    hoop_loop *loop = hoop_new_event_loop();
    if (hoop_run_until_complete(loop, copy_both_ways, NULL) < 0)
        fputs("the loop failed\n", stderr);
    hoop_close(loop);
}

static void copying_works_whatever_the_kernel_cannot_do(void **state)
{
    static const int errors[] = {ENOSYS, EPERM, EINVAL};
    struct stat status;
    (void)state;
    make_file("from", SEVERAL_STEPS + 1);
    make_text("holes", "some text");
    assert_int_equal(truncate("holes", (off_t)SEVERAL_STEPS), 0);
    for (int i = 0; i < 12; i++) {
        struct sandbox sandbox = {1 + i % 4, errors[i / 4]};
        if (sandbox.count == 4 && sandbox.error == EINVAL)
            continue; /* nobody says that of a second name */
        struct child child = child_run(copy_in_a_sandbox, &sandbox);
        assert_string_equal(child.text, "31457281 31457281 EEXIST 31457280\n");
        assert_true(is_made_file("to", SEVERAL_STEPS + 1));
        assert_true(is_made_file("new", SEVERAL_STEPS + 1));
        assert_int_equal(stat("copied holes", &status), 0);
        assert_int_equal(status.st_size, SEVERAL_STEPS);
        assert_string_equal(text_of("copied holes"), "some text");
        assert_int_equal(count_names("."), 5);
        unlink("new");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR_IN_A_FOLDER(a_cancelled_task_copies_nothing),
        BEHAVIOUR_IN_A_FOLDER(cancelling_in_the_middle_leaves_all_as_it_was),
        BEHAVIOUR_IN_A_FOLDER(each_cancellation_still_counts_after_the_copy_was_given_up),
        BEHAVIOUR_IN_A_FOLDER(cancelling_at_the_end_comes_too_late),
        BEHAVIOUR_IN_A_FOLDER(a_limit_of_time_ends_a_copy),
        BEHAVIOUR_IN_A_FOLDER(cancelling_at_any_time_leaves_all_or_nothing),
        BEHAVIOUR_IN_A_FOLDER(closing_the_loop_leaves_all_or_nothing),
        BEHAVIOUR_IN_A_FOLDER(what_comes_to_exist_meanwhile_is_kept_on_demand),
        BEHAVIOUR_IN_A_FOLDER(a_directory_that_comes_in_the_way_is_an_error),
        BEHAVIOUR_IN_A_FOLDER(a_file_that_grows_is_copied_as_far_as_it_goes),
        BEHAVIOUR_IN_A_FOLDER(a_file_that_shrinks_is_copied_as_far_as_it_goes),
        BEHAVIOUR_IN_A_FOLDER(an_error_of_writing_leaves_all_as_it_was),
        BEHAVIOUR_IN_A_FOLDER(each_failure_leaves_all_or_nothing),
        BEHAVIOUR_IN_A_FOLDER(each_failure_with_holes_leaves_all_or_nothing),
        BEHAVIOUR_IN_A_FOLDER(many_failures_leave_all_or_nothing),
        BEHAVIOUR_IN_A_FOLDER(copying_works_whatever_the_kernel_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
