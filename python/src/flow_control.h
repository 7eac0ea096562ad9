/* SPDX-License-Identifier: MIT
 *
 * Flow control of what a transport writes, as asyncio's: the protocol's pause_writing is called when
 * more than so many bytes wait, resume_writing when few enough do: the limits of that.
 */
#ifndef FLOW_CONTROL_H
#define FLOW_CONTROL_H

#include <stdbool.h>

#include "loop.h"

struct flow_control {
    size_t high, low; /* limits, in bytes */
    bool is_paused;   /* pause_writing was called last */
};

void flow_control_init(struct flow_control *flow);
/* set_write_buffer_limits(high=None, low=None). 0, or -1 with an exception. */
int flow_control_set(struct flow_control *flow, PyObject *args, PyObject *keywords);
/* (low, high) */
PyObject *flow_control_get(const struct flow_control *flow);

#endif
