/* SPDX-License-Identifier: MIT
 *
 * What every C test stands on: cmocka, and a check around each test that it leaves no
 * allocation of hoop's, no file descriptor and no thread behind.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hoop.h>
#include <hoop/testing.h>

/* A row of the table that main hands to cmocka_run_group_tests. */
#define BEHAVIOUR(test) cmocka_unit_test_setup_teardown(test, harness_begin, harness_end)

int harness_begin(void **state);
int harness_end(void **state);

/* A loop on the virtual clock; fails the test if there is none. */
hoop_loop *virtual_loop(void);

/* Can a loop with io_uring be made and waited for here? And is LOOP one? */
bool has_uring(void);
bool uses_uring(const hoop_loop *loop);

/* Calls BODY(ARG) while the 1st, 2nd, 3rd ... call of KINDS (hoop/testing.h) fails, until it
 * passes untouched, and checks after each call that nothing leaked. BODY returns a negative
 * code when a failure reached it and 0 when it coped; it may assert that what it got is
 * right. Returns how many calls were made to fail; fails the test if that is none. */
unsigned fail_each(unsigned kinds, int (*body)(void *arg), void *arg);

/* A log of what happened in which order, compared as a string: "a b c". */
struct record {
    char text[512];
};
void record_add(struct record *record, const char *what);
#define assert_record(record, expected) assert_string_equal((record)->text, expected)

#endif
