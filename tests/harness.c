/* SPDX-License-Identifier: MIT
 *
 * See harness.h.
 */
#include "harness.h"

#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define UNDER_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define UNDER_VALGRIND 0
#endif

struct belongings {
    size_t allocations;
    size_t descriptors;
    size_t threads;
};

static struct belongings before;

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return 0;
    size_t count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* Threads first: one that is gone has freed what it frees. */
static struct belongings take_stock(void)
{
    struct belongings now = {.threads = count_entries("/proc/self/task")};
    now.allocations = hoop_testing_live_allocations();
    now.descriptors = count_entries("/proc/self/fd");
    return now;
}

/* A joined thread may take a moment to leave /proc. */
static struct belongings take_settled_stock(size_t threads)
{
    struct belongings now = take_stock();
    for (int i = 0; i < 1000 && now.threads > threads; i++) {
        usleep(1000);
        now = take_stock();
    }
    return now;
}

/* Threads may leave, never stay. */
static void assert_same(struct belongings then, struct belongings now)
{
    if (now.allocations != then.allocations)
        fail_msg("%zu allocations before, %zu after", then.allocations, now.allocations);
    if (now.descriptors != then.descriptors)
        fail_msg("%zu descriptors before, %zu after", then.descriptors, now.descriptors);
    if (now.threads > then.threads)
        fail_msg("%zu threads before, %zu after", then.threads, now.threads);
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* A sanitizer may start a thread of its own with a program's first one, and keep it. */
static void start_first_thread(void)
{
    static bool is_done;
    pthread_t thread;
    if (!is_done && pthread_create(&thread, NULL, do_nothing, NULL) == 0)
        pthread_join(thread, NULL);
    is_done = true;
}

int harness_begin(void **state)
{
    (void)state;
    start_first_thread();
    before = take_stock();
    return 0;
}

int harness_end(void **state)
{
    (void)state;
    hoop_testing_fail_nth(0, 0);
    assert_same(before, take_settled_stock(before.threads));
    return 0;
}

hoop_loop *virtual_loop(void)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    assert_non_null(loop);
    return loop;
}

bool has_uring(void)
{
    if (UNDER_VALGRIND) /* it stops all threads while one waits in io_uring_enter */
        return false;
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.poller = HOOP_POLLER_URING});
    hoop_close(loop);
    return loop != NULL;
}

bool uses_uring(const hoop_loop *loop)
{
    hoop_info info;
    hoop_loop_info(loop, &info);
    return strcmp(info.poller, "io_uring") == 0;
}

unsigned fail_each(unsigned kinds, int (*body)(void *arg), void *arg)
{
    for (unsigned n = 1;; n++) {
        struct belongings then = take_stock();
        hoop_testing_fail_nth(kinds, n);
        int rc = body(arg);
        bool failed = hoop_testing_failed();
        hoop_testing_fail_nth(0, 0);
        assert_same(then, take_settled_stock(then.threads));
        if (!failed) {
            assert_int_equal(rc, 0);
            assert_true(n > 1);
            return n - 1;
        }
    }
}

void record_add(struct record *record, const char *what)
{
    size_t length = strlen(record->text);
    assert_true(length + strlen(what) + 2 < sizeof record->text);
    if (length > 0)
        record->text[length++] = ' ';
    strcpy(record->text + length, what);
}
