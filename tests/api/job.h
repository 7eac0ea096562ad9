/* SPDX-License-Identifier: MIT
 *
 * What tests of groups, gathers and limits have many of: a coroutine that takes a while,
 * ends as it was told to, and leaves its name in a record.
 */
#ifndef TESTS_JOB_H
#define TESTS_JOB_H

#include <errno.h>
#include <math.h>

#include "reports.h"

#define NEVER ((double)INFINITY)

struct job {
    double seconds;        /* it sleeps so long, */
    int64_t result;        /* and returns this; an error with the message "<name> failed" */
    double cleanup;        /* if it is cancelled, so long does it take to end, */
    int64_t if_cancelled;  /* and then it returns this; 0: -ECANCELED */
    const char *name;      /* recorded at the end, with an "!" if it was cancelled; or NULL */
    struct record *record; /* of the names */
};

static inline void job_record(const struct job *job, const char *mark)
{
    if (job->record == NULL)
        return;
    char text[32];
    snprintf(text, sizeof text, "%s%s", job->name, mark);
    record_add(job->record, text);
}

static inline int64_t job_result(const struct job *job, int64_t result)
{
    if (result >= 0 || result == -ECANCELED || job->name == NULL)
        return result;
    return hoop_error_set(result, "%s failed", job->name);
}

static inline int64_t do_job(void *arg)
{
    const struct job *job = arg;
    int rc = hoop_sleep(job->seconds);
    if (rc == 0) {
        job_record(job, "");
        return job_result(job, job->result);
    }
    if (rc != -ECANCELED)
        return rc; /* no memory */
    if (job->cleanup > 0) {
        assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
        assert_int_equal(hoop_sleep(job->cleanup), 0);
    }
    job_record(job, "!");
    return job_result(job, job->if_cancelled != 0 ? job->if_cancelled : -ECANCELED);
}

/* How often the running task was cancelled and nobody took that back. */
static inline unsigned requests_left(void)
{
    return hoop_task_cancelling(hoop_current_task());
}

#define assert_now(seconds) assert_true(hoop_time(hoop_running_loop()) == (seconds))

#endif
