/* SPDX-License-Identifier: MIT
 *
 * See check.h; and the words for error codes.
 */
#include "base/check.h"

#include <hoop/error.h>
#include <stdio.h>

#include "base/backtrace.h"
#include "base/sys.h"

static _Thread_local int last_error;

static const struct {
    const char *name;
    const char *text;
} own_errors[] = {
    {"HOOP_ENOTASK", "not inside a task: only a coroutine that runs as a task can await"},
    {"HOOP_ENOLOOP", "no running event loop in this thread"},
    {"HOOP_ECLOSED", "the event loop is closed"},
    {"HOOP_ERUNNING", "an event loop is already running in this thread or under this object"},
    {"HOOP_ESTOPPED", "the event loop was stopped before the result was there"},
    {"HOOP_EPENDING", "the result is not there yet"},
    {"HOOP_EDONE", "the result was set already"},
    {"HOOP_EOTHERLOOP", "it belongs to a different event loop"},
    {"HOOP_ETHREAD", "called from a thread other than the event loop's"},
    {"HOOP_ENOTFUTURE", "a task sets its own result"},
    {"HOOP_ESHUTDOWN", "it was shut down and takes no more"},
    {"HOOP_EBROKEN", "the barrier is broken or was reset"},
    {"HOOP_EINCOMPLETE", "the stream ended before all of it came"},
    {"HOOP_ELIMIT", "the separator did not come within the limit"},
    {"HOOP_ETLS", "the TLS connection failed"},
    {"HOOP_ECERTIFICATE", "the certificate of the other end was refused"},
    {"HOOP_ECUT", "the connection was cut without TLS's goodbye"},
    {"HOOP_EAI_NONAME", "no such host, or it has no address"},
    {"HOOP_EAI_AGAIN", "the name server did not answer"},
    {"HOOP_EAI_FAIL", "the name server failed"},
    {"HOOP_EAI_SERVICE", "no such service"},
    {"HOOP_EAI_FAMILY", "no such family of addresses"},
    {"HOOP_EAI_SOCKTYPE", "no such kind of socket"},
    {"HOOP_EHELPER", "the helper process died before the job was done"},
};

/* The row of an own code, or -1. */
static int own_index(int64_t code)
{
    const int64_t count = sizeof own_errors / sizeof own_errors[0];
    int64_t index = HOOP_ENOTASK - code;
    return index >= 0 && index < count ? (int)index : -1;
}

const char *hoop_strerror(int64_t code)
{
    if (code >= 0)
        return "success";
    if (own_index(code) >= 0)
        return own_errors[own_index(code)].text;
    const char *text = code > HOOP_ENOTASK ? sys_errno_text((int)-code) : NULL;
    return text != NULL ? text : "unknown error";
}

const char *hoop_error_name(int64_t code)
{
    if (code >= 0)
        return "OK";
    if (own_index(code) >= 0)
        return own_errors[own_index(code)].name;
    const char *name = code > HOOP_ENOTASK ? sys_errno_name((int)-code) : NULL;
    return name != NULL ? name : "?";
}

int hoop_last_error(void)
{
    return last_error;
}

/* Not inlined, as its frame is left out of what it prints. */
__attribute__((noinline)) int misuse(bool explain, int code, const char *function)
{
    if (explain) {
        void *callers[32];
        fprintf(stderr, "hoop: %s: %s (%s), called from:\n", function, hoop_strerror(code),
                hoop_error_name(code));
        backtrace_print(callers, backtrace_take(callers, 32, 1), stderr);
    }
    return code;
}

void *failed(int code)
{
    last_error = code;
    return NULL;
}
