/* SPDX-License-Identifier: MIT
 *
 * Ten thousand coroutines sleep at once, and one after another's result is awaited.
 */
#include <hoop.h>
#include <stdio.h>

enum { COUNT = 10000 };

static int64_t nap(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : 1;
}

static int64_t all_of_them(void *arg)
{
    static hoop_task *tasks[COUNT];
    (void)arg;
    printf("starting %d coroutines that sleep for one second\n", COUNT);
    for (int i = 0; i < COUNT; i++)
        tasks[i] = hoop_create_task(nap, NULL);
    int64_t finished = 0;
    for (int i = 0; i < COUNT; i++) {
        int64_t result = hoop_await(tasks[i]);
        if (result < 0) {
            fprintf(stderr, "coroutine %d: %s\n", i, hoop_strerror(result));
            return result;
        }
        finished += result;
    }
    printf("all %lld have finished\n", (long long)finished);
    return 0;
}

int main(void)
{
    return hoop_run(all_of_them, NULL) < 0;
}
