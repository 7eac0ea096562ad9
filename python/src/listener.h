/* SPDX-License-Identifier: MIT
 *
 * Accepting connections: a listening socket of a server, and the function that gets each new one.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "module.h"

extern PyType_Spec listener_spec;

#endif
