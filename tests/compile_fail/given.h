/* SPDX-License-Identifier: MIT
 *
 * What the programs here are given: -DGIVEN=callback or -DGIVEN=coroutine.
 */
#ifndef COMPILE_FAIL_GIVEN_H
#define COMPILE_FAIL_GIVEN_H

#include <hoop.h>

void callback(void *arg);
int64_t coroutine(void *arg);

#endif
