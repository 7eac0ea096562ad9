/* SPDX-License-Identifier: MIT
 *
 * Results and errors. Every function that can fail returns its result when that
 * is >= 0 and a negative error code when not: either a negated errno value
 * (-ENOMEM, -ECANCELED), or one of the HOOP_E... codes below, which are negative
 * themselves and lie outside of the errno range.
 *
 * The C variable errno is never part of the contract: after an await it may be
 * another task's.
 */
#ifndef HOOP_ERROR_H
#define HOOP_ERROR_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HOOP_ENOTASK = -5001,    /* an await outside of a task */
    HOOP_ENOLOOP = -5002,    /* no event loop runs in this thread */
    HOOP_ECLOSED = -5003,    /* the event loop is closed */
    HOOP_ERUNNING = -5004,   /* the loop runs already, or another one in this thread */
    HOOP_ESTOPPED = -5005,   /* the loop was stopped before the awaited one was done */
    HOOP_EPENDING = -5006,   /* the result is not there yet */
    HOOP_EDONE = -5007,      /* the result was set already */
    HOOP_EOTHERLOOP = -5008, /* it belongs to a different event loop */
    HOOP_ETHREAD = -5009,    /* called from a thread other than the loop's (debug mode) */
    HOOP_ENOTFUTURE = -5010, /* only a plain future takes this; a task sets its own result */
    HOOP_ESHUTDOWN =
        -5011,            /* the queue, group, executor or server was shut down and takes no more */
    HOOP_EBROKEN = -5012, /* the barrier is broken or was reset */

    /* streams */
    HOOP_EINCOMPLETE = -5013,  /* the stream ended before all of it came */
    HOOP_ELIMIT = -5014,       /* the separator did not come within the limit */
    HOOP_ETLS = -5015,         /* TLS failed; hoop_error_message tells why */
    HOOP_ECERTIFICATE = -5016, /* the other end's certificate is not trusted, or not its own */
    HOOP_ECUT = -5017,         /* the connection was cut without TLS's goodbye */

    /* names and addresses: the resolver's EAI_... codes */
    HOOP_EAI_NONAME = -5018,   /* no such host, or it has no address */
    HOOP_EAI_AGAIN = -5019,    /* the name server did not answer; try again later */
    HOOP_EAI_FAIL = -5020,     /* the name server failed for good */
    HOOP_EAI_SERVICE = -5021,  /* no such service for this kind of socket */
    HOOP_EAI_FAMILY = -5022,   /* no such family of addresses */
    HOOP_EAI_SOCKTYPE = -5023, /* no such kind of socket */

    HOOP_EHELPER = -5024, /* the helper process died before the job was done */
};

/* What the code means, in words; a static string. Any code may be passed: for
 * an unknown one the answer is "unknown error", for one >= 0 "success". */
HOOP_API const char *hoop_strerror(int64_t code);

/* The code's name, "ECANCELED" or "HOOP_ECLOSED"; a static string, "?" for an
 * unknown code, "OK" for one >= 0. */
HOOP_API const char *hoop_error_name(int64_t code);

/* Why the last call in this thread that returned NULL did so: a negative error
 * code, 0 if none did. Valid right after that call. */
HOOP_API int hoop_last_error(void);

/* Attaches a message to the error that the running task is about to return, and
 * returns CODE: `return hoop_error_set(-EIO, "reading %s", path);`. The message
 * travels with the error: whoever awaits the task finds it with
 * hoop_error_message. Outside of a task, or out of memory, only the code is kept.
 * CODE must be negative. Does not suspend. */
HOOP_API int64_t hoop_error_set(int64_t code, const char *format, ...) HOOP_PRINTF(2, 3);

/* The message that came with the last error which an await in this task returned
 * or hoop_error_set set, "" if there is none. Belongs to the task, valid until
 * its next await. Outside of a task: the message of the last hoop_run or other
 * run_until in this thread that returned its task's error, cut off at 255 bytes;
 * valid until the next one. */
HOOP_API const char *hoop_error_message(void);

#ifdef __cplusplus
}
#endif

#endif
