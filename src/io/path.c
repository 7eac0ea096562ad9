/* SPDX-License-Identifier: MIT
 *
 * Files and directories by name: each call is one system call, made in a thread. What it needs lies
 * in the frame of the task, which stays until the thread is through with it.
 */
#include <fcntl.h>
#include <hoop/path.h>

#include "base/sys_path.h"
#include "io/file_thread.h"
#include "io/local.h"

struct request {
    const char *path;
    const char *to;
    unsigned mode;
    struct stat *ret_status;
};

/* Does REQUEST by FN; FUNCTION is whom a program has called. */
static int have_done(hoop_blocking_fn fn, struct request request, const char *function)
{
    int rc = io_check_task(function);
    return rc < 0 ? rc : (int)file_thread_run(fn, &request);
}

static int64_t ask_status(void *arg)
{
    const struct request *request = arg;
    return sys_path_stat(AT_FDCWD, request->path, true, request->ret_status);
}

static int64_t ask_link_status(void *arg)
{
    const struct request *request = arg;
    return sys_path_stat(AT_FDCWD, request->path, false, request->ret_status);
}

static int64_t rename_it(void *arg)
{
    const struct request *request = arg;
    return sys_path_rename(AT_FDCWD, request->path, request->to);
}

static int64_t remove_file(void *arg)
{
    const struct request *request = arg;
    return sys_path_unlink(AT_FDCWD, request->path);
}

static int64_t make_directory(void *arg)
{
    const struct request *request = arg;
    return sys_path_make_directory(request->path, request->mode);
}

static int64_t remove_directory(void *arg)
{
    const struct request *request = arg;
    return sys_path_remove_directory(request->path);
}

int hoop_file_stat(const char *path, struct stat *ret_status)
{
    struct request request = {.path = path, .ret_status = ret_status};
    return have_done(ask_status, request, __func__);
}

int hoop_file_lstat(const char *path, struct stat *ret_status)
{
    struct request request = {.path = path, .ret_status = ret_status};
    return have_done(ask_link_status, request, __func__);
}

int hoop_file_rename(const char *from, const char *to)
{
    return have_done(rename_it, (struct request){.path = from, .to = to}, __func__);
}

int hoop_file_remove(const char *path)
{
    return have_done(remove_file, (struct request){.path = path}, __func__);
}

int hoop_directory_make(const char *path, unsigned mode)
{
    return have_done(make_directory, (struct request){.path = path, .mode = mode}, __func__);
}

int hoop_directory_remove(const char *path)
{
    return have_done(remove_directory, (struct request){.path = path}, __func__);
}
