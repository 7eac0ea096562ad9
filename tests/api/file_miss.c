/* SPDX-License-Identifier: MIT
 *
 * Reads of what is not in the page cache, and what the clock does meanwhile.
 */
#include <pthread.h>
#include <signal.h>

#include "file_scene.h"

#define PAGE ((size_t)4096)
#define READERS 100

struct reader {
    const struct file_scene *scene;
    size_t offset;
    bool is_right;
};

static int64_t read_page(void *arg)
{
    struct reader *reader = arg;
    char data[PAGE];
    int64_t rc = hoop_file_pread(reader->scene->fd, data, sizeof data, reader->offset);
    reader->is_right = rc == PAGE && is_pattern(data, sizeof data, reader->offset);
    return rc;
}

/* A page in each 64 KiB, so that none is read ahead for another one. */
IN_A_TASK(many_tasks_read_from_the_disk_side_by_side)
{
    struct file_scene scene;
    struct reader readers[READERS];
    hoop_task *tasks[READERS];
    size_t size = READERS * 16 * PAGE;
    scene_init(&scene);
    scene_fill(&scene, size);
    for (int round = 0; round < 3; round++) {
        bool was_cold = scene_cool(&scene, size);
        for (size_t i = 0; i < READERS; i++) {
            readers[i] = (struct reader){&scene, i * 16 * PAGE, false};
            tasks[i] = hoop_create_task(read_page, &readers[i]);
        }
        for (size_t i = 0; i < READERS; i++) {
            assert_int_equal(hoop_await(tasks[i]), PAGE);
            assert_true(readers[i].is_right);
        }
        if (was_cold)
            (void)files_use_ring(); /* there was a miss */
    }
    scene_done(&scene);
}

IN_A_TASK(many_megabytes_come_from_the_disk_in_one_read)
{
    struct file_scene scene;
    size_t size = 3 * 1024 * 1024 + 17;
    scene_init(&scene);
    scene_fill(&scene, size);
    (void)scene_cool(&scene, size);
    char *data = malloc(size + 1);
    assert_int_equal(hoop_file_read(scene.fd, data, size + 1), size);
    assert_true(is_pattern(data, size, 0));
    free(data);
    scene_done(&scene);
}

IN_A_TASK(a_file_past_the_cache_is_read_and_written)
{
    struct file_scene scene;
    size_t size = 64 * PAGE;
    scene_init(&scene);
    char *data = aligned_alloc(PAGE, size);
    int fd = hoop_file_open(scene.path, O_RDWR | O_DIRECT, 0);
    if (fd == -EINVAL) {
        print_message("# this file system has no O_DIRECT\n");
        free(data);
        scene_done(&scene);
        return;
    }
    scene_fill(&scene, size); /* so that it has its blocks */
    pattern_fill(data, size, 7);
    assert_int_equal(hoop_file_pwrite(fd, data, size, 0, NULL), size);
    memset(data, 0, size);
    assert_int_equal(hoop_file_read(fd, data, size), size);
    assert_true(is_pattern(data, size, 7));
    assert_int_equal(hoop_file_read(fd, data, size), 0);
    assert_int_equal(hoop_file_close(fd), 0);
    free(data);
    scene_done(&scene);
}

static void *write_soon(void *arg)
{
    usleep(5000);
    if (write(*(int *)arg, "abc", 3) != 3)
        abort();
    return NULL;
}

static int64_t sleep_long(void *arg)
{
    (void)arg;
    return hoop_sleep(1000);
}

IN_A_TASK(the_virtual_clock_stands_still_while_the_system_reads)
{
    int ends[2];
    char data[4];
    pthread_t thread;
    open_pipe(ends);
    double before = hoop_time(hoop_running_loop());
    hoop_task *sleeper = hoop_create_task(sleep_long, NULL);
    assert_int_equal(pthread_create(&thread, NULL, write_soon, &ends[1]), 0);
    assert_int_equal(hoop_file_read(ends[0], data, sizeof data), 3);
    assert_true(hoop_time(hoop_running_loop()) == before);
    pthread_join(thread, NULL);
    hoop_task_cancel(sleeper);
    assert_int_equal(hoop_await(sleeper), -ECANCELED);
    close_pipe(ends);
}

static int64_t read_byte(void *arg)
{
    char byte;
    return hoop_file_read(*(int *)arg, &byte, 1);
}

/* More than the ring has room for. */
IN_A_TASK(more_reads_wait_than_can_be_handed_in_at_once)
{
    enum { MANY = 500 };
    int ends[2];
    hoop_task *tasks[MANY];
    open_pipe(ends);
    for (int i = 0; i < MANY; i++)
        tasks[i] = hoop_create_task(read_byte, &ends[0]);
    let_one_iteration_pass();
    for (int i = 0; i < MANY; i++)
        assert_int_equal(write(ends[1], "x", 1), 1);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(hoop_await(tasks[i]), 1);
    close_pipe(ends);
}

static int64_t write_much(void *arg)
{
    size_t size = 1000000;
    char *data = malloc(size);
    pattern_fill(data, size, 0);
    int64_t rc = hoop_file_write(*(int *)arg, data, size, NULL);
    free(data);
    close(*(int *)arg);
    return rc;
}

IN_A_TASK(a_write_waits_for_a_full_pipe)
{
    int ends[2];
    char data[5000];
    size_t total = 0;
    int64_t got;
    open_pipe(ends);
    hoop_task *writer = hoop_create_task(write_much, &ends[1]);
    while ((got = hoop_file_read(ends[0], data, sizeof data)) > 0) {
        assert_true(is_pattern(data, (size_t)got, total));
        total += (size_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(total, 1000000);
    assert_int_equal(hoop_await(writer), 1000000);
    close(ends[0]);
}

IN_A_TASK(the_loop_tells_who_reads)
{
    int ends[2];
    char data[4];
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    assert_string_equal(info.files, "");
    open_pipe(ends);
    hoop_task *writer = hoop_create_task(write_much, &ends[1]);
    assert_int_equal(hoop_file_read(ends[0], data, sizeof data), sizeof data);
    const char *wish = getenv("HOOP_FILES");
    if (files_use_ring())
        assert_true(wish == NULL || strcmp(wish, "threads") != 0);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    assert_int_equal(hoop_await(writer), -EPIPE);
    signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(many_tasks_read_from_the_disk_side_by_side),
        BEHAVIOUR(many_megabytes_come_from_the_disk_in_one_read),
        BEHAVIOUR(a_file_past_the_cache_is_read_and_written),
        BEHAVIOUR(the_virtual_clock_stands_still_while_the_system_reads),
        BEHAVIOUR(more_reads_wait_than_can_be_handed_in_at_once),
        BEHAVIOUR(a_write_waits_for_a_full_pipe),
        BEHAVIOUR(the_loop_tells_who_reads),
    };
    return cmocka_run_group_tests_name("file_miss", tests, NULL, NULL);
}
