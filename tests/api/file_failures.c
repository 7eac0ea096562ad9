/* SPDX-License-Identifier: MIT
 *
 * Files without memory, and with a system that fails: each error comes out of the call that met
 * it, nothing stays open, and no byte is lost.
 */
#include "file_scene.h"

static void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

/* To its end, even if the loop cannot wait once: FN must close what it has opened. */
static int run_in_a_loop(hoop_coroutine_fn fn, void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, drop_report, NULL);
    hoop_task *task = hoop_create_task_with(fn, arg, &(hoop_task_options){.loop = loop});
    int64_t rc = task == NULL ? hoop_last_error() : 0;
    while (task != NULL && !hoop_task_is_done(task))
        rc = hoop_run_until_done(loop, hoop_task_future(task));
    if (task != NULL) {
        int64_t result = hoop_task_result(task);
        rc = result < 0 ? result : rc;
        hoop_task_detach(task);
    }
    hoop_close(loop);
    return (int)rc;
}

/* Makes the file, writes it, and asks the system how large it is. */
static int64_t write_a_file(void *arg)
{
    const struct file_scene *scene = arg;
    struct stat status;
    size_t written = 99;
    static char data[600000];
    int fd = hoop_file_open(scene->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return fd;
    int64_t rc = hoop_file_write(fd, data, sizeof data, &written);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, written);
    assert_int_equal(rc < 0 ? 0 : rc, rc < 0 ? 0 : sizeof data);
    if (rc >= 0)
        rc = hoop_file_datasync(fd);
    if (rc >= 0)
        rc = hoop_file_truncate(fd, 7);
    if (rc >= 0)
        rc = hoop_file_fstat(fd, &status);
    if (rc >= 0)
        assert_int_equal(status.st_size, 7);
    int closed = hoop_file_close(fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    return rc < 0 ? rc : closed;
}

static int write_in_a_loop(void *arg)
{
    return run_in_a_loop(write_a_file, arg);
}

static void a_file_is_written_or_the_call_tells_why(void **state)
{
    struct file_scene scene;
    (void)state;
    scene_init(&scene);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, write_in_a_loop, &scene) >= 5);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, write_in_a_loop, &scene) >= 8);
    scene_done(&scene);
}

struct cold {
    struct file_scene scene;
    size_t size;
};

static int64_t read_all(void *arg)
{
    struct cold *cold = arg;
    char *data = malloc(cold->size + 1);
    int fd = hoop_file_open(cold->scene.path, O_RDONLY, 0);
    int64_t done = fd, got = 1;
    if (fd >= 0)
        done = 0;
    while (done >= 0 && got > 0) {
        got = hoop_file_read(fd, data + done, cold->size + 1 - (size_t)done);
        done = got < 0 ? got : done + got;
    }
    if (done >= 0) {
        assert_int_equal(done, cold->size);
        assert_true(is_pattern(data, cold->size, 0));
    }
    free(data);
    int closed = hoop_file_close(fd);
    return done < 0 ? done : closed;
}

static int read_in_a_loop(void *arg)
{
    struct cold *cold = arg;
    (void)scene_cool(&cold->scene, cold->size);
    return run_in_a_loop(read_all, cold);
}

static void a_cold_file_is_read_or_the_call_tells_why(void **state)
{
    struct cold cold = {.size = 300000};
    (void)state;
    scene_init(&cold.scene);
    scene_fill(&cold.scene, cold.size);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, read_in_a_loop, &cold) >= 2);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, read_in_a_loop, &cold) >= 5);
    scene_done(&cold.scene);
}

struct reader {
    int fd;
    char data[16];
    int64_t rc;
};

static int64_t read_pipe(void *arg)
{
    struct reader *reader = arg;
    return reader->rc = hoop_file_read(reader->fd, reader->data, sizeof reader->data);
}

/* One read that waits for its bytes, and one that is cancelled. */
static int64_t exchange(void *arg)
{
    int *ends = arg;
    struct reader reader = {.fd = ends[0], .rc = 0}, other = {.fd = ends[2]};
    hoop_task *task = hoop_create_task(read_pipe, &reader);
    hoop_task *cancelled = task != NULL ? hoop_create_task(read_pipe, &other) : NULL;
    if (cancelled == NULL) {
        int error = hoop_last_error();
        assert_int_equal(write(ends[1], "abc", 3), 3);
        return task != NULL && hoop_await(task) < 0 ? -ENOMEM : error;
    }
    int slept = hoop_sleep(0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    hoop_task_cancel(cancelled);
    assert_int_equal(write(ends[3], "d", 1), 1); /* or a thread would wait for ever */
    int64_t rc = hoop_await(task);
    if (rc >= 0)
        assert_int_equal(rc, 3);
    int64_t cancelled_rc = hoop_await(cancelled);
    if (cancelled_rc == -ECANCELED)
        cancelled_rc = 0;
    return rc < 0 ? rc : slept < 0 ? slept : cancelled_rc < 0 ? cancelled_rc : 0;
}

static int exchange_in_a_loop(void *arg)
{
    int ends[4];
    (void)arg;
    open_pipe(ends);
    open_pipe(ends + 2);
    int rc = run_in_a_loop(exchange, ends);
    close_pipe(ends);
    close_pipe(ends + 2);
    return rc;
}

static void reads_that_wait_come_to_an_end(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, exchange_in_a_loop, NULL) >= 4);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, exchange_in_a_loop, NULL) >= 6);
}

static int64_t load_a_file(void *arg)
{
    const struct cold *cold = arg;
    void *data;
    size_t size;
    int rc = hoop_file_load(cold->scene.path, 0, &data, &size);
    if (rc < 0)
        return rc;
    assert_int_equal(size, cold->size);
    assert_true(is_pattern(data, size, 0));
    hoop_file_free(data);
    return 0;
}

static int load_cold(void *arg)
{
    struct cold *cold = arg;
    (void)scene_cool(&cold->scene, cold->size);
    return run_in_a_loop(load_a_file, cold);
}

static int load_cached(void *arg)
{
    return run_in_a_loop(load_a_file, arg);
}

static void a_file_is_loaded_or_the_call_tells_why(void **state)
{
    struct cold cold = {.size = 20000};
    (void)state;
    scene_init(&cold.scene);
    scene_fill(&cold.scene, cold.size);
    fail_each(HOOP_FAIL_ALLOCATION, load_cold, &cold);
    fail_each(HOOP_FAIL_SYSCALL, load_cold, &cold);
    fail_each(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, load_cached, &cold);
    scene_done(&cold.scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_file_is_written_or_the_call_tells_why),
        BEHAVIOUR(a_cold_file_is_read_or_the_call_tells_why),
        BEHAVIOUR(reads_that_wait_come_to_an_end),
        BEHAVIOUR(a_file_is_loaded_or_the_call_tells_why),
    };
    return cmocka_run_group_tests_name("file_failures", tests, NULL, NULL);
}
