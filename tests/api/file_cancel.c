/* SPDX-License-Identifier: MIT
 *
 * Cancelled reads, writes and opens: what has not begun does not begin, what has is waited for,
 * and no byte and no descriptor is lost.
 */
#include <signal.h>
#include <sys/ioctl.h>

#include "file_scene.h"

struct reader {
    int fd;
    char data[16];
};

static int64_t read_some(void *arg)
{
    struct reader *reader = arg;
    return hoop_file_read(reader->fd, reader->data, sizeof reader->data);
}

/* What is in the pipe, as a number of bytes. */
static int64_t drain(int fd)
{
    char data[64];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t got = read(fd, data, sizeof data);
    return got < 0 ? 0 : got;
}

/* A task that reads an empty pipe, and waits in the kernel. */
static hoop_task *reader_that_waits(struct reader *reader, int fd)
{
    *reader = (struct reader){.fd = fd};
    hoop_task *task = hoop_create_task(read_some, reader);
    for (int i = 0; i < 3; i++)
        let_one_iteration_pass();
    return task;
}

IN_A_TASK(a_cancelled_read_that_waits_ends_and_takes_nothing)
{
    int ends[2];
    struct reader reader;
    open_pipe(ends);
    hoop_task *task = reader_that_waits(&reader, ends[0]);
    bool has_ring = files_use_ring();
    assert_true(hoop_task_cancel(task));
    if (!has_ring) /* a thread that has begun cannot be called back */
        assert_int_equal(write(ends[1], "abc", 3), 3);
    int64_t rc = hoop_await(task);
    if (has_ring) {
        assert_int_equal(rc, -ECANCELED);
        assert_int_equal(write(ends[1], "abc", 3), 3);
    }
    assert_true(rc == 3 || rc == -ECANCELED);
    assert_int_equal((rc < 0 ? 0 : rc) + drain(ends[0]), 3);
    close_pipe(ends);
}

IN_A_TASK(a_read_that_is_cancelled_while_its_bytes_come_loses_none)
{
    for (int delay = 0; delay < 4; delay++) {
        int ends[2];
        struct reader reader;
        open_pipe(ends);
        hoop_task *task = reader_that_waits(&reader, ends[0]);
        assert_int_equal(write(ends[1], "abc", 3), 3);
        for (int i = 0; i < delay; i++)
            let_one_iteration_pass();
        hoop_task_cancel(task);
        int64_t rc = hoop_await(task);
        assert_true(rc == 3 || rc == -ECANCELED);
        assert_int_equal((rc < 0 ? 0 : rc) + drain(ends[0]), 3);
        close_pipe(ends);
    }
}

IN_A_TASK(a_read_that_is_cancelled_before_it_is_handed_in_never_begins)
{
    int ends[2];
    open_pipe(ends);
    struct reader reader = {.fd = ends[0]};
    hoop_task *task = hoop_create_task(read_some, &reader);
    let_one_iteration_pass(); /* it has run, and what it asked for has not */
    bool has_ring = files_use_ring();
    hoop_task_cancel(task);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    int64_t rc = hoop_await(task);
    if (has_ring)
        assert_int_equal(rc, -ECANCELED);
    assert_int_equal((rc < 0 ? 0 : rc) + drain(ends[0]), 3);
    close_pipe(ends);
}

IN_A_TASK(a_task_that_is_cancelled_already_does_not_begin_to_wait)
{
    int ends[2];
    char byte;
    open_pipe(ends);
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_file_read(ends[0], &byte, 1), -ECANCELED);
    assert_int_equal(hoop_file_sync(ends[0]), -ECANCELED);
    assert_int_equal(hoop_file_truncate(ends[0], 0), -ECANCELED);
    assert_int_equal(hoop_file_open("new file", O_RDWR | O_CREAT, 0600), -ECANCELED);
    assert_int_equal(access("new file", F_OK), -1);
    hoop_task_uncancel(hoop_current_task());
    close_pipe(ends);
}

IN_A_TASK(others_read_on_when_one_is_cancelled)
{
    enum { MANY = 100 };
    int ends[MANY][2];
    struct reader readers[MANY];
    hoop_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) {
        open_pipe(ends[i]);
        readers[i] = (struct reader){.fd = ends[i][0]};
        tasks[i] = hoop_create_task(read_some, &readers[i]);
    }
    for (int i = 0; i < 3; i++)
        let_one_iteration_pass();
    bool has_ring = files_use_ring();
    for (int i = 0; i < MANY; i++) {
        if (i % 2 == 0)
            hoop_task_cancel(tasks[i]);
        if (i % 2 == 1 || !has_ring)
            assert_int_equal(write(ends[i][1], "abc", 3), 3);
    }
    for (int i = 0; i < MANY; i++) {
        int64_t rc = hoop_await(tasks[i]);
        assert_true(rc == 3 || (i % 2 == 0 && rc == -ECANCELED));
        close_pipe(ends[i]);
    }
}

struct writer {
    int fd;
    size_t written;
};

static int64_t write_too_much(void *arg)
{
    struct writer *writer = arg;
    static char data[200000];
    writer->written = 99;
    return hoop_file_write(writer->fd, data, sizeof data, &writer->written);
}

IN_A_TASK(a_cancelled_write_tells_how_much_it_has_written)
{
    int ends[2], in_pipe = 0;
    open_pipe(ends);
    struct writer writer = {.fd = ends[1]};
    hoop_task *task = hoop_create_task(write_too_much, &writer);
    for (int i = 0; i < 3; i++)
        let_one_iteration_pass();
    bool has_ring = files_use_ring();
    hoop_task_cancel(task);
    if (!has_ring)
        close(ends[0]); /* or the thread would wait for ever */
    int64_t rc = hoop_await(task);
    if (has_ring) {
        assert_int_equal(rc, -ECANCELED);
        assert_int_equal(ioctl(ends[0], FIONREAD, &in_pipe), 0);
        assert_int_equal(writer.written, in_pipe);
        assert_true(in_pipe > 0);
        close(ends[0]);
    } else {
        assert_true(rc == -EPIPE || rc == -ECANCELED);
    }
    close(ends[1]);
}

static int64_t open_path(void *path)
{
    return hoop_file_open(path, O_WRONLY, 0);
}

IN_A_TASK(a_descriptor_that_comes_although_its_open_was_cancelled_is_not_lost)
{
    struct file_scene scene;
    scene_init(&scene);
    unlink(scene.path);
    assert_int_equal(mkfifo(scene.path, 0600), 0);
    hoop_task *task = hoop_create_task(open_path, scene.path);
    let_one_iteration_pass();
    usleep(2000); /* a thread begins with it, most of the time */
    hoop_task_cancel(task);
    int reading = open(scene.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int64_t rc = hoop_await(task);
    assert_true(rc >= 0 || rc == -ECANCELED);
    assert_int_equal(hoop_file_close(rc >= 0 ? (int)rc : -1), 0);
    close(reading);
    scene_done(&scene);
}

static int64_t limit_a_read(void *arg)
{
    int ends[2];
    (void)arg;
    open_pipe(ends);
    struct reader reader = {.fd = ends[0]};
    hoop_task *warm_up = reader_that_waits(&reader, ends[0]);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(hoop_await(warm_up), 1);
    if (files_use_ring()) {
        assert_int_equal(hoop_wait_for(read_some, &reader, 0.001), -ETIMEDOUT);
        assert_int_equal(write(ends[1], "abc", 3), 3);
        assert_int_equal(drain(ends[0]), 3);
    }
    close_pipe(ends);
    return 0;
}

static void a_read_can_be_given_a_limit_of_time(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    assert_int_equal(hoop_run_until_complete(loop, limit_a_read, NULL), 0);
    hoop_close(loop);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_cancelled_read_that_waits_ends_and_takes_nothing),
        BEHAVIOUR(a_read_that_is_cancelled_while_its_bytes_come_loses_none),
        BEHAVIOUR(a_read_that_is_cancelled_before_it_is_handed_in_never_begins),
        BEHAVIOUR(a_task_that_is_cancelled_already_does_not_begin_to_wait),
        BEHAVIOUR(others_read_on_when_one_is_cancelled),
        BEHAVIOUR(a_cancelled_write_tells_how_much_it_has_written),
        BEHAVIOUR(a_descriptor_that_comes_although_its_open_was_cancelled_is_not_lost),
        BEHAVIOUR(a_read_can_be_given_a_limit_of_time),
    };
    return cmocka_run_group_tests_name("file_cancel", tests, NULL, NULL);
}
