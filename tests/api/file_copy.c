/* SPDX-License-Identifier: MIT
 *
 * Copying files: what the copy is, where it goes, and what happens meanwhile.
 */
#include "copy_watcher.h"
#include "in_a_task.h"

#include <sys/socket.h>
#include <sys/un.h>

static int64_t copy(const char *from, const char *to)
{
    return hoop_file_copy(from, to, NULL);
}

static const hoop_copy_options keeping = {.keep_existing = true};

static ino_t inode_of(const char *name)
{
    struct stat status;
    assert_int_equal(lstat(name, &status), 0);
    return status.st_ino;
}

static unsigned mode_of(const char *name)
{
    struct stat status;
    assert_int_equal(lstat(name, &status), 0);
    return status.st_mode & 07777;
}

/* ---- the copy ---- */

IN_A_TASK(files_of_any_size_are_copied)
{
    static const size_t sizes[] = {0, 1, 4096, 262145, 8 * MIB, 8 * MIB + 1, 64 * MIB + 5, 3};
    for (int i = 0; i < 8; i++) {
        make_file("from", sizes[i]);
        assert_int_equal(copy("from", "to"), sizes[i]);
        assert_true(is_made_file("to", sizes[i]));
        assert_true(is_made_file("from", sizes[i]));
        assert_int_equal(count_names("."), 2);
    }
}

IN_A_TASK(the_copy_has_the_permissions)
{
    static const unsigned modes[] = {0644, 0600, 0400, 0777, 0000, 0751};
    mode_t mask = umask(077);
    for (int i = 0; i < 6; i++) {
        make_text("from", "text");
        if (modes[i] & 0400 || geteuid() == 0) {
            assert_int_equal(chmod("from", modes[i]), 0);
            assert_int_equal(copy("from", "to"), 4);
            assert_int_equal(mode_of("to"), modes[i]);
        }
        assert_int_equal(unlink("from"), 0);
    }
    umask(mask);
}

IN_A_TASK(it_does_not_run_as_somebody_else)
{
    make_text("from", "text");
    assert_int_equal(chmod("from", 06755), 0);
    assert_int_equal(copy("from", "to"), 4);
    assert_int_equal(mode_of("to"), 0755);
}

/* As far as this file system has holes. */
IN_A_TASK(holes_stay_holes)
{
    struct stat from, to;
    make_text("from", "at the beginning");
    int fd = open("from", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "in the middle", 13, (off_t)(100 * MIB)), 13);
    assert_int_equal(pwrite(fd, "after it", 8, (off_t)(300 * MIB + 77)), 8);
    assert_int_equal(ftruncate(fd, (off_t)(1024 * MIB + 1)), 0);
    close(fd);
    assert_int_equal(copy("from", "to"), 1024 * MIB + 1);
    assert_int_equal(stat("from", &from), 0);
    assert_int_equal(stat("to", &to), 0);
    assert_int_equal(to.st_size, from.st_size);
    assert_true(to.st_blocks <= from.st_blocks + 64);
    char text[16] = "";
    fd = open("to", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, text, 16, 0), 16);
    assert_memory_equal(text, "at the beginning", 16);
    assert_int_equal(pread(fd, text, 15, (off_t)(100 * MIB - 1)), 15);
    assert_memory_equal(text, "\0in the middle\0", 15);
    assert_int_equal(pread(fd, text, 10, (off_t)(300 * MIB + 76)), 10);
    assert_memory_equal(text, "\0after it\0", 10);
    close(fd);
}

IN_A_TASK(a_file_of_nothing_but_a_hole_is_copied)
{
    struct stat to;
    make_text("from", "");
    assert_int_equal(truncate("from", (off_t)(50 * MIB)), 0);
    assert_int_equal(copy("from", "to"), 50 * MIB);
    assert_int_equal(stat("to", &to), 0);
    assert_int_equal(to.st_size, 50 * MIB);
}

IN_A_TASK(a_file_that_does_not_know_its_size_is_copied)
{
    if (!exists("/proc/version"))
        return;
    char text[256];
    strcpy(text, text_of("/proc/version"));
    assert_int_equal(copy("/proc/version", "to"), strlen(text));
    assert_string_equal(text_of("to"), text);
}

IN_A_TASK(a_copy_goes_to_another_file_system)
{
    static const char to[] = "/dev/shm/hoop-test-copy";
    if (access("/dev/shm", W_OK) != 0)
        return;
    make_file("from", 20 * MIB + 3);
    assert_int_equal(copy("from", to), 20 * MIB + 3);
    assert_true(is_made_file(to, 20 * MIB + 3));
    assert_int_equal(copy(to, "back"), 20 * MIB + 3);
    assert_true(is_made_file("back", 20 * MIB + 3));
    assert_int_equal(unlink(to), 0);
}

/* ---- where it goes ---- */

IN_A_TASK(the_copy_replaces_a_file_and_leaves_its_other_names_alone)
{
    make_text("from", "new");
    make_text("to", "old");
    assert_int_equal(link("to", "other"), 0);
    assert_int_equal(copy("from", "to"), 3);
    assert_string_equal(text_of("to"), "new");
    assert_string_equal(text_of("other"), "old");
    assert_int_equal(count_names("."), 3);
}

IN_A_TASK(what_exists_is_kept_on_demand)
{
    make_text("from", "new");
    make_text("to", "old");
    assert_int_equal(symlink("nowhere", "broken"), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(hoop_file_copy("from", "to", &keeping), -EEXIST);
    assert_int_equal(hoop_file_copy("from", "broken", &keeping), -EEXIST);
    assert_int_equal(hoop_file_copy("from", "folder", &keeping), -EEXIST);
    assert_int_equal(hoop_file_copy("from", "from", &keeping), -EEXIST);
    assert_string_equal(text_of("to"), "old");
    assert_int_equal(hoop_file_copy("from", "new", &keeping), 3);
    assert_string_equal(text_of("new"), "new");
    assert_int_equal(count_names("."), 5);
}

IN_A_TASK(links_are_followed_from_and_replaced_to)
{
    make_text("file", "text");
    make_text("aim", "aim");
    assert_int_equal(symlink("file", "from"), 0);
    assert_int_equal(symlink("aim", "to"), 0);
    assert_int_equal(copy("from", "to"), 4);
    assert_string_equal(text_of("to"), "text");
    assert_string_equal(text_of("aim"), "aim");
    assert_int_equal(mode_of("to"), mode_of("file"));
}

IN_A_TASK(a_file_copied_to_itself_keeps_its_content)
{
    make_file("file", 10 * MIB);
    assert_int_equal(link("file", "other"), 0);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(copy("file", "file"), 10 * MIB);
    assert_true(inode_of("file") != inode_of("other"));
    assert_true(is_made_file("file", 10 * MIB));
    assert_int_equal(link("file", "third"), 0);
    assert_int_equal(copy("file", "third"), 10 * MIB);
    assert_int_equal(copy("link", "file"), 10 * MIB);
    assert_int_equal(copy("file", "link"), 10 * MIB);
    assert_true(is_made_file("file", 10 * MIB));
    assert_true(is_made_file("other", 10 * MIB));
    assert_true(is_made_file("third", 10 * MIB));
    assert_true(is_made_file("link", 10 * MIB));
    assert_int_equal(count_names("."), 4);
}

IN_A_TASK(nothing_is_copied_onto_a_directory)
{
    make_text("from", "text");
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(symlink("folder", "link"), 0);
    assert_int_equal(copy("from", "folder"), -EISDIR);
    assert_int_equal(copy("from", "folder/"), -EISDIR);
    assert_int_equal(copy("from", "link"), -EISDIR);
    assert_int_equal(copy("from", "."), -EISDIR);
    assert_int_equal(copy("from", "/"), -EISDIR);
    assert_int_equal(count_names("folder"), 0);
    assert_int_equal(count_names("."), 3);
}

static void make_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

IN_A_TASK(only_regular_files_are_copied_and_replaced)
{
    make_text("from", "text");
    assert_int_equal(mkfifo("pipe", 0600), 0); /* nobody writes to it, so opening it could hang */
    assert_int_equal(symlink("pipe", "link"), 0);
    make_socket("socket");
    static const char *const others[] = {"pipe", "socket", "link", "/dev/null"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(copy(others[i], "to"), -EINVAL);
        assert_int_equal(copy("from", others[i]), -EINVAL);
    }
    assert_int_equal(copy(".", "to"), -EINVAL);
    assert_int_equal(count_names("."), 4);
}

IN_A_TASK(what_is_not_there_is_said)
{
    make_text("from", "text");
    assert_int_equal(copy("nothing", "to"), -ENOENT);
    assert_int_equal(copy("from", "nothing/to"), -ENOENT);
    assert_int_equal(copy("from", "nothing/"), -ENOENT);
    assert_int_equal(copy("from", "from/to"), -ENOTDIR);
    assert_int_equal(copy("from", "from/"), -ENOTDIR);
    assert_int_equal(copy("from", ""), -ENOENT);
    assert_int_equal(copy("", "to"), -ENOENT);
    assert_int_equal(count_names("."), 1);
}

IN_A_TASK(names_may_be_odd_and_long)
{
    char from[NAME_MAX + 1], to[NAME_MAX + 2];
    memset(from, 'f', sizeof from);
    memset(to, 't', sizeof to);
    from[NAME_MAX] = to[NAME_MAX + 1] = '\0';
    from[7] = to[7] = '\n';
    make_text(from, "text");
    assert_int_equal(copy(from, to), -ENAMETOOLONG);
    to[NAME_MAX] = '\0';
    assert_int_equal(copy(from, to), 4);
    assert_string_equal(text_of(to), "text");
    assert_int_equal(count_names("."), 2);
}

/* ---- meanwhile ---- */

IN_A_TASK(progress_is_told_until_the_end)
{
    struct watcher watcher = {0};
    bool has_middle = make_long_copy("from");
    assert_int_equal(copy_watched("from", "to", &watcher), SEVERAL_STEPS);
    assert_true(watcher.calls >= (has_middle ? 2 : 1));
    assert_int_equal(watcher.copied, SEVERAL_STEPS);
    assert_int_equal(watcher.size, SEVERAL_STEPS);
}

IN_A_TASK(progress_of_nothing_is_told_once)
{
    struct watcher watcher = {0};
    make_text("from", "");
    assert_int_equal(copy_watched("from", "to", &watcher), 0);
    assert_int_equal(watcher.calls, 1);
    assert_int_equal(watcher.size, 0);
    watcher.calls = 0;
    assert_int_equal(copy_watched("nothing", "to", &watcher), -ENOENT);
    assert_int_equal(watcher.calls, 0);
}

IN_A_TASK(at_the_last_progress_the_copy_is_in_place)
{
    struct watcher watcher = {0};
    make_text("from", "text");
    assert_int_equal(copy_watched("from", "to", &watcher), 4);
    assert_int_equal(watcher.calls, 1);
    assert_int_equal(watcher.names, 2);
}

static int64_t tick(void *arg)
{
    unsigned *ticks = arg;
    while (hoop_sleep(0) == 0)
        ++*ticks;
    return 0;
}

IN_A_TASK(others_run_while_a_file_is_copied)
{
    unsigned ticks = 0;
    make_file("from", SEVERAL_STEPS);
    hoop_task *task = hoop_create_task(tick, &ticks);
    assert_int_equal(copy("from", "to"), SEVERAL_STEPS);
    assert_true(ticks > 0);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), 0);
}

static void leave_the_folder(struct watcher *watcher)
{
    (void)watcher;
    assert_int_equal(chdir("/"), 0);
}

IN_A_TASK(going_elsewhere_does_not_lead_it_astray)
{
    struct watcher watcher = {.act = leave_the_folder};
    make_file("from", SEVERAL_STEPS);
    assert_int_equal(copy_watched("from", "to", &watcher), SEVERAL_STEPS);
    assert_int_equal(chdir(folder_path), 0);
    assert_true(is_made_file("to", SEVERAL_STEPS));
    assert_int_equal(count_names("."), 2);
}

static void outside_of_a_task_there_is_no_copying(void **state)
{
    (void)state;
    make_text("from", "text");
    assert_int_equal(copy("from", "to"), HOOP_ENOTASK);
    assert_int_equal(count_names("."), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR_IN_A_FOLDER(files_of_any_size_are_copied),
        BEHAVIOUR_IN_A_FOLDER(the_copy_has_the_permissions),
        BEHAVIOUR_IN_A_FOLDER(it_does_not_run_as_somebody_else),
        BEHAVIOUR_IN_A_FOLDER(holes_stay_holes),
        BEHAVIOUR_IN_A_FOLDER(a_file_of_nothing_but_a_hole_is_copied),
        BEHAVIOUR_IN_A_FOLDER(a_file_that_does_not_know_its_size_is_copied),
        BEHAVIOUR_IN_A_FOLDER(a_copy_goes_to_another_file_system),
        BEHAVIOUR_IN_A_FOLDER(the_copy_replaces_a_file_and_leaves_its_other_names_alone),
        BEHAVIOUR_IN_A_FOLDER(what_exists_is_kept_on_demand),
        BEHAVIOUR_IN_A_FOLDER(links_are_followed_from_and_replaced_to),
        BEHAVIOUR_IN_A_FOLDER(a_file_copied_to_itself_keeps_its_content),
        BEHAVIOUR_IN_A_FOLDER(nothing_is_copied_onto_a_directory),
        BEHAVIOUR_IN_A_FOLDER(only_regular_files_are_copied_and_replaced),
        BEHAVIOUR_IN_A_FOLDER(what_is_not_there_is_said),
        BEHAVIOUR_IN_A_FOLDER(names_may_be_odd_and_long),
        BEHAVIOUR_IN_A_FOLDER(progress_is_told_until_the_end),
        BEHAVIOUR_IN_A_FOLDER(progress_of_nothing_is_told_once),
        BEHAVIOUR_IN_A_FOLDER(at_the_last_progress_the_copy_is_in_place),
        BEHAVIOUR_IN_A_FOLDER(others_run_while_a_file_is_copied),
        BEHAVIOUR_IN_A_FOLDER(going_elsewhere_does_not_lead_it_astray),
        BEHAVIOUR_IN_A_FOLDER(outside_of_a_task_there_is_no_copying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
