/* SPDX-License-Identifier: MIT
 *
 * hoop: asyncio in C. This header is everything that a program needs; hoop/embed.h
 * (for bindings) and hoop/testing.h (for tests) are apart.
 */
#ifndef HOOP_H
#define HOOP_H

#include "hoop/types.h"

#include "hoop/address.h"
#include "hoop/barrier.h"
#include "hoop/condition.h"
#include "hoop/context.h"
#include "hoop/datagram.h"
#include "hoop/dns.h"
#include "hoop/error.h"
#include "hoop/event.h"
#include "hoop/executor.h"
#include "hoop/file.h"
#include "hoop/file_watch.h"
#include "hoop/future.h"
#include "hoop/gather.h"
#include "hoop/group.h"
#include "hoop/lock.h"
#include "hoop/loop.h"
#include "hoop/path.h"
#include "hoop/process.h"
#include "hoop/process_pool.h"
#include "hoop/protocol.h"
#include "hoop/queue.h"
#include "hoop/runner.h"
#include "hoop/semaphore.h"
#include "hoop/server.h"
#include "hoop/signal.h"
#include "hoop/socket.h"
#include "hoop/stream.h"
#include "hoop/task.h"
#include "hoop/threads.h"
#include "hoop/threadsafe.h"
#include "hoop/timeout.h"
#include "hoop/tls.h"
#include "hoop/watchdog.h"

#endif
