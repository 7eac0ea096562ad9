/* SPDX-License-Identifier: MIT
 *
 * See resolve.h. The addresses are copied, so that a task that is destroyed while it uses them
 * leaves nothing of the resolver's behind.
 */
#include "io/resolve.h"

#include <errno.h>
#include <hoop/dns.h>
#include <hoop/error.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "task/wait.h"

/* The resolver may say the same address twice, for a name that is in two places. */
static void add(struct addresses *addresses, const struct addrinfo *info)
{
    hoop_address address = {.size = info->ai_addrlen};
    if (info->ai_addrlen > sizeof address.storage)
        return;
    memcpy(address.storage, info->ai_addr, info->ai_addrlen);
    for (size_t i = 0; i < addresses->count; i++)
        if (hoop_address_equal(&addresses->items[i], &address))
            return;
    addresses->items[addresses->count++] = address;
}

static int copy(const struct addrinfo *list, struct addresses *ret)
{
    size_t count = 0;
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next)
        count++;
    struct addresses addresses = {.items = alloc_array(NULL, count, sizeof *addresses.items)};
    if (addresses.items == NULL)
        return -ENOMEM;
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next)
        add(&addresses, info);
    if (addresses.count == 0) {
        addresses_done(&addresses);
        return HOOP_EAI_NONAME;
    }
    *ret = addresses;
    return 0;
}

int resolve(const char *host, uint16_t port, int family, int flags, struct addresses *ret)
{
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return wait_failed(-EINVAL);
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = flags | AI_NUMERICSERV,
    };
    struct addrinfo *list;
    int rc = hoop_getaddrinfo(host, service, &hints, &list);
    if (rc <= HOOP_EAI_NONAME)
        return (int)hoop_error_set(rc, "looking up %s", host != NULL ? host : "our addresses");
    if (rc < 0)
        return rc;
    rc = copy(list, ret);
    freeaddrinfo(list);
    return rc < 0 ? wait_failed(rc) : 0;
}

void addresses_done(struct addresses *addresses)
{
    alloc_free(addresses->items);
    *addresses = (struct addresses){0};
}
