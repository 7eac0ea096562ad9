/* SPDX-License-Identifier: MIT
 *
 * The loop is closed while files are read, opened and closed: nothing writes into frames that are
 * gone, and nothing stays open.
 */
#include <pthread.h>

#include "file_scene.h"

#define MANY 200

static char buffer[16];

struct world {
    int ends[2];
    char path[80];
    bool is_by_threads;
    int fd;
};

static int64_t read_pipe(void *arg)
{
    struct world *world = arg;
    (void)!hoop_file_read(world->ends[0], buffer, sizeof buffer);
    fail_msg("the loop was closed");
    return 0;
}

/* A thread that reads has to get something before it can end. */
static void feed_threads(void *arg)
{
    struct world *world = arg;
    if (world->is_by_threads)
        assert_int_equal(write(world->ends[1], "x", 1), 1);
}

static bool is_by_threads(void)
{
    const char *wish = getenv("HOOP_FILES");
    return wish != NULL && strcmp(wish, "threads") == 0;
}

static void hold_loop_against(hoop_coroutine_fn fn, struct world *world,
                              void (*before)(void *world), size_t count, int iterations)
{
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_info info;
    for (size_t i = 0; i < count; i++)
        hoop_task_detach(hoop_create_task_with(fn, world, &(hoop_task_options){.loop = loop}));
    for (int i = 0; i < iterations; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_loop_info(loop, &info);
    world->is_by_threads = strcmp(info.files, "io_uring") != 0;
    if (before != NULL)
        for (size_t i = 0; i < count; i++)
            before(world);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, count);
    assert_string_equal(reports.message, "task was destroyed but it is pending");
}

/* Whatever of it the kernel knows by then. */
static void a_closed_loop_has_ended_its_reads(void **state)
{
    (void)state;
    for (int iterations = 1; iterations < 5; iterations++) {
        struct world world;
        open_pipe(world.ends);
        hold_loop_against(read_pipe, &world, feed_threads, 1, iterations);
        memset(buffer, 'z', sizeof buffer);
        (void)!write(world.ends[1], "abc", 3);
        usleep(1000);
        assert_int_equal(buffer[0], 'z');
        close_pipe(world.ends);
    }
}

static void a_closed_loop_has_ended_very_many_reads(void **state)
{
    (void)state;
    struct world world;
    if (is_by_threads())
        return; /* they cannot be ended; one is as many */
    open_pipe(world.ends);
    hold_loop_against(read_pipe, &world, feed_threads, MANY, 2);
    close_pipe(world.ends);
}

static int64_t open_fifo(void *arg)
{
    struct world *world = arg;
    (void)!hoop_file_open(world->path, O_RDONLY, 0);
    fail_msg("the loop was closed");
    return 0;
}

static int64_t load_fifo(void *arg)
{
    struct world *world = arg;
    void *data;
    size_t size;
    (void)!hoop_file_load(world->path, 0, &data, &size);
    fail_msg("the loop was closed");
    return 0;
}

/* The thread opens its end, if it has begun to. */
static void open_other_end(void *arg)
{
    struct world *world = arg;
    usleep(2000);
    world->fd = open(world->path, O_RDWR | O_CLOEXEC);
}

static void close_over_fifo(hoop_coroutine_fn fn, void (*before)(void *world))
{
    struct file_scene scene;
    struct world world = {.fd = -1};
    scene_init(&scene);
    unlink(scene.path);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    snprintf(world.path, sizeof world.path, "%s", scene.path);
    hold_loop_against(fn, &world, before, 1, 1);
    if (world.fd >= 0)
        close(world.fd);
    scene_done(&scene);
}

static void what_a_thread_has_opened_goes_with_the_loop(void **state)
{
    (void)state;
    close_over_fifo(open_fifo, open_other_end);
}

/* It reads until this end is closed. */
static void write_and_close(void *arg)
{
    struct world *world = arg;
    open_other_end(world);
    assert_int_equal(write(world->fd, "abc", 3), 3);
    usleep(2000);
    close(world->fd);
    world->fd = -1;
}

static void what_a_thread_has_loaded_goes_with_the_loop(void **state)
{
    (void)state;
    close_over_fifo(load_fifo, write_and_close);
}

static int64_t close_file(void *arg)
{
    struct world *world = arg;
    (void)hoop_file_close(world->fd);
    return hoop_sleep(1000);
}

static void a_file_that_was_being_closed_is_closed(void **state)
{
    (void)state;
    struct world world = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
    hold_loop_against(close_file, &world, NULL, 1, 1);
    assert_int_equal(fcntl(world.fd, F_GETFD), -1);
}

/* The loop may be run by another thread than the one that asked. */
static int64_t sleep_a_little(void *arg)
{
    (void)arg;
    return hoop_sleep(0.01);
}

static int64_t read_byte(void *arg)
{
    char byte;
    struct world *world = arg;
    int64_t rc = hoop_file_read(world->ends[0], &byte, 1);
    hoop_stop(hoop_running_loop());
    return rc;
}

static void *run_for_a_while(void *loop)
{
    (void)!hoop_run_until_complete(loop, sleep_a_little, NULL);
    return NULL;
}

static void a_read_goes_on_when_the_thread_that_asked_has_ended(void **state)
{
    (void)state;
    struct world world;
    pthread_t thread;
    open_pipe(world.ends);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_task *task = hoop_create_task_with(read_byte, &world, &(hoop_task_options){.loop = loop});
    assert_int_equal(pthread_create(&thread, NULL, run_for_a_while, loop), 0);
    pthread_join(thread, NULL);
    assert_int_equal(write(world.ends[1], "x", 1), 1);
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_int_equal(hoop_future_result(hoop_task_future(task)), 1);
    hoop_task_detach(task);
    hoop_close(loop);
    close_pipe(world.ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_closed_loop_has_ended_its_reads),
        BEHAVIOUR(a_closed_loop_has_ended_very_many_reads),
        BEHAVIOUR(what_a_thread_has_opened_goes_with_the_loop),
        BEHAVIOUR(what_a_thread_has_loaded_goes_with_the_loop),
        BEHAVIOUR(a_file_that_was_being_closed_is_closed),
        BEHAVIOUR(a_read_goes_on_when_the_thread_that_asked_has_ended),
    };
    return cmocka_run_group_tests_name("file_end", tests, NULL, NULL);
}
