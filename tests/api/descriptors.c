/* SPDX-License-Identifier: MIT
 *
 * Watched descriptors by number: large ones, many at once, numbers that come again, and
 * numbers that are not open.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "socket_pair.h"

enum { PAIRS = 500 };

struct crowd;
struct member {
    struct crowd *crowd;
    int ends[2];
    int reads;
};

struct crowd {
    hoop_loop *loop;
    struct member members[PAIRS];
    int reads;
};

static void read_byte(void *arg)
{
    struct member *member = arg;
    char byte;
    assert_int_equal(read(member->ends[0], &byte, 1), 1);
    member->reads++;
    member->crowd->reads++;
}

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= count)
        return;
    limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count)
        skip();
}

/* More than one wait takes at a time: nobody may be left out. */
static void hundreds_of_descriptors_are_served_alike(void **state)
{
    (void)state;
    static struct crowd crowd;
    allow_descriptors(2 * PAIRS + 100);
    crowd = (struct crowd){.loop = virtual_loop()};
    for (int i = 0; i < PAIRS; i++) {
        struct member *member = &crowd.members[i];
        member->crowd = &crowd;
        open_pair(member->ends);
        assert_int_equal(hoop_add_reader(crowd.loop, member->ends[0], read_byte, member), 0);
        send_byte(member->ends[1]);
        send_byte(member->ends[1]);
    }
    for (int i = 0; i < 10 && crowd.reads < 2 * PAIRS; i++)
        assert_int_equal(hoop_run_once(crowd.loop, 0), 0);
    for (int i = 0; i < PAIRS; i++)
        assert_int_equal(crowd.members[i].reads, 2);
    for (int i = 0; i < PAIRS; i += 2)
        assert_int_equal(hoop_remove_reader(crowd.loop, crowd.members[i].ends[0]), 1);
    for (int i = 0; i < PAIRS; i++)
        send_byte(crowd.members[i].ends[1]);
    for (int i = 0; i < 10; i++)
        assert_int_equal(hoop_run_once(crowd.loop, 0), 0);
    for (int i = 0; i < PAIRS; i++)
        assert_int_equal(crowd.members[i].reads, i % 2 == 0 ? 2 : 3);
    hoop_close(crowd.loop); /* with half of them watched */
    for (int i = 0; i < PAIRS; i++)
        close_pair(crowd.members[i].ends);
}

static void large_numbers_are_as_good_as_small_ones(void **state)
{
    (void)state;
    const int numbers[] = {63, 64, 65, 127, 128, 1000, 1024, 1025, 4000};
    allow_descriptors(4100);
    struct crowd *crowd = test_calloc(1, sizeof *crowd);
    crowd->loop = virtual_loop();
    struct member member = {.crowd = crowd};
    open_pair(member.ends);
    int low = member.ends[0];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        member.ends[0] = fcntl(low, F_DUPFD_CLOEXEC, numbers[i]);
        assert_true(member.ends[0] >= numbers[i]);
        assert_int_equal(hoop_add_reader(crowd->loop, member.ends[0], read_byte, &member), 0);
        send_byte(member.ends[1]);
        assert_int_equal(hoop_run_once(crowd->loop, 0), 0);
        assert_int_equal(member.reads, (int)i + 1);
        assert_int_equal(hoop_remove_reader(crowd->loop, member.ends[0]), 1);
        close(member.ends[0]);
    }
    hoop_close(crowd->loop);
    close(low);
    close(member.ends[1]);
    test_free(crowd);
}

static void a_number_that_comes_again_is_a_new_descriptor(void **state)
{
    (void)state;
    struct crowd *crowd = test_calloc(1, sizeof *crowd);
    crowd->loop = virtual_loop();
    struct member member = {.crowd = crowd};
    open_pair(member.ends);
    int number = member.ends[0];
    for (int round = 0; round < 3; round++) {
        assert_int_equal(member.ends[0], number);
        assert_int_equal(hoop_add_reader(crowd->loop, number, read_byte, &member), 0);
        send_byte(member.ends[1]);
        assert_int_equal(hoop_run_once(crowd->loop, 0), 0);
        assert_int_equal(member.reads, round + 1);
        assert_int_equal(hoop_remove_reader(crowd->loop, number), 1);
        close_pair(member.ends);
        open_pair(member.ends);
    }
    hoop_close(crowd->loop);
    close_pair(member.ends);
    test_free(crowd);
}

/* "FD must stay open until it is removed", but who forgot can go on with the new one. */
static void a_descriptor_closed_without_removal_can_be_watched_anew(void **state)
{
    (void)state;
    struct crowd *crowd = test_calloc(1, sizeof *crowd);
    crowd->loop = virtual_loop();
    struct member member = {.crowd = crowd};
    open_pair(member.ends);
    int number = member.ends[0];
    assert_int_equal(hoop_add_reader(crowd->loop, number, read_byte, &member), 0);
    close_pair(member.ends);
    assert_int_equal(hoop_run_once(crowd->loop, 0), 0);
    open_pair(member.ends);
    assert_int_equal(member.ends[0], number);
    assert_int_equal(hoop_add_reader(crowd->loop, number, read_byte, &member), 0);
    send_byte(member.ends[1]);
    assert_int_equal(hoop_run_once(crowd->loop, 0), 0);
    assert_int_equal(member.reads, 1);
    close(member.ends[0]);
    assert_int_equal(hoop_remove_reader(crowd->loop, number), 1); /* though it is closed */
    assert_int_equal(hoop_remove_reader(crowd->loop, number), 0);
    hoop_close(crowd->loop);
    close(member.ends[1]);
    test_free(crowd);
}

/* A table by number must not be made for a number that nobody has open: with the largest one
 * it would take 16 GiB. */
static void a_number_that_is_not_open_costs_no_memory(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    size_t live = hoop_testing_live_allocations();
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_add_reader(loop, 2000000, read_byte, NULL), -EBADF);
    assert_false(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_testing_live_allocations(), live);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(hundreds_of_descriptors_are_served_alike),
        BEHAVIOUR(large_numbers_are_as_good_as_small_ones),
        BEHAVIOUR(a_number_that_comes_again_is_a_new_descriptor),
        BEHAVIOUR(a_descriptor_closed_without_removal_can_be_watched_anew),
        BEHAVIOUR(a_number_that_is_not_open_costs_no_memory),
    };
    return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
