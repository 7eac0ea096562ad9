/* SPDX-License-Identifier: MIT
 *
 * A deadline over several steps: a report must be ready within a second, and what is written
 * by then is kept. Each chapter has a limit of its own, and is left out if it takes longer.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>

struct chapter {
    const char *title;
    double work; /* seconds */
};

static int64_t write_chapter(void *arg)
{
    const struct chapter *chapter = arg;
    int rc = hoop_sleep(chapter->work);
    if (rc == 0)
        printf("%s is written\n", chapter->title);
    return rc;
}

static int64_t write_chapters(int *written)
{
    static struct chapter chapters[] = {
        {"Introduction", 0.2}, {"Method", 0.3}, {"Proofs", 5}, {"Results", 0.3}, {"Outlook", 0.2}};
    for (int i = 0; i < 5; i++) {
        int64_t rc = hoop_wait_for(write_chapter, &chapters[i], 0.4);
        if (rc == -ETIMEDOUT)
            printf("%s takes too long\n", chapters[i].title);
        else if (rc < 0)
            return rc; /* -ECANCELED if it is the deadline that has passed */
        else
            ++*written;
    }
    return 0;
}

static int64_t write_report(void *arg)
{
    (void)arg;
    int written = 0;
    hoop_timeout deadline;
    int64_t rc = hoop_timeout_enter(&deadline, 1);
    if (rc == 0)
        rc = hoop_timeout_exit(&deadline, write_chapters(&written));
    if (rc == 0 || rc == -ETIMEDOUT)
        rc = hoop_sleep(0.1); /* saving: out of the scope, time is no matter any more */
    if (rc == 0)
        printf("%d chapters are saved\n", written);
    return rc;
}

int main(void)
{
    int64_t rc = hoop_run(write_report, NULL);
    if (rc < 0)
        fprintf(stderr, "no report: %s\n", hoop_strerror(rc));
    return rc < 0;
}
