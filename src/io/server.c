/* SPDX-License-Identifier: MIT
 *
 * Servers.
 */
#include "io/stream.h"

void client_lost_stream(struct client *client)
{
    (void)client;
}
