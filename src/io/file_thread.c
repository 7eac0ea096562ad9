/* SPDX-License-Identifier: MIT
 *
 * See file_thread.h.
 */
#include "io/file_thread.h"

#include <hoop/error.h>
#include <hoop/file.h>

#include "base/check.h"
#include "task/wait.h"

static const char key;

int64_t file_thread_run(hoop_blocking_fn fn, void *arg)
{
    hoop_executor *executor = hoop_library_executor(
        &key, &(hoop_executor_options){.name = "hoop-file", .max_workers = HOOP_FILE_THREADS});
    return executor != NULL ? hoop_run_in_executor(executor, fn, arg)
                            : wait_failed(hoop_last_error());
}
