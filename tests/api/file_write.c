/* SPDX-License-Identifier: MIT
 *
 * hoop_file_write and hoop_file_pwrite, and what makes a file last or changes its size.
 */
#include "file_scene.h"

static void assert_holds(const struct file_scene *scene, const char *text)
{
    char data[64] = "";
    assert_int_equal(pread(scene->fd, data, sizeof data - 1, 0), strlen(text));
    assert_string_equal(data, text);
}

IN_A_TASK(bytes_are_written_at_the_position)
{
    struct file_scene scene;
    size_t written = 99;
    scene_init(&scene);
    assert_int_equal(hoop_file_write(scene.fd, "abc", 3, &written), 3);
    assert_int_equal(written, 3);
    assert_int_equal(hoop_file_write(scene.fd, "de", 2, NULL), 2);
    assert_holds(&scene, "abcde");
    scene_done(&scene);
}

IN_A_TASK(bytes_are_written_at_an_offset)
{
    struct file_scene scene;
    size_t written = 99;
    scene_init(&scene);
    assert_int_equal(hoop_file_pwrite(scene.fd, "fghij", 5, 3, &written), 5);
    assert_int_equal(written, 5);
    assert_int_equal(hoop_file_pwrite(scene.fd, "abcde", 5, 0, NULL), 5);
    assert_holds(&scene, "abcdehij");
    assert_int_equal(lseek(scene.fd, 0, SEEK_CUR), 0);
    scene_done(&scene);
}

IN_A_TASK(what_is_appended_goes_to_the_end)
{
    struct file_scene scene;
    scene_init(&scene);
    int fd = hoop_file_open(scene.path, O_WRONLY | O_APPEND, 0);
    assert_true(fd >= 0);
    assert_int_equal(hoop_file_write(fd, "one ", 4, NULL), 4);
    assert_int_equal(pwrite(scene.fd, "two ", 4, 4), 4);
    assert_int_equal(hoop_file_write(fd, "three", 5, NULL), 5);
    assert_int_equal(hoop_file_close(fd), 0);
    assert_holds(&scene, "one two three");
    scene_done(&scene);
}

IN_A_TASK(many_megabytes_go_in_one_write)
{
    struct file_scene scene;
    size_t size = 3 * 1024 * 1024 + 17, written = 0;
    char *data = malloc(size), *read_back = malloc(size);
    scene_init(&scene);
    pattern_fill(data, size, 0);
    assert_int_equal(hoop_file_write(scene.fd, data, size, &written), size);
    assert_int_equal(written, size);
    assert_int_equal(pread(scene.fd, read_back, size, 0), size);
    assert_memory_equal(read_back, data, size);
    free(data);
    free(read_back);
    scene_done(&scene);
}

IN_A_TASK(after_an_error_it_tells_how_much_was_written)
{
    size_t written = 99;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(hoop_file_write(full, "abc", 3, &written), -ENOSPC);
    assert_int_equal(written, 0);
    close(full);
    written = 99;
    assert_int_equal(hoop_file_write(full, "abc", 3, &written), -EBADF);
    assert_int_equal(written, 0);
    written = 99;
    assert_int_equal(hoop_file_pwrite(full, "abc", 3, UINT64_MAX, &written), -EINVAL);
    assert_int_equal(written, 0);
}

IN_A_TASK(nothing_can_be_written)
{
    struct file_scene scene;
    size_t written = 99;
    scene_init(&scene);
    assert_int_equal(hoop_file_write(scene.fd, NULL, 0, &written), 0);
    assert_int_equal(written, 0);
    assert_holds(&scene, "");
    scene_done(&scene);
}

IN_A_TASK(files_are_synchronised)
{
    struct file_scene scene;
    int ends[2];
    scene_init(&scene);
    assert_int_equal(hoop_file_write(scene.fd, "abc", 3, NULL), 3);
    assert_int_equal(hoop_file_datasync(scene.fd), 0);
    assert_int_equal(hoop_file_sync(scene.fd), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(hoop_file_sync(ends[1]), -EINVAL);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(hoop_file_datasync(ends[1]), -EBADF);
    scene_done(&scene);
}

IN_A_TASK(a_file_is_cut_and_made_longer)
{
    struct file_scene scene;
    struct stat status;
    scene_init(&scene);
    scene_fill(&scene, 100);
    assert_int_equal(hoop_file_truncate(scene.fd, 10), 0);
    assert_int_equal(hoop_file_fstat(scene.fd, &status), 0);
    assert_int_equal(status.st_size, 10);
    assert_int_equal(hoop_file_truncate(scene.fd, 5000000000), 0);
    assert_int_equal(hoop_file_fstat(scene.fd, &status), 0);
    assert_int_equal(status.st_size, 5000000000);
    assert_int_equal(hoop_file_truncate(scene.fd, UINT64_MAX), -EINVAL);
    scene_done(&scene);
    assert_int_equal(hoop_file_fstat(scene.fd, &status), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(bytes_are_written_at_the_position),
        BEHAVIOUR(bytes_are_written_at_an_offset),
        BEHAVIOUR(what_is_appended_goes_to_the_end),
        BEHAVIOUR(many_megabytes_go_in_one_write),
        BEHAVIOUR(after_an_error_it_tells_how_much_was_written),
        BEHAVIOUR(nothing_can_be_written),
        BEHAVIOUR(files_are_synchronised),
        BEHAVIOUR(a_file_is_cut_and_made_longer),
    };
    return cmocka_run_group_tests_name("file_write", tests, NULL, NULL);
}
