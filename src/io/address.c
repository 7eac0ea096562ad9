/* SPDX-License-Identifier: MIT
 *
 * Addresses of sockets. What lies in a hoop_address's storage is copied out and in, never
 * looked at through a pointer of another type; bytes that an address does not use are zero.
 */
#include <hoop/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <hoop/error.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/sys_socket.h"

#define UNIX_PATH_START offsetof(struct sockaddr_un, sun_path)

_Static_assert(sizeof(((hoop_address *)0)->storage) == sizeof(struct sockaddr_storage),
               "an address of any family fits");

/* ---- in and out of the storage ---- */

static void address_put(hoop_address *address, const void *raw, size_t size)
{
    *address = (hoop_address){.size = (uint32_t)size};
    memcpy(address->storage, raw, size);
}

static sa_family_t address_family(const hoop_address *address)
{
    sa_family_t family;
    if (address->size < sizeof family)
        return AF_UNSPEC;
    memcpy(&family, address->storage, sizeof family);
    return family;
}

static struct sockaddr_in address_ipv4(const hoop_address *address)
{
    struct sockaddr_in raw;
    memcpy(&raw, address->storage, sizeof raw);
    return raw;
}

static struct sockaddr_in6 address_ipv6(const hoop_address *address)
{
    struct sockaddr_in6 raw;
    memcpy(&raw, address->storage, sizeof raw);
    return raw;
}

/* Where a Unix socket's name begins. */
static const char *unix_name(const hoop_address *address)
{
    return (const char *)address->storage + UNIX_PATH_START;
}

/* Its length: of an abstract name, which begins with a zero, all bytes that the address has; of
 * a path those before its terminator, which the system may count or not. */
static size_t unix_name_length(const hoop_address *address)
{
    size_t room = address->size > UNIX_PATH_START ? address->size - UNIX_PATH_START : 0;
    const char *name = unix_name(address);
    return room > 0 && name[0] == '\0' ? room : strnlen(name, room);
}

/* ---- made from text ---- */

/* With an interface, which the resolver knows the numbers of. */
static int parse_scoped(const char *host, uint16_t port, hoop_address *ret_address)
{
    struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST, .ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    int rc = sys_look_up(host, NULL, &hints, &found);
    if (rc < 0)
        return rc <= HOOP_EAI_NONAME ? -EINVAL : rc;
    struct sockaddr_in6 raw;
    memcpy(&raw, found->ai_addr, sizeof raw);
    freeaddrinfo(found);
    raw.sin6_port = htons(port);
    address_put(ret_address, &raw, sizeof raw);
    return 0;
}

int hoop_address_parse(const char *host, uint16_t port, hoop_address *ret_address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (host == NULL)
        return -EINVAL;
    if (strchr(host, '%') != NULL)
        return parse_scoped(host, port, ret_address);
    if (inet_pton(AF_INET, host, &ipv4.sin_addr) == 1)
        address_put(ret_address, &ipv4, sizeof ipv4);
    else if (inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1)
        address_put(ret_address, &ipv6, sizeof ipv6);
    else
        return -EINVAL;
    return 0;
}

int hoop_address_unix(const char *path, hoop_address *ret_address)
{
    struct sockaddr_un raw = {.sun_family = AF_UNIX};
    size_t length = path != NULL ? strlen(path) : 0;
    bool is_abstract = length > 0 && path[0] == '@';
    if (length <= (is_abstract ? 1 : 0))
        return -EINVAL;
    if (length >= sizeof raw.sun_path)
        return -ENAMETOOLONG;
    memcpy(raw.sun_path, path, length);
    if (is_abstract)
        raw.sun_path[0] = '\0';
    address_put(ret_address, &raw, UNIX_PATH_START + length + (is_abstract ? 0 : 1));
    return 0;
}

/* ---- made into text ---- */

static void format_ipv4(const hoop_address *address, char *buffer, size_t size)
{
    struct sockaddr_in raw = address_ipv4(address);
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &raw.sin_addr, host, sizeof host);
    snprintf(buffer, size, "%s:%u", host, ntohs(raw.sin_port));
}

static void format_ipv6(const hoop_address *address, char *buffer, size_t size)
{
    struct sockaddr_in6 raw = address_ipv6(address);
    char host[INET6_ADDRSTRLEN], interface[16] = "";
    inet_ntop(AF_INET6, &raw.sin6_addr, host, sizeof host);
    if (raw.sin6_scope_id != 0)
        snprintf(interface, sizeof interface, "%%%u", raw.sin6_scope_id);
    snprintf(buffer, size, "[%s%s]:%u", host, interface, ntohs(raw.sin6_port));
}

static void format_unix(const hoop_address *address, char *buffer, size_t size)
{
    char name[sizeof address->storage];
    size_t length = unix_name_length(address);
    memcpy(name, unix_name(address), length);
    for (size_t i = 0; i < length; i++) /* abstract names may have zeros anywhere */
        if (name[i] == '\0')
            name[i] = '@';
    snprintf(buffer, size, "unix:%.*s", (int)length, name);
}

const char *hoop_address_format(const hoop_address *address, char *buffer, size_t size)
{
    switch (address_family(address)) {
    case AF_INET:
        format_ipv4(address, buffer, size);
        break;
    case AF_INET6:
        format_ipv6(address, buffer, size);
        break;
    case AF_UNIX:
        format_unix(address, buffer, size);
        break;
    default:
        snprintf(buffer, size, "?");
    }
    return buffer;
}

/* ---- questions ---- */

uint16_t hoop_address_port(const hoop_address *address)
{
    switch (address_family(address)) {
    case AF_INET:
        return ntohs(address_ipv4(address).sin_port);
    case AF_INET6:
        return ntohs(address_ipv6(address).sin6_port);
    default:
        return 0;
    }
}

static bool is_same_ipv4(const hoop_address *one, const hoop_address *other)
{
    struct sockaddr_in a = address_ipv4(one), b = address_ipv4(other);
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
}

static bool is_same_ipv6(const hoop_address *one, const hoop_address *other)
{
    struct sockaddr_in6 a = address_ipv6(one), b = address_ipv6(other);
    return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
           memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

static bool is_same_unix(const hoop_address *one, const hoop_address *other)
{
    size_t length = unix_name_length(one);
    return length == unix_name_length(other) &&
           memcmp(unix_name(one), unix_name(other), length) == 0;
}

bool hoop_address_equal(const hoop_address *one, const hoop_address *other)
{
    sa_family_t family = address_family(one);
    if (family != address_family(other))
        return false;
    switch (family) {
    case AF_INET:
        return is_same_ipv4(one, other);
    case AF_INET6:
        return is_same_ipv6(one, other);
    case AF_UNIX:
        return is_same_unix(one, other);
    default:
        return one->size == other->size && memcmp(one->storage, other->storage, one->size) == 0;
    }
}
