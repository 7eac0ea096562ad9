/* SPDX-License-Identifier: MIT
 *
 * hoop_file_open and hoop_file_close.
 */
#include "file_scene.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

IN_A_TASK(a_file_is_made_with_a_mode)
{
    struct file_scene scene;
    struct stat status;
    scene_init(&scene);
    scene_done(&scene);
    assert_int_equal(hoop_file_open(scene.path, O_RDWR, 0), -ENOENT);
    int fd = hoop_file_open(scene.path, O_RDWR | O_CREAT | O_EXCL, 0640);
    assert_true(fd >= 0);
    assert_int_equal(hoop_file_open(scene.path, O_RDWR | O_CREAT | O_EXCL, 0640), -EEXIST);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640 & ~umask(0));
    assert_int_equal(hoop_file_close(fd), 0);
    unlink(scene.path);
}

IN_A_TASK(a_descriptor_has_the_flags_that_were_asked_for)
{
    struct file_scene scene;
    scene_init(&scene);
    scene_fill(&scene, 10);
    const int asked[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_NONBLOCK};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        int fd = hoop_file_open(scene.path, asked[i], 0);
        assert_true(fd >= 0);
        int flags = fcntl(fd, F_GETFL);
        assert_int_equal(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK), asked[i]);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(hoop_file_close(fd), 0);
        assert_false(is_open(fd));
    }
    int fd = hoop_file_open(scene.path, O_WRONLY | O_TRUNC, 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(hoop_file_close(fd), 0);
    scene_done(&scene);
}

IN_A_TASK(links_are_followed_unless_that_is_not_wanted)
{
    struct file_scene scene;
    char link[80];
    scene_init(&scene);
    snprintf(link, sizeof link, "%s-link", scene.path);
    assert_int_equal(symlink(scene.path, link), 0);
    int fd = hoop_file_open(link, O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(hoop_file_close(fd), 0);
    assert_int_equal(hoop_file_open(link, O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    fd = hoop_file_open(scene.path, O_RDONLY | O_NOFOLLOW, 0);
    assert_true(fd >= 0);
    assert_int_equal(hoop_file_close(fd), 0);
    unlink(link);
    scene_done(&scene);
}

IN_A_TASK(folders_and_devices_can_be_opened)
{
    struct file_scene scene;
    scene_init(&scene);
    int folder = hoop_file_open(".", O_RDONLY | O_DIRECTORY, 0);
    assert_true(folder >= 0);
    assert_int_equal(hoop_file_close(folder), 0);
    assert_int_equal(hoop_file_open(scene.path, O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(hoop_file_open(".", O_WRONLY, 0), -EISDIR);
    assert_int_equal(hoop_file_open("", O_RDONLY, 0), -ENOENT);
    int device = hoop_file_open("/dev/null", O_RDWR, 0);
    assert_int_equal(hoop_file_write(device, "abc", 3, NULL), 3);
    assert_int_equal(hoop_file_close(device), 0);
    int nameless = hoop_file_open(".", O_TMPFILE | O_RDWR, 0600);
    assert_true(nameless >= 0 || nameless == -EOPNOTSUPP);
    assert_int_equal(hoop_file_close(nameless >= 0 ? nameless : -1), 0);
    scene_done(&scene);
}

static int64_t open_to_write(void *path)
{
    return hoop_file_open(path, O_WRONLY, 0);
}

IN_A_TASK(a_fifo_waits_for_its_other_end)
{
    struct file_scene scene;
    char data[4];
    scene_init(&scene);
    unlink(scene.path);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    hoop_task *writer = hoop_create_task(open_to_write, scene.path);
    int reading = hoop_file_open(scene.path, O_RDONLY, 0);
    int writing = (int)hoop_await(writer);
    assert_true(reading >= 0 && writing >= 0);
    assert_int_equal(hoop_file_write(writing, "abc", 3, NULL), 3);
    assert_int_equal(hoop_file_read(reading, data, sizeof data), 3);
    assert_int_equal(hoop_file_close(writing), 0);
    assert_int_equal(hoop_file_close(reading), 0);
    scene_done(&scene);
}

IN_A_TASK(closing_answers_once)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(hoop_file_close(-1), 0);
    assert_int_equal(hoop_file_close(fd), 0);
    assert_int_equal(hoop_file_close(fd), -EBADF);
}

IN_A_TASK(a_cancelled_task_closes_its_files)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_file_close(fd), 0);
    assert_false(is_open(fd));
    assert_int_equal(hoop_task_cancelling(hoop_current_task()), 1);
    hoop_task_uncancel(hoop_current_task());
}

static void a_file_can_be_closed_where_no_task_runs(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(hoop_file_close(fd), 0);
    assert_int_equal(hoop_file_close(fd), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_file_is_made_with_a_mode),
        BEHAVIOUR(a_descriptor_has_the_flags_that_were_asked_for),
        BEHAVIOUR(links_are_followed_unless_that_is_not_wanted),
        BEHAVIOUR(folders_and_devices_can_be_opened),
        BEHAVIOUR(a_fifo_waits_for_its_other_end),
        BEHAVIOUR(closing_answers_once),
        BEHAVIOUR(a_cancelled_task_closes_its_files),
        BEHAVIOUR(a_file_can_be_closed_where_no_task_runs),
    };
    return cmocka_run_group_tests_name("file_open", tests, NULL, NULL);
}
