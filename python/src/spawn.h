/* SPDX-License-Identifier: MIT
 *
 * Coroutines of libhoop that Python awaits: what hoop/python.h offers to extension modules.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include "loop.h"

extern PyType_Spec spawned_spec;

/* Makes the loop known to the core's own, so that it is found again as the running one. */
void spawn_init(loop_object *loop);
int spawn_traverse(loop_object *loop, visitproc visit, void *arg);
/* The core is closed: coroutines that had not ended were destroyed, and are converted as such. */
void spawn_clear(loop_object *loop);

#endif
