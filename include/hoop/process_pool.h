/* SPDX-License-Identifier: MIT
 *
 * The process pool: an executor (executor.h) that runs registered functions in helper
 * processes. What crashes, leaks or never ends there harms nobody here.
 *
 *     static int64_t resize(const void *image, size_t size, void *result, size_t room);
 *
 *     hoop_executor *pool = hoop_process_pool_new(&(hoop_process_pool_options){
 *         .functions = (const hoop_job_fn[]){resize, NULL}});
 *     ...
 *     int64_t size = hoop_run_job(pool, &(hoop_job){.fn = resize, .input = image,
 *                                  .input_size = image_size, .output = result, .room = room});
 *
 * Input and output are bytes. What lies in a shared buffer (below) is not copied: the helper
 * reads and writes it in place. The rest goes through the kernel once each way, or if it is
 * large through shared memory of the pool's own.
 *
 * A helper that dies in a job ends it with HOOP_EHELPER, and hoop_error_message tells how it died;
 * another one takes its place. One that dies between two jobs is replaced unnoticed. A job that is
 * cancelled after it has begun ends at once with -ECANCELED, and its helper with it. Output in a
 * shared buffer is then in whatever state the function had brought it to.
 */
#ifndef HOOP_PROCESS_POOL_H
#define HOOP_PROCESS_POOL_H

#include "executor.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_process_pool_options {
    const char *name;             /* of the helpers, for ps; 15 bytes are shown. Copied. NULL:
                                     "hoop-helper" */
    unsigned max_workers;         /* helpers at most, 1 to 256; 0: one for each processor */
    const hoop_job_fn *functions; /* which jobs may run, the last one NULL; 1 to 1024. Copied */
    void (*begin)(void *arg);     /* called in each new helper before its first job; or NULL */
    void *arg;
    size_t max_pending; /* jobs that wait for a helper; one more gets -ENOBUFS. 0: no limit */
    size_t max_memory;  /* bytes of private memory that a helper may have beyond what it began
                           with (RLIMIT_DATA): then its malloc fails. 0: no limit */
    unsigned max_jobs;  /* of one helper, then another one takes its place; 0: no limit */
} hoop_process_pool_options;

/* A pool of helpers, each started when a job has to wait, and ended with its worker's thread.
 * They are forked from a process that is forked here and now, so they have the program's memory
 * as it is now, but for shared buffers: make the pool early, before large data is loaded, and
 * before other libraries start threads, whose locks nobody would ever release there. What stdio
 * has buffered is written first.
 *
 * A helper has the standard descriptors, and none of the program's others. SIGINT, which a
 * terminal sends to all, is ignored; signals that the program handles are at their defaults. No
 * loop runs: an await gives HOOP_ENOTASK. What a function has printed is written when the job is
 * done. When the program ends, however it does, the helpers are killed.
 *
 * NULL on failure: hoop_last_error is -EINVAL, -ENOMEM, -EAGAIN, -EMFILE ... Results of jobs are
 * also -ENOENT for a function that is not in the table, HOOP_EHELPER, -EAGAIN if no helper can
 * be forked, -ENOMEM, -EMFILE. hoop_run_in_executor is not for this pool (-EOPNOTSUPP), all else
 * of executor.h is. */
HOOP_API HOOP_MUST_CHECK hoop_executor *hoop_process_pool_new(
    const hoop_process_pool_options *options);

/* ---- shared buffers ------------------------------------------------------- */

/* SIZE bytes of zeros, page-aligned, that helpers see in place whenever a job's input or output
 * lies in them: at another address there, and input can be read only. NULL: hoop_last_error is
 * -EINVAL for 0, -ENOMEM, -EMFILE (each holds a descriptor). Any thread. */
HOOP_API HOOP_MUST_CHECK void *hoop_shared_new(size_t size);
/* DATA is what hoop_shared_new returned, or NULL. Not while a job has it. Any thread. */
HOOP_API void hoop_shared_free(void *data);

#ifdef __cplusplus
}
#endif

#endif
