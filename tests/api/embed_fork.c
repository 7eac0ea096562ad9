/* SPDX-License-Identifier: MIT
 *
 * The copy of a loop in the child of a fork: it can go on, be closed or be left, and the parent's
 * loop notices nothing of it.
 */
#include "child.h"
#include "gate.h"

#include <errno.h>
#include <hoop/embed.h>
#include <hoop/watchdog.h>
#include <pthread.h>
#include <semaphore.h>

/* The loop of a test, a pipe that it watches, and what to do in the child. */
struct scene {
    hoop_loop *loop;
    hoop_watch watch; /* of ends[0] */
    int ends[2];
    unsigned notified;
    hoop_post post;
    bool (*in_child)(struct scene *scene); /* whether all is as it should be */
    int child_said;                        /* 0: so it was */
    bool is_child;
};

static struct scene *scene_of_watch(hoop_watch *watch)
{
    return (struct scene *)(void *)((char *)watch - offsetof(struct scene, watch));
}

static void count_notification(hoop_watch *watch, unsigned events)
{
    hoop_watch_clear(watch, events);
    scene_of_watch(watch)->notified++;
}

static void scene_begin(struct scene *scene, bool (*in_child)(struct scene *scene))
{
    *scene = (struct scene){.loop = hoop_new_event_loop(), .in_child = in_child};
    assert_non_null(scene->loop);
    assert_int_equal(pipe(scene->ends), 0);
    hoop_watch_init(&scene->watch, count_notification);
    assert_int_equal(hoop_watch_start(scene->loop, &scene->watch, scene->ends[0]), 0);
}

static void scene_end(struct scene *scene)
{
    hoop_watch_stop(scene->loop, &scene->watch);
    close(scene->ends[0]);
    close(scene->ends[1]);
    assert_int_equal(hoop_close(scene->loop), 0);
}

static int exit_status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* In a callback of the loop. */
static void fork_and_try(void *arg)
{
    struct scene *scene = arg;
    pid_t pid = fork();
    if (pid == 0)
        _exit(hoop_loop_forked(scene->loop) == 0 && scene->in_child(scene) ? 0 : 1);
    scene->child_said = exit_status_of(pid);
}

/* A byte that comes after all that the child did is told of. */
static void expect_undisturbed(struct scene *scene)
{
    assert_int_equal(scene->child_said, 0);
    unsigned before = scene->notified;
    assert_int_equal(write(scene->ends[1], "x", 1), 1);
    assert_int_equal(hoop_run_once(scene->loop, 1), 0);
    assert_int_equal(scene->notified, before + 1);
}

static void fork_in_a_callback(struct scene *scene)
{
    assert_true(hoop_call_soon(scene->loop, fork_and_try, scene) > 0);
    assert_int_equal(hoop_run_once(scene->loop, 0), 0);
}

/* ---- the child ---- */

static void note_call(void *arg)
{
    *(bool *)arg = true;
}

static bool runs_another_loop(struct scene *scene)
{
    bool called = false;
    (void)scene;
    if (hoop_running_loop() != NULL)
        return false;
    hoop_loop *other = hoop_new_event_loop();
    return other != NULL && hoop_call_soon(other, note_call, &called) > 0 &&
           hoop_run_once(other, 0) == 0 && called && hoop_running_loop() == NULL &&
           hoop_close(other) == 0;
}

static void another_loop_can_run_in_the_child_of_a_callback(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, runs_another_loop);
    fork_in_a_callback(&scene);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

static bool lets_go_of_the_watch(struct scene *scene)
{
    hoop_watch_stop(scene->loop, &scene->watch);
    return scene->watch.fd == -1;
}

static void a_watch_that_the_child_stops_goes_on_in_the_parent(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, lets_go_of_the_watch);
    fork_in_a_callback(&scene);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

static bool closes_its_copy(struct scene *scene)
{
    hoop_watch_stop(scene->loop, &scene->watch);
    return hoop_close(scene->loop) == 0;
}

static void a_child_may_close_its_copy(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, closes_its_copy);
    fork_and_try(&scene); /* the loop does not run */
    expect_undisturbed(&scene);
    scene_end(&scene);
}

static void the_watchdog_stays_with_the_parent(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, closes_its_copy);
    assert_int_equal(hoop_watchdog_start(scene.loop, 60), 0);
    fork_and_try(&scene); /* closing would wait for its thread */
    expect_undisturbed(&scene);
    scene_end(&scene);
}

static bool runs_its_copy(struct scene *scene)
{
    char byte;
    bool called = false;
    /* What comes for the parent is not for the copy. */
    return write(scene->ends[1], "y", 1) == 1 &&
           hoop_call_soon(scene->loop, note_call, &called) > 0 &&
           hoop_run_once(scene->loop, 0) == 0 && called && scene->notified == 0 &&
           read(scene->ends[0], &byte, 1) == 1 && closes_its_copy(scene);
}

static void a_copy_that_runs_takes_no_event_of_the_parent(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, runs_its_copy);
    fork_and_try(&scene);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

static void wake_copy(void *arg)
{
    struct scene *scene = arg;
    (void)hoop_stop_threadsafe(scene->loop);
}

static void *wake_from_a_thread(void *arg)
{
    wake_copy(arg);
    return NULL;
}

/* That the wake-up of the copy is its own is seen by the copy's waking, and the parent's not. */
static bool is_woken_by_a_thread(struct scene *scene)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, wake_from_a_thread, scene) == 0 &&
           hoop_run_forever(scene->loop) == 0 && pthread_join(thread, NULL) == 0;
}

static void threads_wake_the_copy_in_the_child(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, is_woken_by_a_thread);
    fork_and_try(&scene);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

static void set_status(hoop_post *post, int status)
{
    struct scene *scene = (struct scene *)(void *)((char *)post - offsetof(struct scene, post));
    scene->notified += status == 0 ? 100 : 0;
}

static bool has_the_post(struct scene *scene)
{
    return hoop_run_once(scene->loop, 0) == 0 && scene->notified == 100;
}

static void what_was_posted_before_the_fork_runs_in_both(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, has_the_post);
    scene.post.run = set_status;
    assert_int_equal(hoop_post_threadsafe(scene.loop, &scene.post), 0);
    fork_and_try(&scene);
    assert_int_equal(hoop_run_once(scene.loop, 0), 0);
    assert_int_equal(scene.notified, 100);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

/* ---- the child of a callback that returns ---- */

static void fork_and_return(void *arg)
{
    struct scene *scene = arg;
    pid_t pid = fork();
    if (pid == 0) {
        scene->is_child = hoop_loop_forked(scene->loop) == 0 && hoop_running_loop() == NULL;
        return;
    }
    scene->child_said = exit_status_of(pid);
}

/* The next one in the same batch. */
static void end_child(void *arg)
{
    struct scene *scene = arg;
    if (scene->is_child)
        _exit(hoop_running_loop() == scene->loop && hoop_is_running(scene->loop) ? 0 : 1);
}

static void stop(void *arg)
{
    hoop_stop(arg);
}

static void the_loop_goes_on_in_the_child_when_the_callback_returns(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, NULL);
    assert_true(hoop_call_soon(scene.loop, fork_and_return, &scene) > 0);
    assert_true(hoop_call_soon(scene.loop, end_child, &scene) > 0);
    assert_true(hoop_call_soon(scene.loop, stop, scene.loop) > 0);
    assert_int_equal(hoop_run_forever(scene.loop), 0);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

/* ---- a loop of another thread ---- */

static void tell(void *arg)
{
    sem_post(arg);
}

static void *run_until_stopped(void *arg)
{
    return (void *)(intptr_t)hoop_run_forever(arg);
}

static bool closes_what_ran_elsewhere(struct scene *scene)
{
    return !hoop_is_running(scene->loop) && closes_its_copy(scene);
}

static void a_loop_of_another_thread_does_not_run_in_the_child(void **state)
{
    struct scene scene;
    pthread_t thread;
    void *result;
    sem_t runs;
    (void)state;
    sem_init(&runs, 0, 0);
    scene_begin(&scene, closes_what_ran_elsewhere);
    assert_int_equal(pthread_create(&thread, NULL, run_until_stopped, scene.loop), 0);
    assert_int_equal(hoop_call_soon_threadsafe(scene.loop, tell, &runs), 0);
    while (sem_wait(&runs) < 0)
        assert_int_equal(errno, EINTR);
    fork_and_try(&scene);
    assert_int_equal(hoop_stop_threadsafe(scene.loop), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    sem_destroy(&runs);
    expect_undisturbed(&scene);
    scene_end(&scene);
}

/* ---- failures ---- */

static int fork_the_loop(void *arg)
{
    (void)arg;
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    int rc = hoop_loop_forked(loop);
    if (rc < 0)
        assert_true(hoop_run_once(loop, 0) < 0);
    hoop_close(loop);
    return rc;
}

/* In this process: that it is a child makes no difference. */
static void a_copy_without_descriptors_cannot_run_but_be_closed(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_SYSCALL, fork_the_loop, NULL);
}

static void a_closed_loop_is_left_alone(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_loop_ref(hoop_new_event_loop());
    hoop_close(loop);
    assert_int_equal(hoop_loop_forked(loop), 0);
    hoop_loop_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(another_loop_can_run_in_the_child_of_a_callback),
        BEHAVIOUR(a_watch_that_the_child_stops_goes_on_in_the_parent),
        BEHAVIOUR(a_child_may_close_its_copy),
        BEHAVIOUR(the_watchdog_stays_with_the_parent),
        BEHAVIOUR(a_copy_that_runs_takes_no_event_of_the_parent),
        BEHAVIOUR(threads_wake_the_copy_in_the_child),
        BEHAVIOUR(what_was_posted_before_the_fork_runs_in_both),
        BEHAVIOUR(the_loop_goes_on_in_the_child_when_the_callback_returns),
        BEHAVIOUR(a_loop_of_another_thread_does_not_run_in_the_child),
        BEHAVIOUR(a_copy_without_descriptors_cannot_run_but_be_closed),
        BEHAVIOUR(a_closed_loop_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
