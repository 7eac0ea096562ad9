/* SPDX-License-Identifier: MIT
 *
 * Files and directories by name: what they are, renaming, removing, making.
 */
#include "folder.h"
#include "in_a_task.h"

#include <sched.h>

/* ---- what they are ---- */

IN_A_TASK(a_status_tells_what_a_file_is)
{
    struct stat status;
    make_file("file", 12345);
    assert_int_equal(chmod("file", 0604), 0);
    assert_int_equal(hoop_file_stat("file", &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0604);
    assert_int_equal(status.st_size, 12345);
    assert_int_equal(hoop_file_stat(".", &status), 0);
    assert_true(S_ISDIR(status.st_mode));
}

IN_A_TASK(stat_follows_a_link_and_lstat_does_not)
{
    struct stat status;
    make_file("file", 10);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(symlink("nowhere", "broken"), 0);
    assert_int_equal(hoop_file_stat("link", &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(hoop_file_lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(hoop_file_stat("broken", &status), -ENOENT);
    assert_int_equal(hoop_file_lstat("broken", &status), 0);
}

IN_A_TASK(a_failed_status_leaves_the_old_one)
{
    struct stat status = {.st_size = 7};
    assert_int_equal(hoop_file_stat("nothing", &status), -ENOENT);
    assert_int_equal(hoop_file_lstat("nothing", &status), -ENOENT);
    assert_int_equal(status.st_size, 7);
}

/* ---- renaming and removing ---- */

IN_A_TASK(renaming_replaces_what_is_there)
{
    make_text("one", "first");
    make_text("other", "second");
    assert_int_equal(hoop_file_rename("one", "other"), 0);
    assert_false(exists("one"));
    assert_string_equal(text_of("other"), "first");
    assert_int_equal(hoop_file_rename("one", "other"), -ENOENT);
    assert_string_equal(text_of("other"), "first");
    assert_int_equal(hoop_file_rename("other", "."), -EBUSY);
}

IN_A_TASK(removing_takes_files_and_links_but_no_directories)
{
    make_text("file", "text");
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(hoop_file_remove("link"), 0);
    assert_string_equal(text_of("file"), "text");
    assert_int_equal(hoop_file_remove("file"), 0);
    assert_int_equal(hoop_file_remove("file"), -ENOENT);
    assert_int_equal(hoop_file_remove("folder"), -EISDIR);
    assert_int_equal(count_names("."), 1);
}

/* ---- directories ---- */

IN_A_TASK(a_directory_is_made_with_its_permissions)
{
    struct stat status;
    mode_t mask = umask(0);
    assert_int_equal(hoop_directory_make("folder", 0751), 0);
    umask(mask);
    assert_int_equal(stat("folder", &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0751);
    assert_int_equal(hoop_directory_make("folder", 0700), -EEXIST);
    assert_int_equal(hoop_directory_make("no/folder", 0700), -ENOENT);
}

IN_A_TASK(only_an_empty_directory_is_removed)
{
    assert_int_equal(mkdir("folder", 0700), 0);
    make_text("folder/file", "");
    assert_int_equal(hoop_directory_remove("folder"), -ENOTEMPTY);
    assert_int_equal(hoop_directory_remove("folder/file"), -ENOTDIR);
    assert_int_equal(unlink("folder/file"), 0);
    assert_int_equal(hoop_directory_remove("folder"), 0);
    assert_int_equal(hoop_directory_remove("folder"), -ENOENT);
}

/* ---- names ---- */

IN_A_TASK(a_name_is_any_bytes)
{
    struct stat status;
    make_text("new\nline", "");
    assert_int_equal(hoop_file_stat("new\nline", &status), 0);
    assert_int_equal(hoop_file_rename("new\nline", "\xff\x01 -*?"), 0);
    assert_int_equal(hoop_file_remove("\xff\x01 -*?"), 0);
    assert_int_equal(hoop_file_remove(""), -ENOENT);
    assert_int_equal(count_names("."), 0);
}

IN_A_TASK(a_name_may_be_as_long_as_the_system_allows)
{
    char name[NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(hoop_directory_make(name, 0700), -ENAMETOOLONG);
    name[NAME_MAX] = '\0';
    assert_int_equal(hoop_directory_make(name, 0700), 0);
    assert_int_equal(hoop_directory_remove(name), 0);
}

/* ---- tasks ---- */

static int64_t set_flag(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

IN_A_TASK(others_run_meanwhile)
{
    struct stat status;
    bool flag = false;
    hoop_task *task = hoop_create_task(set_flag, &flag);
    assert_int_equal(hoop_file_stat(".", &status), 0);
    assert_true(flag);
    assert_int_equal(hoop_await(task), 0);
}

static void outside_of_a_task_there_is_nothing_to_be_had(void **state)
{
    struct stat status;
    (void)state;
    make_text("file", "text");
    assert_int_equal(hoop_file_stat("file", &status), HOOP_ENOTASK);
    assert_int_equal(hoop_file_lstat("file", &status), HOOP_ENOTASK);
    assert_int_equal(hoop_file_rename("file", "other"), HOOP_ENOTASK);
    assert_int_equal(hoop_file_remove("file"), HOOP_ENOTASK);
    assert_int_equal(hoop_directory_make("folder", 0700), HOOP_ENOTASK);
    assert_int_equal(hoop_directory_remove("folder"), HOOP_ENOTASK);
    assert_string_equal(text_of("file"), "text");
    assert_int_equal(count_names("."), 1);
}

IN_A_TASK(a_cancelled_task_does_nothing)
{
    struct stat status;
    make_text("file", "text");
    assert_int_equal(mkdir("empty", 0700), 0);
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_file_stat("file", &status), -ECANCELED);
    assert_int_equal(hoop_file_lstat("file", &status), -ECANCELED);
    assert_int_equal(hoop_file_rename("file", "other"), -ECANCELED);
    assert_int_equal(hoop_file_remove("file"), -ECANCELED);
    assert_int_equal(hoop_directory_make("folder", 0700), -ECANCELED);
    assert_int_equal(hoop_directory_remove("empty"), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    assert_int_equal(count_names("."), 2);
    assert_int_equal(hoop_file_remove("file"), 0);
}

static int64_t remove_it(void *path)
{
    return hoop_file_remove(path);
}

/* Whether the thread is quicker or the cancellation: the result says which. */
IN_A_TASK(the_result_tells_whether_a_cancellation_came_in_time)
{
    char name[] = "file";
    for (int i = 0; i < 200; i++) {
        make_text(name, "");
        hoop_task *task = hoop_create_task(remove_it, name);
        let_one_iteration_pass();
        for (int pause = i % 10; pause > 0; pause--)
            sched_yield();
        hoop_task_cancel(task);
        int64_t rc = hoop_await(task);
        assert_true(rc == 0 || rc == -ECANCELED);
        assert_int_equal(exists(name), rc == -ECANCELED);
    }
}

/* ---- failures ---- */

static int64_t do_each(void *arg)
{
    struct stat status;
    (void)arg;
    int rc = hoop_directory_make("folder", 0700);
    if (rc == 0)
        rc = hoop_file_stat("folder", &status);
    if (rc == 0)
        rc = hoop_file_lstat("folder", &status);
    if (rc == 0)
        rc = hoop_file_rename("file", "folder/file");
    if (rc == 0)
        rc = hoop_file_remove("folder/file");
    if (rc == 0)
        rc = hoop_directory_remove("folder");
    return rc;
}

static int do_each_in_a_loop(void *arg)
{
    make_text("file", "");
    int64_t rc = run_though_it_may_fail(do_each, arg);
    unlink("folder/file");
    rmdir("folder");
    return (int)rc;
}

static void each_failure_is_the_result_of_its_call(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, do_each_in_a_loop, NULL) >= 6);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, do_each_in_a_loop, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR_IN_A_FOLDER(a_status_tells_what_a_file_is),
        BEHAVIOUR_IN_A_FOLDER(stat_follows_a_link_and_lstat_does_not),
        BEHAVIOUR_IN_A_FOLDER(a_failed_status_leaves_the_old_one),
        BEHAVIOUR_IN_A_FOLDER(renaming_replaces_what_is_there),
        BEHAVIOUR_IN_A_FOLDER(removing_takes_files_and_links_but_no_directories),
        BEHAVIOUR_IN_A_FOLDER(a_directory_is_made_with_its_permissions),
        BEHAVIOUR_IN_A_FOLDER(only_an_empty_directory_is_removed),
        BEHAVIOUR_IN_A_FOLDER(a_name_is_any_bytes),
        BEHAVIOUR_IN_A_FOLDER(a_name_may_be_as_long_as_the_system_allows),
        BEHAVIOUR_IN_A_FOLDER(others_run_meanwhile),
        BEHAVIOUR_IN_A_FOLDER(outside_of_a_task_there_is_nothing_to_be_had),
        BEHAVIOUR_IN_A_FOLDER(a_cancelled_task_does_nothing),
        BEHAVIOUR_IN_A_FOLDER(the_result_tells_whether_a_cancellation_came_in_time),
        BEHAVIOUR_IN_A_FOLDER(each_failure_is_the_result_of_its_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
