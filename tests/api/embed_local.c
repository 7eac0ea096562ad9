/* SPDX-License-Identifier: MIT
 *
 * What libraries build on that work with threads: the loop knows that others work for it, and
 * what it keeps for a library goes with it.
 */
#include "gate.h"
#include "reports.h"

#include <hoop/embed.h>

/* ---- other threads' work ---- */

struct work {
    hoop_post post; /* first */
    hoop_loop *loop;
    sem_t may_end;
    struct record record;
};

static void end_work(hoop_post *post, int status)
{
    struct work *work = (struct work *)(void *)post;
    assert_int_equal(status, 0);
    assert_true(hoop_time(work->loop) == 0);
    record_add(&work->record, "work");
    hoop_work_ends(work->loop);
}

static void fire(void *arg)
{
    struct work *work = arg;
    record_add(&work->record, "timer");
    hoop_stop(work->loop);
}

static void *do_work(void *arg)
{
    struct work *work = arg;
    sem_take(&work->may_end);
    usleep(2000); /* time to jump, if it were to */
    int rc = hoop_post_threadsafe(work->loop, &work->post);
    return (void *)(intptr_t)rc;
}

static void release_worker(void *arg)
{
    sem_post(&((struct work *)arg)->may_end);
}

static void the_virtual_clock_does_not_jump_while_others_work(void **state)
{
    (void)state;
    struct work work = {.post.run = end_work, .loop = virtual_loop()};
    pthread_t thread;
    sem_init(&work.may_end, 0, 0);
    hoop_call_later(work.loop, 1000, fire, &work);
    hoop_call_soon(work.loop, release_worker, &work);
    hoop_work_begins(work.loop);
    assert_int_equal(pthread_create(&thread, NULL, do_work, &work), 0);
    assert_int_equal(hoop_run_forever(work.loop), 0);
    pthread_join(thread, NULL);
    assert_record(&work.record, "work timer");
    assert_true(hoop_time(work.loop) == 1000);
    hoop_close(work.loop);
    sem_destroy(&work.may_end);
}

static void each_begin_needs_its_end(void **state)
{
    (void)state;
    struct work work = {.post.run = end_work, .loop = virtual_loop()};
    pthread_t thread;
    sem_init(&work.may_end, 0, 1);
    hoop_call_later(work.loop, 1000, fire, &work);
    for (int i = 0; i < 3; i++)
        hoop_work_begins(work.loop);
    hoop_work_ends(work.loop);
    hoop_work_ends(work.loop);
    assert_int_equal(pthread_create(&thread, NULL, do_work, &work), 0);
    assert_int_equal(hoop_run_forever(work.loop), 0);
    pthread_join(thread, NULL);
    assert_record(&work.record, "work timer");
    hoop_close(work.loop);
    sem_destroy(&work.may_end);
}

static void timers_that_are_due_fire_while_others_work(void **state)
{
    (void)state;
    struct work work = {.loop = virtual_loop()};
    hoop_work_begins(work.loop);
    hoop_call_later(work.loop, 0, fire, &work);
    assert_int_equal(hoop_run_forever(work.loop), 0);
    assert_record(&work.record, "timer");
    hoop_work_ends(work.loop);
    hoop_close(work.loop);
}

static void the_systems_clock_goes_on_while_others_work(void **state)
{
    (void)state;
    struct work work = {.loop = hoop_new_event_loop()};
    hoop_work_begins(work.loop);
    hoop_call_later(work.loop, 0.002, fire, &work);
    assert_int_equal(hoop_run_forever(work.loop), 0);
    assert_record(&work.record, "timer");
    hoop_work_ends(work.loop);
    hoop_close(work.loop);
}

/* ---- what a library keeps ---- */

struct note {
    hoop_post post; /* first */
    struct record *record;
    const char *name;
};

static void run_note(hoop_post *post, int status)
{
    const struct note *note = (struct note *)(void *)post;
    assert_int_equal(status, HOOP_ECLOSED);
    record_add(note->record, note->name);
}

static struct note note_of(struct record *record, const char *name)
{
    return (struct note){.post.run = run_note, .record = record, .name = name};
}

static const char first_key, second_key;

struct kept {
    hoop_local local; /* first */
    struct record *record;
    const char *name;
    hoop_loop *loop;
    hoop_task *task; /* asked in close */
    struct note *note;
};

static void close_kept(hoop_local *local)
{
    struct kept *kept = (struct kept *)(void *)local;
    record_add(kept->record, kept->name);
    assert_true(hoop_is_closed(kept->loop));
    if (kept->task != NULL)
        assert_false(hoop_task_is_done(kept->task)); /* its frame is still there */
    if (kept->note != NULL)
        assert_int_equal(hoop_post_threadsafe(kept->loop, &kept->note->post), HOOP_ECLOSED);
}

static struct kept kept_of(hoop_loop *loop, struct record *record, const char *name,
                           const void *its_key)
{
    return (struct kept){.local = {.key = its_key, .close = close_kept},
                         .record = record,
                         .name = name,
                         .loop = loop};
}

static void a_local_is_found_by_its_key(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop(), *other = virtual_loop();
    struct kept first = kept_of(loop, &record, "first", &first_key);
    struct kept second = kept_of(loop, &record, "second", &second_key);
    assert_null(hoop_local_find(loop, &first_key));
    hoop_local_add(loop, &first.local);
    assert_null(hoop_local_find(loop, &second_key));
    hoop_local_add(loop, &second.local);
    assert_ptr_equal(hoop_local_find(loop, &first_key), &first);
    assert_ptr_equal(hoop_local_find(loop, &second_key), &second);
    assert_null(hoop_local_find(other, &first_key));
    hoop_close(loop);
    hoop_close(other);
}

static void locals_are_closed_last_added_first(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    struct kept first = kept_of(loop, &record, "first", &first_key);
    struct kept second = kept_of(loop, &record, "second", &second_key);
    hoop_local_add(loop, &first.local);
    hoop_local_add(loop, &second.local);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "");
    hoop_close(loop);
    assert_record(&record, "second first");
    assert_null(hoop_local_find(loop, &first_key));
    hoop_loop_unref(loop);
}

static int64_t sleep_forever(void *arg)
{
    (void)arg;
    return hoop_sleep(INFINITY);
}

/* Posts that were made before have been returned then, and no more are taken. */
static void locals_are_closed_between_posts_and_tasks(void **state)
{
    (void)state;
    struct record record = {0};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    struct kept kept = kept_of(loop, &record, "local", &first_key);
    struct note before = note_of(&record, "before"), late = note_of(&record, "late");
    kept.task = hoop_create_task_with(sleep_forever, NULL, &(hoop_task_options){.loop = loop});
    kept.note = &late;
    hoop_local_add(loop, &kept.local);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_post_threadsafe(loop, &before.post), 0);
    hoop_close(loop);
    assert_record(&record, "before local");
    assert_int_equal(reports.count, 1);
    hoop_task_unref(kept.task);
}

static void shut_down_kept(hoop_local *local)
{
    struct kept *kept = (struct kept *)(void *)local;
    assert_non_null(hoop_current_task());
    assert_int_equal(hoop_sleep(0), 0);
    record_add(kept->record, "shutdown");
}

static struct kept in_a_program;

static int64_t add_kept(void *record)
{
    in_a_program = kept_of(hoop_running_loop(), record, "close", &first_key);
    in_a_program.local.shutdown = shut_down_kept;
    hoop_local_add(hoop_running_loop(), &in_a_program.local);
    return 4;
}

static void a_runner_shuts_locals_down_in_a_task_before_it_closes_the_loop(void **state)
{
    (void)state;
    struct record record = {0};
    assert_int_equal(hoop_run(add_kept, &record), 4);
    assert_record(&record, "shutdown close");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_virtual_clock_does_not_jump_while_others_work),
        BEHAVIOUR(each_begin_needs_its_end),
        BEHAVIOUR(timers_that_are_due_fire_while_others_work),
        BEHAVIOUR(the_systems_clock_goes_on_while_others_work),
        BEHAVIOUR(a_local_is_found_by_its_key),
        BEHAVIOUR(locals_are_closed_last_added_first),
        BEHAVIOUR(locals_are_closed_between_posts_and_tasks),
        BEHAVIOUR(a_runner_shuts_locals_down_in_a_task_before_it_closes_the_loop),
    };
    return cmocka_run_group_tests_name("embed_local", tests, NULL, NULL);
}
