/* SPDX-License-Identifier: MIT
 *
 * Listing directories.
 */
#include "folder.h"
#include "in_a_task.h"

static void list(const char *path, hoop_directory *ret_directory)
{
    assert_int_equal(hoop_directory_list(path, ret_directory), 0);
}

IN_A_TASK(a_directory_lists_its_names_in_byte_order)
{
    static const char *const names[] = {"A", "B", "a", "a b", "aa", "x\ny", "\xc3\xa4.txt", "\xff"};
    static const int order[] = {3, 7, 0, 5, 2, 6, 4, 1};
    hoop_directory directory;
    for (int i = 0; i < 8; i++)
        make_text(names[order[i]], "");
    list(".", &directory);
    assert_int_equal(directory.count, 8);
    for (int i = 0; i < 8; i++)
        assert_string_equal(directory.entries[i].name, names[i]);
    hoop_directory_free(&directory);
}

/* Some file systems do not tell. */
static void assert_type(const hoop_directory_entry *entry, const char *name, int type)
{
    assert_string_equal(entry->name, name);
    assert_true(entry->type == type || entry->type == DT_UNKNOWN);
}

IN_A_TASK(it_tells_of_what_type_they_are)
{
    hoop_directory directory;
    make_text("file", "");
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    list(".", &directory);
    assert_int_equal(directory.count, 4);
    assert_type(&directory.entries[0], "file", DT_REG);
    assert_type(&directory.entries[1], "folder", DT_DIR);
    assert_type(&directory.entries[2], "link", DT_LNK);
    assert_type(&directory.entries[3], "pipe", DT_FIFO);
    hoop_directory_free(&directory);
}

IN_A_TASK(an_empty_directory_has_no_entries)
{
    hoop_directory directory = {.count = 9};
    list(".", &directory);
    assert_int_equal(directory.count, 0);
    hoop_directory_free(&directory);
}

IN_A_TASK(freeing_makes_it_empty_and_may_be_done_twice)
{
    hoop_directory directory;
    make_text("file", "");
    list(".", &directory);
    hoop_directory_free(&directory);
    assert_int_equal(directory.count, 0);
    assert_null(directory.entries);
    hoop_directory_free(&directory);
}

IN_A_TASK(what_is_no_directory_is_not_listed)
{
    hoop_directory directory = {.count = 9};
    make_text("file", "");
    assert_int_equal(symlink("nowhere", "broken"), 0);
    assert_int_equal(hoop_directory_list("file", &directory), -ENOTDIR);
    assert_int_equal(hoop_directory_list("nothing", &directory), -ENOENT);
    assert_int_equal(hoop_directory_list("broken", &directory), -ENOENT);
    assert_int_equal(hoop_directory_list("", &directory), -ENOENT);
    assert_int_equal(directory.count, 9);
}

IN_A_TASK(names_of_every_length_are_whole)
{
    char name[NAME_MAX + 1];
    hoop_directory directory;
    memset(name, 'n', sizeof name);
    for (size_t length = NAME_MAX; length > 0; length--) {
        name[length] = '\0';
        make_text(name, "");
    }
    list(".", &directory);
    assert_int_equal(directory.count, NAME_MAX);
    for (size_t i = 0; i < NAME_MAX; i++)
        assert_int_equal(strlen(directory.entries[i].name), i + 1);
    hoop_directory_free(&directory);
}

enum { VERY_MANY_NAMES = 100000 };

IN_A_TASK(a_hundred_thousand_names_are_listed)
{
    char name[16];
    hoop_directory directory;
    make_text("000000", "");
    for (int i = VERY_MANY_NAMES - 1; i > 0; i--) {
        snprintf(name, sizeof name, "%06d", i);
        if (link("000000", name) < 0) /* file systems have limits */
            make_text(name, "");
    }
    list(".", &directory);
    assert_int_equal(directory.count, VERY_MANY_NAMES);
    for (int i = 0; i < VERY_MANY_NAMES; i++)
        assert_int_equal(atoi(directory.entries[i].name), i);
    hoop_directory_free(&directory);
}

/* ---- tasks ---- */

static void outside_of_a_task_there_is_no_listing(void **state)
{
    hoop_directory directory;
    (void)state;
    assert_int_equal(hoop_directory_list(".", &directory), HOOP_ENOTASK);
}

IN_A_TASK(a_cancelled_task_lists_nothing)
{
    hoop_directory directory = {.count = 9};
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_directory_list(".", &directory), -ECANCELED);
    assert_int_equal(directory.count, 9);
}

/* A coroutine: the number of names in ".". */
static int64_t count_entries(void *arg)
{
    hoop_directory directory;
    (void)arg;
    int rc = hoop_directory_list(".", &directory);
    if (rc < 0)
        return rc;
    int64_t count = (int64_t)directory.count;
    hoop_directory_free(&directory);
    return count;
}

static void make_some(int count)
{
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%d", i);
        make_text(name, "");
    }
}

IN_A_TASK(cancelling_in_the_middle_leaves_nothing_behind)
{
    make_some(300);
    for (int i = 0; i < 100; i++) {
        hoop_task *task = hoop_create_task(count_entries, NULL);
        let_one_iteration_pass();
        hoop_task_cancel(task);
        int64_t rc = hoop_await(task);
        assert_true(rc == 300 || rc == -ECANCELED);
    }
}

static void closing_the_loop_in_the_middle_leaves_nothing_behind(void **state)
{
    (void)state;
    make_some(300);
    for (int i = 0; i < 50; i++)
        close_while_it_waits(count_entries, NULL, NULL);
}

/* Then the loop has its threads for files first, and when it is closed lets them go last. */
static int64_t use_a_thread_first(void *arg)
{
    struct stat status;
    int rc = hoop_file_stat(".", &status);
    return rc < 0 ? rc : count_entries(arg);
}

static void closing_it_before_its_threads_leaves_nothing_behind(void **state)
{
    (void)state;
    make_some(3000);
    for (int i = 0; i < 60; i++) {
        struct reports reports = {0};
        hoop_loop *loop = reporting_loop(&reports);
        hoop_task *task =
            hoop_create_task_with(use_a_thread_first, NULL, &(hoop_task_options){.loop = loop});
        assert_int_equal(hoop_run_once(loop, 0), 0);
        usleep(1000);
        assert_true(hoop_run_once(loop, 0) >= 0); /* mostly, it begins to list */
        usleep((useconds_t)(i * 25));
        hoop_task_detach(task);
        assert_int_equal(hoop_close(loop), 0);
    }
}

/* ---- failures ---- */

static int list_in_a_loop(void *arg)
{
    int64_t rc = run_though_it_may_fail(count_entries, arg);
    assert_true(rc == 5 || rc < 0);
    return rc < 0 ? (int)rc : 0;
}

static void each_failure_is_its_result_and_leaves_nothing_behind(void **state)
{
    (void)state;
    make_some(5);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, list_in_a_loop, NULL) >= 8);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, list_in_a_loop, NULL) >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR_IN_A_FOLDER(a_directory_lists_its_names_in_byte_order),
        BEHAVIOUR_IN_A_FOLDER(it_tells_of_what_type_they_are),
        BEHAVIOUR_IN_A_FOLDER(an_empty_directory_has_no_entries),
        BEHAVIOUR_IN_A_FOLDER(freeing_makes_it_empty_and_may_be_done_twice),
        BEHAVIOUR_IN_A_FOLDER(what_is_no_directory_is_not_listed),
        BEHAVIOUR_IN_A_FOLDER(names_of_every_length_are_whole),
        BEHAVIOUR_IN_A_FOLDER(a_hundred_thousand_names_are_listed),
        BEHAVIOUR_IN_A_FOLDER(outside_of_a_task_there_is_no_listing),
        BEHAVIOUR_IN_A_FOLDER(a_cancelled_task_lists_nothing),
        BEHAVIOUR_IN_A_FOLDER(cancelling_in_the_middle_leaves_nothing_behind),
        BEHAVIOUR_IN_A_FOLDER(closing_the_loop_in_the_middle_leaves_nothing_behind),
        BEHAVIOUR_IN_A_FOLDER(closing_it_before_its_threads_leaves_nothing_behind),
        BEHAVIOUR_IN_A_FOLDER(each_failure_is_its_result_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
