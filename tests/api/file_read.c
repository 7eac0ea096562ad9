/* SPDX-License-Identifier: MIT
 *
 * hoop_file_read and hoop_file_pread of what is in the page cache or needs a thread.
 */
#include <limits.h>

#include "file_scene.h"

IN_A_TASK(a_file_is_read_from_its_position_on)
{
    struct file_scene scene;
    char data[16] = "";
    scene_init(&scene);
    assert_int_equal(pwrite(scene.fd, "0123456789", 10, 0), 10);
    assert_int_equal(hoop_file_read(scene.fd, data, 4), 4);
    assert_memory_equal(data, "0123", 4);
    assert_int_equal(hoop_file_read(scene.fd, data, sizeof data), 6);
    assert_memory_equal(data, "456789", 6);
    assert_int_equal(hoop_file_read(scene.fd, data, sizeof data), 0);
    scene_done(&scene);
}

IN_A_TASK(an_offset_leaves_the_position_alone)
{
    struct file_scene scene;
    char data[16] = "";
    scene_init(&scene);
    assert_int_equal(pwrite(scene.fd, "0123456789", 10, 0), 10);
    assert_int_equal(hoop_file_pread(scene.fd, data, 3, 5), 3);
    assert_memory_equal(data, "567", 3);
    assert_int_equal(hoop_file_pread(scene.fd, data, sizeof data, 8), 2);
    assert_int_equal(hoop_file_pread(scene.fd, data, sizeof data, 10), 0);
    assert_int_equal(hoop_file_pread(scene.fd, data, sizeof data, 1000), 0);
    assert_int_equal(lseek(scene.fd, 0, SEEK_CUR), 0);
    scene_done(&scene);
}

IN_A_TASK(many_megabytes_come_in_one_read)
{
    struct file_scene scene;
    size_t size = 3 * 1024 * 1024 + 17;
    char *data = malloc(size + 1);
    scene_init(&scene);
    scene_fill(&scene, size);
    assert_int_equal(hoop_file_pread(scene.fd, data, size + 1, 0), size);
    assert_true(is_pattern(data, size, 0));
    assert_int_equal(hoop_file_read(scene.fd, data, size - 5), size - 5);
    assert_true(is_pattern(data, size - 5, 0));
    assert_int_equal(hoop_file_read(scene.fd, data, size), 5);
    assert_true(is_pattern(data, 5, size - 5));
    free(data);
    scene_done(&scene);
}

static int64_t count_turns(void *arg)
{
    int rc;
    while ((rc = hoop_sleep(0)) == 0)
        ++*(unsigned *)arg;
    return rc;
}

IN_A_TASK(a_task_that_reads_cached_files_lets_others_run_now_and_then)
{
    struct file_scene scene;
    unsigned turns = 0;
    char data[8];
    scene_init(&scene);
    assert_int_equal(pwrite(scene.fd, "01234567", 8, 0), 8);
    hoop_task *task = hoop_create_task(count_turns, &turns);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(hoop_file_pread(scene.fd, data, sizeof data, 0), 8);
    assert_in_range(turns, 10, UNDER_EMULATOR ? UINT_MAX : 5000); /* see files_use_ring */
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    scene_done(&scene);
}

IN_A_TASK(files_of_the_kernel_are_read_to_their_end)
{
    char data[512] = "";
    int fd = hoop_file_open("/proc/self/stat", O_RDONLY, 0);
    assert_true(fd >= 0);
    int64_t size = hoop_file_read(fd, data, sizeof data);
    assert_in_range(size, 50, sizeof data - 1);
    assert_int_equal(data[size - 1], '\n');
    assert_int_equal(hoop_file_read(fd, data, sizeof data), 0);
    assert_int_equal(hoop_file_close(fd), 0);
}

IN_A_TASK(a_pipe_gives_what_it_has)
{
    int ends[2];
    char data[16];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(hoop_file_read(ends[0], data, sizeof data), 3);
    assert_memory_equal(data, "abc", 3);
    close(ends[1]);
    assert_int_equal(hoop_file_read(ends[0], data, sizeof data), 0);
    close(ends[0]);
}

static int64_t write_to_pipe(void *arg)
{
    return write(*(int *)arg, "later", 5);
}

IN_A_TASK(a_read_of_an_empty_pipe_waits_while_others_run)
{
    int ends[2];
    char data[16];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    hoop_task *writer = hoop_create_task(write_to_pipe, &ends[1]);
    assert_int_equal(hoop_file_read(ends[0], data, sizeof data), 5);
    assert_memory_equal(data, "later", 5);
    assert_int_equal(hoop_await(writer), 5);
    close(ends[0]);
    close(ends[1]);
}

IN_A_TASK(errors_are_those_of_the_system)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(hoop_file_pread(ends[0], &byte, 1, 0), -ESPIPE);
    assert_int_equal(hoop_file_read(ends[1], &byte, 1), -EBADF);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(hoop_file_read(ends[0], &byte, 1), -EBADF);
    assert_int_equal(hoop_file_read(ends[0], &byte, 0), -EBADF);
    assert_int_equal(hoop_file_pread(ends[0], &byte, 1, UINT64_MAX), -EINVAL);
    int folder = open(".", O_RDONLY | O_CLOEXEC);
    assert_int_equal(hoop_file_read(folder, &byte, 1), -EISDIR);
    close(folder);
}

IN_A_TASK(nothing_is_read_into_no_room)
{
    struct file_scene scene;
    scene_init(&scene);
    scene_fill(&scene, 10);
    assert_int_equal(hoop_file_read(scene.fd, NULL, 0), 0);
    assert_int_equal(lseek(scene.fd, 0, SEEK_CUR), 0);
    scene_done(&scene);
}

IN_A_TASK(a_cancelled_task_still_reads_what_is_there)
{
    struct file_scene scene;
    char data[8];
    scene_init(&scene);
    scene_fill(&scene, 8);
    hoop_task_cancel(hoop_current_task());
    if (!UNDER_EMULATOR) /* see files_use_ring */
        assert_int_equal(hoop_file_pread(scene.fd, data, 8, 0), 8);
    assert_int_equal(hoop_file_sync(scene.fd), -ECANCELED); /* that would wait */
    hoop_task_uncancel(hoop_current_task());
    scene_done(&scene);
}

static void all_need_a_task(void **state)
{
    char byte;
    size_t written = 7;
    struct stat status;
    (void)state;
    assert_int_equal(hoop_file_open(".", O_RDONLY, 0), HOOP_ENOTASK);
    assert_int_equal(hoop_file_read(0, &byte, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_file_pread(0, &byte, 1, 0), HOOP_ENOTASK);
    assert_int_equal(hoop_file_write(0, "x", 1, &written), HOOP_ENOTASK);
    assert_int_equal(written, 0);
    written = 7;
    assert_int_equal(hoop_file_pwrite(0, "x", 1, 0, &written), HOOP_ENOTASK);
    assert_int_equal(written, 0);
    assert_int_equal(hoop_file_sync(0), HOOP_ENOTASK);
    assert_int_equal(hoop_file_datasync(0), HOOP_ENOTASK);
    assert_int_equal(hoop_file_truncate(0, 0), HOOP_ENOTASK);
    assert_int_equal(hoop_file_fstat(0, &status), HOOP_ENOTASK);
    void *data;
    size_t size;
    assert_int_equal(hoop_file_load(".", 0, &data, &size), HOOP_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_file_is_read_from_its_position_on),
        BEHAVIOUR(an_offset_leaves_the_position_alone),
        BEHAVIOUR(many_megabytes_come_in_one_read),
        BEHAVIOUR(a_task_that_reads_cached_files_lets_others_run_now_and_then),
        BEHAVIOUR(files_of_the_kernel_are_read_to_their_end),
        BEHAVIOUR(a_pipe_gives_what_it_has),
        BEHAVIOUR(a_read_of_an_empty_pipe_waits_while_others_run),
        BEHAVIOUR(errors_are_those_of_the_system),
        BEHAVIOUR(nothing_is_read_into_no_room),
        BEHAVIOUR(a_cancelled_task_still_reads_what_is_there),
        BEHAVIOUR(all_need_a_task),
    };
    return cmocka_run_group_tests_name("file_read", tests, NULL, NULL);
}
