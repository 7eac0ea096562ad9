/* SPDX-License-Identifier: MIT
 *
 * Random reads and writes of a file from many tasks, and of pipes, while others cancel them and
 * take the file out of the page cache; with io_uring and with threads.
 *
 *     files [OPERATIONS]
 *
 * HOOP_SEED in the environment is the seed, though the disk makes each run a different one. What
 * must hold: a read gives what the model in memory has, a write has written as much
 * as it tells and nothing else, the position moves with the bytes, and through a pipe all bytes
 * come once and in their order.
 */
#include <errno.h>
#include <fcntl.h>
#include <hoop.h>
#include <hoop/testing.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

enum { TASKS = 64, SHARE = 65536, PIPES = 4, PIECE_MAX = 20000 };

/* A task that reads and writes its own share of the file, through a descriptor of its own. */
struct worker {
    uint64_t random;
    int fd;
    off_t begin; /* of its share */
    int operations;
    hoop_task *task; /* a reference */
};

/* A pipe, whose two ends count the bytes that go through. */
struct line {
    uint64_t random;
    int ends[2];
    uint64_t written, got, total;
    hoop_task *writer, *reader; /* references */
};

static unsigned char model[TASKS * SHARE]; /* the file, as it should be */
static struct worker workers[TASKS];
static struct line lines[PIPES];
static int busy; /* tasks that have not ended */
uint64_t stress_seed = 20260101;

/* True if RC only tells of a cancellation, which is taken back. */
static bool was_cancelled(int64_t rc)
{
    if (rc != -ECANCELED)
        return false;
    CHECK(hoop_task_cancelling(hoop_current_task()) > 0);
    while (hoop_task_cancelling(hoop_current_task()) > 0)
        hoop_task_uncancel(hoop_current_task());
    return true;
}

static void random_range(struct worker *self, off_t *ret_offset, size_t *ret_size)
{
    size_t offset = (size_t)pick(&self->random, SHARE);
    size_t size = (size_t)pick(&self->random, pick(&self->random, 4) == 0 ? PIECE_MAX : 4097);
    if (pick(&self->random, 2) == 0)
        offset &= ~(size_t)4095;
    *ret_size = size < SHARE - offset ? size : SHARE - offset;
    *ret_offset = self->begin + (off_t)offset;
}

static void read_share(struct worker *self, bool by_position)
{
    unsigned char data[PIECE_MAX];
    off_t offset;
    size_t size;
    random_range(self, &offset, &size);
    if (by_position)
        CHECK(lseek(self->fd, offset, SEEK_SET) == offset);
    int64_t rc = by_position ? hoop_file_read(self->fd, data, size)
                             : hoop_file_pread(self->fd, data, size, (uint64_t)offset);
    int64_t got = rc < 0 ? 0 : rc;
    CHECK(rc == (int64_t)size || rc >= 0 || was_cancelled(rc));
    CHECK((size_t)got == size || hoop_task_cancelling(self->task) > 0 || rc < 0);
    CHECK(memcmp(data, model + offset, (size_t)got) == 0);
    if (by_position)
        CHECK(lseek(self->fd, 0, SEEK_CUR) == offset + got);
}

static void write_share(struct worker *self, bool by_position)
{
    unsigned char data[PIECE_MAX];
    off_t offset;
    size_t size, written = PIECE_MAX + 1;
    random_range(self, &offset, &size);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)next_random(&self->random);
    if (by_position)
        CHECK(lseek(self->fd, offset, SEEK_SET) == offset);
    int64_t rc = by_position ? hoop_file_write(self->fd, data, size, &written)
                             : hoop_file_pwrite(self->fd, data, size, (uint64_t)offset, &written);
    CHECK(written <= size && (rc == (int64_t)size || was_cancelled(rc)));
    CHECK(rc < 0 || written == size);
    memcpy(model + offset, data, written);
    if (by_position)
        CHECK(lseek(self->fd, 0, SEEK_CUR) == offset + (off_t)written);
}

/* Out of the page cache with it. */
static void cool(struct worker *self)
{
    int rc = hoop_file_datasync(self->fd);
    CHECK(rc == 0 || was_cancelled(rc));
    CHECK(posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

static int64_t work(void *arg)
{
    struct worker *self = arg;
    while (self->operations-- > 0) {
        int what = pick(&self->random, 512);
        if (what == 0)
            cool(self);
        else if (what < 300)
            read_share(self, what % 2 == 0);
        else
            write_share(self, what % 2 == 0);
        (void)was_cancelled(hoop_sleep(0));
    }
    busy--;
    return 0;
}

static unsigned char line_byte(uint64_t position)
{
    return (unsigned char)(position * 2654435761u >> 16);
}

static int64_t write_line(void *arg)
{
    struct line *line = arg;
    unsigned char data[PIECE_MAX];
    while (line->written < line->total) {
        size_t size = 1 + (size_t)pick(&line->random, PIECE_MAX - 1), written = PIECE_MAX + 1;
        if (size > line->total - line->written)
            size = (size_t)(line->total - line->written);
        for (size_t i = 0; i < size; i++)
            data[i] = line_byte(line->written + i);
        int64_t rc = hoop_file_write(line->ends[1], data, size, &written);
        CHECK(rc == (int64_t)size || was_cancelled(rc));
        CHECK(rc < 0 ? written <= size : written == size);
        line->written += written;
    }
    close(line->ends[1]);
    busy--;
    return 0;
}

static int64_t read_line(void *arg)
{
    struct line *line = arg;
    unsigned char data[PIECE_MAX];
    int64_t rc;
    while ((rc = hoop_file_read(line->ends[0], data, sizeof data)) != 0) {
        if (was_cancelled(rc))
            continue;
        CHECK(rc > 0);
        for (int64_t i = 0; i < rc; i++)
            CHECK(data[i] == line_byte(line->got + (uint64_t)i));
        line->got += (uint64_t)rc;
    }
    CHECK(line->got == line->total);
    close(line->ends[0]);
    busy--;
    return 0;
}

static void cancel_somebody(uint64_t *random)
{
    int who = pick(random, TASKS + 2 * PIPES);
    if (who < TASKS)
        hoop_task_cancel(workers[who].task);
    else if (who < TASKS + PIPES)
        hoop_task_cancel(lines[who - TASKS].writer);
    else
        hoop_task_cancel(lines[who - TASKS - PIPES].reader);
}

static void start(uint64_t *random, const char *path, int operations)
{
    for (int i = 0; i < TASKS; i++) {
        workers[i] = (struct worker){next_random(random), open(path, O_RDWR | O_CLOEXEC),
                                     (off_t)i * SHARE, operations / TASKS, NULL};
        CHECK(workers[i].fd >= 0);
        workers[i].task = hoop_create_task(work, &workers[i]);
    }
    for (int i = 0; i < PIPES; i++) {
        lines[i] = (struct line){.random = next_random(random), .total = (uint64_t)operations * 20};
        CHECK(pipe2(lines[i].ends, O_CLOEXEC) == 0);
        lines[i].writer = hoop_create_task(write_line, &lines[i]);
        lines[i].reader = hoop_create_task(read_line, &lines[i]);
    }
    busy = TASKS + 2 * PIPES;
}

/* Awaits all, and looks at the whole file. */
static void finish(const char *path)
{
    static unsigned char data[sizeof model];
    for (int i = 0; i < TASKS; i++) {
        CHECK(hoop_await(workers[i].task) == 0);
        close(workers[i].fd);
    }
    for (int i = 0; i < PIPES; i++) {
        CHECK(hoop_await(lines[i].writer) == 0);
        CHECK(hoop_await(lines[i].reader) == 0);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(read(fd, data, sizeof data) == sizeof data);
    CHECK(memcmp(data, model, sizeof data) == 0);
    close(fd);
}

static int64_t run(void *arg)
{
    int operations = *(int *)arg, fd;
    char path[] = "hoop-stress-XXXXXX";
    uint64_t random = stress_seed;
    fd = mkostemp(path, O_CLOEXEC);
    CHECK(fd >= 0);
    for (size_t i = 0; i < sizeof model; i++)
        model[i] = (unsigned char)next_random(&random);
    CHECK(write(fd, model, sizeof model) == sizeof model);
    close(fd);
    start(&random, path, operations);
    while (busy > 0) {
        cancel_somebody(&random);
        CHECK(hoop_sleep(pick(&random, 4) == 0 ? 0.0002 : 0) == 0);
    }
    finish(path);
    unlink(path);
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    printf("%d operations by %s, seed %llu\n", operations, info.files,
           (unsigned long long)stress_seed);
    return 0;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("HOOP_SEED"), *part = getenv("HOOP_STRESS");
    int operations = argc > 1 ? atoi(argv[1]) : 20000;
    if (argc < 2 && part != NULL) /* of 1000 */
        operations = operations / 1000 * atoi(part);
    if (seed != NULL)
        stress_seed = strtoull(seed, NULL, 10);
    CHECK(stress_seed != 0);
    unsetenv("HOOP_FILES");
    CHECK(hoop_run(run, &operations) == 0);
    setenv("HOOP_FILES", "threads", 1);
    CHECK(hoop_run(run, &operations) == 0);
    CHECK(hoop_testing_live_allocations() == 0);
    return 0;
}
