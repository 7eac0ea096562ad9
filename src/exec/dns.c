/* SPDX-License-Identifier: MIT
 *
 * The resolver, in threads of its own: hoop_library_executor. The loop that is closed does not
 * wait for a lookup that hangs.
 *
 * A lookup lies on the heap with copies of all that it needs, and belongs to two: the task that
 * waits for it, and the job. Whoever lets go last frees it with what was found.
 */
#include <hoop/dns.h>

#include <errno.h>
#include <hoop/error.h>
#include <hoop/future.h>
#include <hoop/loop.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys_socket.h"
#include "exec/executor.h"
#include "task/wait.h"

/* ---- the threads ---- */

static const char key;

/* The running loop's; NULL without memory. */
static hoop_executor *dns_executor(void)
{
    return hoop_library_executor(
        &key, &(hoop_executor_options){.name = "hoop-dns", .max_workers = HOOP_DNS_THREADS});
}

/* ---- a lookup ---- */

struct lookup {
    atomic_uint references; /* the task's and the job's */
    struct addrinfo *found; /* by getaddrinfo, until the task takes them; or NULL */
    struct addrinfo hints;
    hoop_address address; /* getnameinfo's */
    int flags;
    int rc;     /* of a lookup without a thread */
    char *host; /* in `text`, as all that follows; NULL for none */
    char *service;
    char text[];
};

/* With room for so much text; NULL without memory. The caller's reference. */
static struct lookup *lookup_new(size_t text_size)
{
    struct lookup *lookup = alloc_zeroed(sizeof *lookup + text_size);
    if (lookup != NULL)
        atomic_init(&lookup->references, 1);
    return lookup;
}

static void lookup_unref(void *arg)
{
    struct lookup *lookup = arg;
    if (atomic_fetch_sub_explicit(&lookup->references, 1, memory_order_acq_rel) > 1)
        return;
    if (lookup->found != NULL)
        freeaddrinfo(lookup->found);
    alloc_free(lookup);
}

/* In a thread. */
static int64_t find_addresses(void *arg)
{
    struct lookup *lookup = arg;
    return sys_look_up(lookup->host, lookup->service, &lookup->hints, &lookup->found);
}

static int64_t find_names(void *arg)
{
    struct lookup *lookup = arg;
    return sys_look_up_name(&lookup->address, lookup->host, lookup->host != NULL ? NI_MAXHOST : 0,
                            lookup->service, lookup->service != NULL ? NI_MAXSERV : 0,
                            lookup->flags);
}

/* ---- waiting for it ---- */

/* In the frame of the task that waits. */
struct lookup_wait {
    struct wait wait;
    struct lookup *lookup; /* a reference */
    hoop_future *future;   /* the job's end, a reference */
};

static void lookup_cancel(struct wait *wait)
{
    hoop_future *future = CONTAINER_OF(wait, struct lookup_wait, wait)->future;
    wait_wake(wait, -ECANCELED); /* first: the future's end is not to wake it */
    hoop_future_cancel(future);
}

static void lookup_abandon(struct wait *wait)
{
    const struct lookup_wait *lookup_wait = CONTAINER_OF(wait, struct lookup_wait, wait);
    hoop_future_unref(lookup_wait->future);
    lookup_unref(lookup_wait->lookup);
}

static const struct wait_kind lookup_wait_kind = {"looks up a name", lookup_cancel, NULL,
                                                  lookup_abandon};

/* Suspends until FN(LOOKUP) has run in a thread: its result. The caller keeps its reference. */
static int lookup_run(struct lookup *lookup, hoop_blocking_fn fn)
{
    hoop_executor *executor = dns_executor();
    if (executor == NULL)
        return wait_failed(-ENOMEM);
    atomic_fetch_add_explicit(&lookup->references, 1, memory_order_relaxed);
    hoop_future *future = job_submit(executor, &(hoop_work){.fn = fn, .arg = lookup}, lookup_unref);
    if (future == NULL) {
        lookup_unref(lookup);
        return wait_failed(hoop_last_error());
    }
    struct lookup_wait lookup_wait = {.lookup = lookup, .future = future};
    wait_init(&lookup_wait.wait, &lookup_wait_kind);
    wait_observe(future, &lookup_wait.wait.observer);
    int rc = (int)wait_park(&lookup_wait.wait);
    if (rc == 0)
        rc = (int)hoop_future_result(future);
    hoop_future_unref(future);
    return rc < 0 ? wait_failed(rc) : rc;
}

/* 0, or why no lookup can begin. */
static int check_cancelled(void)
{
    if (hoop_task_cancelling(turn.task) == 0)
        return 0;
    wait_spend();
    return wait_failed(-ECANCELED);
}

/* An answer without suspension. */
static int answered(int rc)
{
    wait_spend();
    return rc < 0 ? wait_failed(rc) : rc;
}

/* ---- addresses ---- */

/* A question that numbers answer. The resolver wants more of a stack than a small task has. */
struct numeric {
    const char *host;
    const char *service;
    struct addrinfo hints;
    struct addrinfo *found;
    int rc;
};

static void numeric_find(void *arg)
{
    struct numeric *numeric = arg;
    numeric->rc = sys_look_up(numeric->host, numeric->service, &numeric->hints, &numeric->found);
}

/* What counts of HINTS; NULL stands for the platform's own. */
static struct addrinfo hints_copy(const struct addrinfo *hints)
{
    if (hints == NULL)
        return (struct addrinfo){.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    return (struct addrinfo){.ai_flags = hints->ai_flags,
                             .ai_family = hints->ai_family,
                             .ai_socktype = hints->ai_socktype,
                             .ai_protocol = hints->ai_protocol};
}

/* Puts a copy of STRING at *TEXT, behind which it moves that. NULL gives NULL. */
static char *text_add(char **text, const char *string)
{
    if (string == NULL)
        return NULL;
    char *copy = *text;
    *text = stpcpy(copy, string) + 1;
    return copy;
}

static size_t text_size(const char *string)
{
    return string != NULL ? strlen(string) + 1 : 0;
}

static int find_in_thread(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **ret_addresses)
{
    int rc = check_cancelled();
    if (rc < 0)
        return rc;
    struct lookup *lookup = lookup_new(text_size(host) + text_size(service));
    if (lookup == NULL)
        return wait_failed(-ENOMEM);
    char *text = lookup->text;
    lookup->host = text_add(&text, host);
    lookup->service = text_add(&text, service);
    lookup->hints = hints_copy(hints);
    rc = lookup_run(lookup, find_addresses);
    if (rc == 0) {
        *ret_addresses = lookup->found;
        lookup->found = NULL;
    }
    lookup_unref(lookup);
    return rc;
}

int hoop_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **ret_addresses)
{
    if (turn.task == NULL)
        return wait_without_task(__func__);
    struct numeric numeric = {.host = host, .service = service, .hints = hints_copy(hints)};
    bool is_final = (host == NULL || (numeric.hints.ai_flags & AI_NUMERICHOST) != 0) &&
                    (service == NULL || (numeric.hints.ai_flags & AI_NUMERICSERV) != 0);
    numeric.hints.ai_flags |=
        (host != NULL ? AI_NUMERICHOST : 0) | (service != NULL ? AI_NUMERICSERV : 0);
    hoop_call_on_thread_stack(numeric_find, &numeric);
    if (numeric.rc == HOOP_EAI_NONAME && !is_final)
        return find_in_thread(host, service, hints, ret_addresses);
    if (numeric.rc == 0)
        *ret_addresses = numeric.found;
    return answered(numeric.rc);
}

/* ---- names ---- */

static void names_now(void *arg)
{
    struct lookup *lookup = arg;
    lookup->rc = (int)find_names(lookup);
}

/* To the caller, if there is room for both. */
static int names_copy(const struct lookup *lookup, char *host, size_t host_size, char *service,
                      size_t service_size)
{
    size_t host_needs = host != NULL ? strlen(lookup->host) + 1 : 0;
    size_t service_needs = service != NULL ? strlen(lookup->service) + 1 : 0;
    if (host_needs > host_size || service_needs > service_size)
        return -ENOBUFS;
    if (host != NULL)
        memcpy(host, lookup->host, host_needs);
    if (service != NULL)
        memcpy(service, lookup->service, service_needs);
    return 0;
}

int hoop_getnameinfo(const hoop_address *address, char *host, size_t host_size, char *service,
                     size_t service_size, int flags)
{
    if (turn.task == NULL)
        return wait_without_task(__func__);
    bool is_numeric = (host == NULL || (flags & NI_NUMERICHOST) != 0) &&
                      (service == NULL || (flags & NI_NUMERICSERV) != 0);
    int rc = is_numeric ? 0 : check_cancelled();
    if (rc < 0)
        return rc;
    struct lookup *lookup = lookup_new(NI_MAXHOST + NI_MAXSERV);
    if (lookup == NULL)
        return wait_failed(-ENOMEM);
    lookup->address = *address;
    lookup->flags = flags;
    lookup->host = host != NULL ? lookup->text : NULL;
    lookup->service = service != NULL ? lookup->text + NI_MAXHOST : NULL;
    if (is_numeric) {
        hoop_call_on_thread_stack(names_now, lookup);
        rc = lookup->rc;
    } else {
        rc = lookup_run(lookup, find_names);
    }
    if (rc == 0)
        rc = names_copy(lookup, host, host_size, service, service_size);
    lookup_unref(lookup);
    return is_numeric ? answered(rc) : rc < 0 ? wait_failed(rc) : rc;
}
