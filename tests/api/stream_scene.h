/* SPDX-License-Identifier: MIT
 *
 * For tests in which memory or the system fails under a stream: a program of its own for each
 * attempt, which lets go of everything, however far it came.
 */
#ifndef TESTS_API_STREAM_SCENE_H
#define TESTS_API_STREAM_SCENE_H

#include "stream_peer.h"

enum { LARGE = 300000, LIMIT = 1000 };

static const hoop_stream_options limited = {.limit = LIMIT, .close_timeout = 5};

static inline hoop_loop *loop_if_there_is_memory(void)
{
    return hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
}

/* What a body uses, and lets go of whatever happened. */
struct scene {
    hoop_stream *stream;
    int peer;
    int64_t position; /* of the next byte to read */
    unsigned failures;
    hoop_task *task; /* a reference, or NULL */
};

/* Runs FN with a scene in a loop of its own: 0, or the error that reached it. */
static inline int run_scene(hoop_coroutine_fn fn)
{
    struct scene scene = {.peer = -1};
    hoop_loop *loop = loop_if_there_is_memory();
    if (loop == NULL)
        return hoop_last_error();
    struct reports reports = {0}; /* of tasks that a loop without a system leaves */
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, fn, &scene);
    assert_int_equal(hoop_close(loop), 0);
    hoop_task_unref(scene.task);
    if (scene.peer >= 0)
        close(scene.peer);
    return rc < 0 ? (int)rc : scene.failures > 0 ? -ENOMEM : 0;
}

/* Takes what has come at the peer, from POSITION on. */
static inline uint64_t peer_takes_some(struct scene *scene, uint64_t position)
{
    static char bytes[50000];
    size_t received = peer_receives(scene->peer, bytes, sizeof bytes);
    assert_bytes(bytes, received, position);
    return position + received;
}

/* For fail_each: FN points to the coroutine. */
static inline int body(void *fn)
{
    return run_scene(*(hoop_coroutine_fn *)fn);
}

#endif
