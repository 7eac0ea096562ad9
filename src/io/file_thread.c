/* SPDX-License-Identifier: MIT
 *
 * See file_thread.h.
 */
#include "io/file_thread.h"

#include <hoop/error.h>

#include "base/check.h"
#include "task/wait.h"

/* As many reads of a slow disk as may go on at a time: HOOP_FILE_THREADS of hoop/file.h. */
#define FILE_THREADS 16

static const char key;

int64_t file_thread_run(hoop_blocking_fn fn, void *arg)
{
    hoop_executor *executor = hoop_library_executor(
        &key, &(hoop_executor_options){.name = "hoop-file", .max_workers = FILE_THREADS});
    return executor != NULL ? hoop_run_in_executor(executor, fn, arg)
                            : wait_failed(hoop_last_error());
}
