/* SPDX-License-Identifier: MIT
 *
 * Events: a flag that tasks wait for. hoop_event_set lets all of them go on, and those
 * that come later too, until hoop_event_clear.
 *
 * A task that an event has woken has seen it: its hoop_event_wait returns 0, even if the
 * event is cleared, or the task cancelled, before it runs.
 *
 * Threads: an event belongs to no loop, but only one thread at a time may use it, and tasks
 * that wait for it must be of that thread's loop. To set it from another thread, post a
 * callback that does (hoop_call_soon_threadsafe).
 */
#ifndef HOOP_EVENT_H
#define HOOP_EVENT_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_event hoop_event;

/* An event that is not set. NULL on failure: hoop_last_error is -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_event *hoop_event_new(void);

/* 0; or -EBUSY, and nothing happened, while tasks wait for it. NULL is allowed. */
HOOP_API int hoop_event_free(hoop_event *event);

/* Sets the flag and wakes all who wait, in the order in which they came; they run in the
 * next iteration. Does not suspend; callable from callbacks too. */
HOOP_API void hoop_event_set(hoop_event *event);

/* Takes the flag down: later waits wait for the next hoop_event_set. */
HOOP_API void hoop_event_clear(hoop_event *event);

HOOP_API bool hoop_event_is_set(const hoop_event *event);

/* Suspends the running task until the event is set; returns at once if it is. 0,
 * -ECANCELED, HOOP_ENOTASK. A cancellation point if it has to wait. */
HOOP_API HOOP_MUST_CHECK int hoop_event_wait(hoop_event *event);

#ifdef __cplusplus
}
#endif

#endif
