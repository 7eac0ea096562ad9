/* SPDX-License-Identifier: MIT
 *
 * What is done around os.fork(), see hoop/forks.py.
 */
#ifndef FORKS_H
#define FORKS_H

#include "module.h"

/* Adds _before_fork, _after_fork and _after_fork_in_child. 0, or -1 with an exception. */
int forks_add_functions(PyObject *module);

#endif
