/* SPDX-License-Identifier: MIT
 *
 * Posts from other threads that need no memory: each is run once, or handed back by the close.
 */
#include "gate.h"

#include <hoop/embed.h>
#include <sched.h>

/* ---- posts ---- */

struct note {
    hoop_post post; /* first */
    struct record *record;
    const char *name;
    hoop_loop *loop; /* to post it again, so often */
    int rounds;
    int status; /* of the last run */
};

static void run_note(hoop_post *post, int status)
{
    struct note *note = (struct note *)(void *)post;
    record_add(note->record, note->name);
    note->status = status;
    if (note->rounds-- > 0)
        note->status = hoop_post_threadsafe(note->loop, post);
}

static struct note note_of(struct record *record, const char *name)
{
    return (struct note){.post.run = run_note, .record = record, .name = name, .status = 1};
}

static void posts_run_in_the_order_in_which_they_were_made(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct note a = note_of(&record, "a"), b = note_of(&record, "b"), c = note_of(&record, "c");
    assert_int_equal(hoop_post_threadsafe(loop, &b.post), 0);
    assert_int_equal(hoop_post_threadsafe(loop, &c.post), 0);
    assert_int_equal(hoop_post_threadsafe(loop, &a.post), 0);
    assert_record(&record, "");
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "b c a");
    assert_int_equal(a.status, 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "b c a");
    hoop_close(loop);
}

static void a_post_can_be_posted_again_from_its_own_run(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct note a = note_of(&record, "a"), b = note_of(&record, "b");
    a.loop = loop;
    a.rounds = 2;
    assert_int_equal(hoop_post_threadsafe(loop, &a.post), 0);
    assert_int_equal(hoop_post_threadsafe(loop, &b.post), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b"); /* the next one waits for the next iteration */
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b a");
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b a a");
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "a b a a");
    hoop_close(loop);
}

static int post_without_memory(void *arg)
{
    struct record record = {0};
    struct note note = note_of(&record, "x");
    assert_int_equal(hoop_post_threadsafe(arg, &note.post), 0);
    assert_int_equal(hoop_run_once(arg, 0), 0);
    assert_record(&record, "x");
    return 0;
}

static void posting_needs_no_memory(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    post_without_memory(loop);
    assert_false(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    hoop_close(loop);
}

struct stopper {
    hoop_post post; /* first */
    hoop_loop *loop;
    int rc;
};

static void run_stop(hoop_post *post, int status)
{
    (void)status;
    hoop_stop(((struct stopper *)(void *)post)->loop);
}

static void *post_stop(void *arg)
{
    struct stopper *stopper = arg;
    stopper->rc = hoop_post_threadsafe(stopper->loop, &stopper->post);
    return NULL;
}

static void a_post_wakes_a_loop_that_sleeps(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        for (int clock = HOOP_CLOCK_MONOTONIC; clock <= HOOP_CLOCK_VIRTUAL; clock++) {
            hoop_loop *loop =
                hoop_new_event_loop_with(&(hoop_loop_options){.clock = (hoop_clock)clock});
            struct stopper stopper = {.post.run = run_stop, .loop = loop, .rc = 1};
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, post_stop, &stopper), 0);
            assert_int_equal(hoop_run_forever(loop), 0);
            pthread_join(thread, NULL);
            assert_int_equal(stopper.rc, 0);
            hoop_close(loop);
        }
    }
}

enum { POSTERS = 3, POSTS = 20000 };

struct poster {
    pthread_t thread;
    hoop_loop *loop;
    int next;   /* the number of the next post to run */
    int *total; /* of all posters */
    bool in_order;
    atomic_int refused;
};

struct numbered {
    hoop_post post; /* first */
    struct poster *poster;
    int number;
};

static struct numbered numbered_posts[POSTERS][POSTS];

static void run_numbered(hoop_post *post, int status)
{
    struct numbered *numbered = (struct numbered *)(void *)post;
    struct poster *poster = numbered->poster;
    poster->in_order &= status == 0 && poster->next++ == numbered->number;
    if (++*poster->total == POSTERS * POSTS)
        hoop_stop(poster->loop);
}

static void *post_them_all(void *arg)
{
    struct numbered *posts = arg;
    for (int i = 0; i < POSTS; i++)
        if (hoop_post_threadsafe(posts[i].poster->loop, &posts[i].post) < 0)
            atomic_fetch_add(&posts[i].poster->refused, 1);
    return NULL;
}

static void posts_of_several_threads_all_run_each_threads_in_order(void **state)
{
    (void)state;
    struct poster posters[POSTERS];
    int total = 0;
    hoop_loop *loop = hoop_new_event_loop();
    for (int p = 0; p < POSTERS; p++) {
        posters[p] = (struct poster){.loop = loop, .total = &total, .in_order = true};
        for (int i = 0; i < POSTS; i++)
            numbered_posts[p][i] =
                (struct numbered){.post.run = run_numbered, .poster = &posters[p], .number = i};
    }
    for (int p = 0; p < POSTERS; p++)
        assert_int_equal(pthread_create(&posters[p].thread, NULL, post_them_all, numbered_posts[p]),
                         0);
    assert_int_equal(hoop_run_forever(loop), 0);
    for (int p = 0; p < POSTERS; p++) {
        pthread_join(posters[p].thread, NULL);
        assert_int_equal(posters[p].refused, 0);
        assert_int_equal(posters[p].next, POSTS);
        assert_true(posters[p].in_order);
    }
    hoop_close(loop);
}

/* ---- posts and the end ---- */

static void closing_hands_back_what_has_not_run(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    struct note a = note_of(&record, "a"), b = note_of(&record, "b");
    a.loop = loop;
    a.rounds = 1; /* tries again, in vain */
    assert_int_equal(hoop_post_threadsafe(loop, &a.post), 0);
    assert_int_equal(hoop_post_threadsafe(loop, &b.post), 0);
    hoop_close(loop);
    assert_record(&record, "a b");
    assert_int_equal(a.status, HOOP_ECLOSED);
    assert_int_equal(b.status, HOOP_ECLOSED);
    hoop_loop_unref(loop);
}

/* A post that is made by the last callback of a run is collected when the run ends. */
static void post_and_leave(void *arg)
{
    struct note *note = arg;
    hoop_stop(note->loop);
    assert_int_equal(hoop_post_threadsafe(note->loop, &note->post), 0);
}

static void closing_hands_back_what_was_collected_too(void **state)
{
    (void)state;
    struct record record = {0};
    hoop_loop *loop = virtual_loop();
    struct note a = note_of(&record, "a"), b = note_of(&record, "b");
    a.loop = loop;
    hoop_call_soon(loop, post_and_leave, &a);
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_true(hoop_loop_timeout(loop) == 0);
    assert_int_equal(hoop_post_threadsafe(loop, &b.post), 0);
    assert_record(&record, "");
    hoop_close(loop);
    assert_record(&record, "a b");
    assert_int_equal(a.status, HOOP_ECLOSED);
    assert_int_equal(b.status, HOOP_ECLOSED);
}

static void a_closed_loop_refuses_posts(void **state)
{
    (void)state;
    struct record record = {0};
    struct note a = note_of(&record, "a");
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    hoop_close(loop);
    assert_int_equal(hoop_post_threadsafe(loop, &a.post), HOOP_ECLOSED);
    assert_record(&record, "");
    hoop_loop_unref(loop);
}

struct race {
    hoop_loop *loop;
    atomic_int accepted;
    int run, returned; /* by the loop's thread */
};

struct racer {
    hoop_post post; /* first */
    struct race *race;
    atomic_bool is_free;
};

static void run_racer(hoop_post *post, int status)
{
    struct racer *racer = (struct racer *)(void *)post;
    if (status == 0)
        racer->race->run++;
    else
        racer->race->returned++;
    atomic_store(&racer->is_free, true);
}

static void *post_until_closed(void *arg)
{
    struct racer *racers = arg;
    struct race *race = racers[0].race;
    for (int i = 0;; i = (i + 1) % 4) {
        while (!atomic_load(&racers[i].is_free))
            sched_yield();
        atomic_store(&racers[i].is_free, false);
        if (hoop_post_threadsafe(race->loop, &racers[i].post) < 0)
            break;
        atomic_fetch_add(&race->accepted, 1);
    }
    hoop_loop_unref(race->loop);
    return NULL;
}

static void each_post_that_was_taken_is_run_or_handed_back_once(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct race race = {.loop = hoop_new_event_loop()};
        struct racer racers[4];
        pthread_t thread;
        for (int k = 0; k < 4; k++)
            racers[k] = (struct racer){{.run = run_racer}, &race, true};
        hoop_loop_ref(race.loop);
        assert_int_equal(pthread_create(&thread, NULL, post_until_closed, racers), 0);
        while (race.run < 10)
            assert_int_equal(hoop_run_once(race.loop, 1), 0);
        hoop_close(race.loop);
        pthread_join(thread, NULL);
        assert_int_equal(race.run + race.returned, race.accepted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(posts_run_in_the_order_in_which_they_were_made),
        BEHAVIOUR(a_post_can_be_posted_again_from_its_own_run),
        BEHAVIOUR(posting_needs_no_memory),
        BEHAVIOUR(a_post_wakes_a_loop_that_sleeps),
        BEHAVIOUR(posts_of_several_threads_all_run_each_threads_in_order),
        BEHAVIOUR(closing_hands_back_what_has_not_run),
        BEHAVIOUR(closing_hands_back_what_was_collected_too),
        BEHAVIOUR(a_closed_loop_refuses_posts),
        BEHAVIOUR(each_post_that_was_taken_is_run_or_handed_back_once),
    };
    return cmocka_run_group_tests_name("embed_post", tests, NULL, NULL);
}
