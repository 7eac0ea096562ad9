# SPDX-License-Identifier: MIT
"""What types of the extension derive from, where that is more than one class of asyncio's."""

import asyncio

# asyncio's own is a Transport as well; programs look.
DATAGRAM_TRANSPORT = (asyncio.Transport, asyncio.DatagramTransport)
