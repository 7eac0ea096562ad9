/* SPDX-License-Identifier: MIT
 *
 * Changes of files: what is told of each kind of change, and in which order.
 */
#include <sys/stat.h>

#include "watched_folder.h"

/* ---- what is told ---- */

IN_A_TASK(what_happens_in_a_folder_is_told_in_its_order)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_ALL);
    int fd = open_file(&folder, "one");
    write_byte(fd);
    assert_int_equal(fchmod(fd, 0400), 0);
    close(fd);
    remove_file(&folder, "one");
    assert_event(watch, number, HOOP_FILE_CREATED, "one");
    assert_event(watch, number, HOOP_FILE_MODIFIED, "one");
    assert_event(watch, number, HOOP_FILE_ATTRIBUTES, "one");
    assert_event(watch, number, HOOP_FILE_CLOSED, "one");
    assert_event(watch, number, HOOP_FILE_REMOVED, "one");
    assert_nothing_happened(watch);
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(a_folder_in_a_folder_is_said_to_be_one)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_CREATED | HOOP_FILE_REMOVED);
    assert_int_equal(mkdirat(folder.fd, "inner", 0700), 0);
    make_file(&folder, "inner/deep"); /* not told */
    remove_file(&folder, "inner/deep");
    assert_int_equal(unlinkat(folder.fd, "inner", AT_REMOVEDIR), 0);
    assert_event(watch, number, HOOP_FILE_CREATED | HOOP_FILE_IS_DIRECTORY, "inner");
    assert_event(watch, number, HOOP_FILE_REMOVED | HOOP_FILE_IS_DIRECTORY, "inner");
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(both_halves_of_a_move_have_the_same_cookie)
{
    struct folder here = folder_new(), there = folder_new();
    hoop_file_watch *watch = watch_open();
    make_file(&here, "one");
    make_file(&here, "two");
    int from = watch_add(watch, here.path, HOOP_FILE_REMOVED);
    int to = watch_add(watch, there.path, HOOP_FILE_CREATED);
    assert_int_not_equal(from, to);
    move_file(&here, "one", &there, "new");
    move_file(&here, "two", &there, "other");
    uint32_t cookies[2];
    for (int i = 0; i < 2; i++) {
        hoop_file_event left = next_event(watch), came = next_event(watch);
        assert_int_equal(left.watch, from);
        assert_int_equal(left.what, HOOP_FILE_REMOVED);
        assert_string_equal(left.name, i == 0 ? "one" : "two");
        assert_int_equal(came.watch, to);
        assert_int_equal(came.what, HOOP_FILE_CREATED);
        assert_string_equal(came.name, i == 0 ? "new" : "other");
        assert_int_equal(left.cookie, came.cookie);
        cookies[i] = left.cookie;
    }
    assert_true(cookies[0] != 0 && cookies[0] != cookies[1]);
    hoop_file_watch_close(watch);
    folder_free(&here);
    folder_free(&there);
}

IN_A_TASK(a_file_that_is_removed_is_gone_and_can_be_watched_anew)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    make_file(&folder, "one");
    int number = watch_add(watch, path_in(&folder, "one"), HOOP_FILE_GONE | HOOP_FILE_CLOSED);
    make_file(&folder, "one");
    remove_file(&folder, "one");
    assert_event(watch, number, HOOP_FILE_CLOSED, "");
    assert_event(watch, number, HOOP_FILE_GONE, "");
    assert_nothing_happened(watch);
    assert_int_equal(hoop_file_watch_remove(watch, number), -EINVAL); /* it went with its file */
    make_file(&folder, "one");
    int again = watch_add(watch, path_in(&folder, "one"), HOOP_FILE_CLOSED);
    assert_int_not_equal(again, number);
    make_file(&folder, "one");
    assert_event(watch, again, HOOP_FILE_CLOSED, "");
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(a_file_that_is_moved_is_gone_and_watched_still)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    make_file(&folder, "one");
    int number = watch_add(watch, path_in(&folder, "one"), HOOP_FILE_GONE | HOOP_FILE_CLOSED);
    move_file(&folder, "one", &folder, "two");
    make_file(&folder, "two");
    assert_event(watch, number, HOOP_FILE_GONE, "");
    assert_event(watch, number, HOOP_FILE_CLOSED, "");
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(only_what_was_asked_for_is_told)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_CLOSED);
    int fd = open_file(&folder, "one");
    write_byte(fd);
    close(fd);
    remove_file(&folder, "one");
    assert_event(watch, number, HOOP_FILE_CLOSED, "one");
    assert_nothing_happened(watch);
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(what_is_asked_for_later_replaces_what_was)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_CREATED);
    assert_int_equal(watch_add(watch, folder.path, HOOP_FILE_REMOVED), number);
    make_file(&folder, "one");
    remove_file(&folder, "one");
    assert_event(watch, number, HOOP_FILE_REMOVED, "one");
    assert_nothing_happened(watch);
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(the_longest_name_fits)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_CREATED);
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    make_file(&folder, name);
    make_file(&folder, "x");
    assert_event(watch, number, HOOP_FILE_CREATED, name);
    assert_event(watch, number, HOOP_FILE_CREATED, "x");
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

IN_A_TASK(more_than_is_read_at_once_comes_whole)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_CREATED);
    char name[32];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "%0*d", i % 20 + 1, i);
        make_file(&folder, name);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "%0*d", i % 20 + 1, i);
        assert_event(watch, number, HOOP_FILE_CREATED, name);
    }
    assert_nothing_happened(watch);
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

static int64_t return_seven(void *arg)
{
    (void)arg;
    return 7;
}

IN_A_TASK(who_takes_events_without_waiting_lets_others_run)
{
    enum { COUNT = 5000 };
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int numbers[2], fds[2] = {open_file(&folder, "a"), open_file(&folder, "b")};
    numbers[0] = watch_add(watch, path_in(&folder, "a"), HOOP_FILE_MODIFIED);
    numbers[1] = watch_add(watch, path_in(&folder, "b"), HOOP_FILE_MODIFIED);
    for (int i = 0; i < COUNT; i++)
        write_byte(fds[i % 2]);
    hoop_task *other = hoop_create_task(return_seven, NULL);
    for (int i = 0; i < COUNT; i++)
        assert_event(watch, numbers[i % 2], HOOP_FILE_MODIFIED, "");
    assert_true(hoop_task_is_done(other));
    assert_int_equal(hoop_await(other), 7);
    close(fds[0]);
    close(fds[1]);
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

/* ---- too much ---- */

static long queue_limit(void)
{
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    long limit = -1;
    if (file == NULL || fscanf(file, "%ld", &limit) != 1)
        limit = -1;
    if (file != NULL)
        fclose(file);
    return limit;
}

/* ARG is how many events may wait. */
static int64_t make_too_many(void *arg)
{
    const long limit = *(long *)arg;
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int numbers[2], fds[2] = {open_file(&folder, "a"), open_file(&folder, "b")};
    numbers[0] = watch_add(watch, path_in(&folder, "a"), HOOP_FILE_MODIFIED);
    numbers[1] = watch_add(watch, path_in(&folder, "b"), HOOP_FILE_MODIFIED);
    for (long i = 0; i < limit + 100; i++)
        write_byte(fds[i % 2]);
    for (long i = 0; i < limit; i++)
        assert_event(watch, numbers[i % 2], HOOP_FILE_MODIFIED, "");
    assert_event(watch, -1, HOOP_FILE_OVERFLOW, "");
    assert_nothing_happened(watch);
    write_byte(fds[0]); /* it goes on */
    assert_event(watch, numbers[0], HOOP_FILE_MODIFIED, "");
    close(fds[0]);
    close(fds[1]);
    hoop_file_watch_close(watch);
    folder_free(&folder);
    return 0;
}

static void that_events_were_lost_is_told(void **state)
{
    (void)state;
    long limit = queue_limit();
    if (limit < 0 || limit > 16384) {
        print_message("not tried: up to %ld events may wait here\n", limit);
        skip();
    }
    assert_int_equal(run_virtually(make_too_many, &limit), 0);
}

/* ---- no more ---- */

IN_A_TASK(what_is_not_watched_any_more_is_not_told)
{
    struct folder folder = folder_new();
    hoop_file_watch *watch = watch_open();
    int number = watch_add(watch, folder.path, HOOP_FILE_CREATED);
    make_file(&folder, "one");
    assert_int_equal(hoop_file_watch_remove(watch, number), 0);
    make_file(&folder, "two");
    assert_event(watch, number, HOOP_FILE_CREATED, "one"); /* it was waiting */
    assert_nothing_happened(watch);
    assert_int_equal(hoop_file_watch_remove(watch, number), -EINVAL);
    assert_int_equal(hoop_file_watch_remove(watch, -1), -EINVAL);
    hoop_file_watch_close(watch);
    folder_free(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_happens_in_a_folder_is_told_in_its_order),
        BEHAVIOUR(a_folder_in_a_folder_is_said_to_be_one),
        BEHAVIOUR(both_halves_of_a_move_have_the_same_cookie),
        BEHAVIOUR(a_file_that_is_removed_is_gone_and_can_be_watched_anew),
        BEHAVIOUR(a_file_that_is_moved_is_gone_and_watched_still),
        BEHAVIOUR(only_what_was_asked_for_is_told),
        BEHAVIOUR(what_is_asked_for_later_replaces_what_was),
        BEHAVIOUR(the_longest_name_fits),
        BEHAVIOUR(more_than_is_read_at_once_comes_whole),
        BEHAVIOUR(who_takes_events_without_waiting_lets_others_run),
        BEHAVIOUR(that_events_were_lost_is_told),
        BEHAVIOUR(what_is_not_watched_any_more_is_not_told),
    };
    return cmocka_run_group_tests_name("file_watch", tests, NULL, NULL);
}
