/* SPDX-License-Identifier: MIT
 *
 * GIVEN is a callback, which compiles, or a coroutine, which must not.
 */
#include "given.h"

void use(hoop_loop *loop);
void use(hoop_loop *loop)
{
    (void)hoop_add_signal_handler(loop, 1, GIVEN, NULL);
}
