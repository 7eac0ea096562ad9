/* SPDX-License-Identifier: MIT
 *
 * Context variables: values that follow the flow of control instead of being
 * passed down every call, like Python's contextvars.
 *
 * A task and a scheduled callback start with the bindings that were in force
 * where they were created; what they set is seen by themselves and by what they
 * start, never by their creator. Where no variable is set, this costs nothing.
 *
 * All functions act on the context of what runs in the calling thread: the
 * task, the callback, or the thread itself outside of a loop.
 */
#ifndef HOOP_CONTEXT_H
#define HOOP_CONTEXT_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One variable; its address is its identity, so it is usually a static. It must
 * outlive every context that binds it. */
typedef struct hoop_context_var {
    const char *name;             /* for people */
    void *default_value;          /* what hoop_context_get returns where nothing is set */
    void (*release)(void *value); /* called once per set value when the last context that
                                    holds it is gone, from whichever thread that happens in;
                                    NULL: values are borrowed and must outlive their use */
} hoop_context_var;

/* Binds VAR to VALUE from here on, in this context alone. Returns 0 or -ENOMEM;
 * on failure nothing changed and VALUE is still the caller's. */
HOOP_API HOOP_MUST_CHECK int hoop_context_set(const hoop_context_var *var, void *value);

/* The value that VAR is bound to here, or its default. Time is linear in the
 * number of different variables that are set. */
HOOP_API void *hoop_context_get(const hoop_context_var *var);

/* A reference to the current bindings, never NULL; drop it with
 * hoop_context_unref. Bindings are immutable and may be shared by threads. */
HOOP_API hoop_context *hoop_context_copy(void);
HOOP_API void hoop_context_unref(hoop_context *context);

/* Calls FN(ARG) with the bindings of CONTEXT. Unlike Python's Context.run, what
 * FN sets is gone when it returns: CONTEXT itself never changes. May suspend if
 * FN does. */
HOOP_API void hoop_context_run(hoop_context *context, hoop_callback_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
