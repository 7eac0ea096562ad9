/* SPDX-License-Identifier: MIT
 *
 * Copies a file: file_copy FROM TO. Meanwhile another task says how far it is, as the disk is
 * waited for elsewhere. Ctrl-C ends it, and then TO is as it was, as after any error.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>

struct job {
    const char *from, *to;
    uint64_t copied, size; /* bytes, so far and in all */
};

static void note_progress(void *arg, uint64_t copied, uint64_t size)
{
    struct job *job = arg;
    job->copied = copied;
    job->size = size;
}

/* Runs beside the copy until it is cancelled. */
static int64_t report(void *arg)
{
    const struct job *job = arg;
    int rc;
    while ((rc = hoop_sleep(0.05)) == 0)
        if (job->size > 0)
            printf("%d of %d MiB\n", (int)(job->copied >> 20), (int)(job->size >> 20));
    return rc;
}

static int64_t copy(void *arg)
{
    struct job *job = arg;
    const hoop_copy_options options = {.progress = note_progress, .arg = job};
    hoop_task *reporter = hoop_create_task(report, job);
    if (reporter == NULL)
        return hoop_last_error();
    int64_t rc = hoop_file_copy(job->from, job->to, &options);
    hoop_task_cancel(reporter);
    hoop_task_detach(reporter);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: file_copy FROM TO\n");
        return 2;
    }
    struct job job = {.from = argv[1], .to = argv[2]};
    int64_t rc = hoop_run(copy, &job);
    if (rc < 0) {
        fprintf(stderr, "file_copy: %s to %s: %s\n", job.from, job.to,
                rc == -EINTR ? "interrupted" : hoop_strerror(rc));
        return 1;
    }
    printf("%lld bytes copied\n", (long long)rc);
    return 0;
}
