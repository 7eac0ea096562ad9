/* SPDX-License-Identifier: MIT
 *
 * See listen.h. Sockets listen from the moment on when they are bound, so that whoever is
 * second on an address hears of it here; clients wait until somebody accepts them.
 */
#include "io/listen.h"

#include <errno.h>
#include <hoop/error.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "io/resolve.h"
#include "task/wait.h"

#define BACKLOG_DEFAULT 1024
/* How often a port that the system has chosen for one address is tried for the others. */
#define PORT_TRIES 16

static void set_port(hoop_address *address, uint16_t port)
{
    size_t offset = address_family(address) == AF_INET ? offsetof(struct sockaddr_in, sin_port)
                                                       : offsetof(struct sockaddr_in6, sin6_port);
    uint16_t in_network_order = htons(port);
    memcpy((char *)address->storage + offset, &in_network_order, sizeof in_network_order);
}

void sockets_done(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        sys_close(sockets->fds[i]);
    alloc_free(sockets->fds);
    *sockets = (struct sockets){0};
}

/* Room for COUNT of them; false without memory. */
static bool sockets_init(struct sockets *sockets, size_t count)
{
    *sockets = (struct sockets){.fds = alloc_array(NULL, count, sizeof *sockets->fds)};
    return sockets->fds != NULL;
}

/* ---- IP ---- */

/* An IPv6 socket leaves IPv4 to a socket of its own, so that both can have the port. */
static int set_options(int fd, int family, const hoop_server_options *options)
{
    int rc = sys_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && options->reuse_port)
        rc = sys_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && family == AF_INET6)
        rc = sys_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return rc;
}

static int start_listening(int fd, const hoop_server_options *options)
{
    return sys_listen(fd, options->backlog != 0 ? options->backlog : BACKLOG_DEFAULT);
}

/* A listening socket, or why there is none. */
static int listen_on_address(const hoop_address *address, const hoop_server_options *options)
{
    int fd = sys_socket(address_family(address), SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    int rc = set_options(fd, address_family(address), options);
    if (rc == 0)
        rc = sys_bind(fd, address);
    if (rc == 0)
        rc = start_listening(fd, options);
    if (rc == 0)
        return fd;
    sys_close(fd);
    return rc;
}

/* The family is not there, or switched off: others may do. */
static bool is_unavailable(int rc)
{
    return rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL;
}

static int tell(int rc, const hoop_address *address)
{
    char text[HOOP_ADDRESS_TEXT_SIZE];
    hoop_address_format(address, text, sizeof text);
    return (int)hoop_error_set(rc, "listening on %s", text);
}

/* The port of the last of SOCKETS; negative error. */
static int last_port(const struct sockets *sockets)
{
    hoop_address address;
    int rc = sys_local_address(sockets->fds[sockets->count - 1], &address);
    return rc < 0 ? rc : hoop_address_port(&address);
}

/* Listens on each of ADDRESSES, into SOCKETS, which has room for them. If IS_ONE_PORT, the port
 * that the first one gets is set in all. */
static int listen_on_all(struct addresses *addresses, const hoop_server_options *options,
                         bool is_one_port, struct sockets *sockets)
{
    int first_error = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        int fd = listen_on_address(&addresses->items[i], options);
        if (fd < 0 && first_error == 0)
            first_error = tell(fd, &addresses->items[i]);
        if (fd < 0 && !is_unavailable(fd))
            return fd;
        if (fd < 0)
            continue;
        sockets->fds[sockets->count++] = fd;
        int port = is_one_port && sockets->count == 1 ? last_port(sockets) : 0;
        if (port < 0)
            return wait_failed(port);
        for (size_t j = 0; port > 0 && j < addresses->count; j++)
            set_port(&addresses->items[j], (uint16_t)port);
    }
    return sockets->count > 0 ? 0 : first_error;
}

/* As listen_on_all, with new SOCKETS, which are none on failure. */
static int try_all(struct addresses *addresses, const hoop_server_options *options,
                   bool is_one_port, struct sockets *sockets)
{
    if (!sockets_init(sockets, addresses->count))
        return wait_failed(-ENOMEM);
    int rc = listen_on_all(addresses, options, is_one_port, sockets);
    if (rc < 0)
        sockets_done(sockets);
    return rc;
}

/* Port 0: one that is free at all addresses, or if that cannot be found one for each. */
static int listen_on_free_port(struct addresses *addresses, const hoop_server_options *options,
                               struct sockets *sockets)
{
    int rc = -EADDRINUSE;
    for (int i = 0; i < PORT_TRIES && rc == -EADDRINUSE; i++) {
        for (size_t j = 0; j < addresses->count; j++)
            set_port(&addresses->items[j], 0);
        rc = try_all(addresses, options, true, sockets);
    }
    if (rc != -EADDRINUSE)
        return rc;
    for (size_t j = 0; j < addresses->count; j++)
        set_port(&addresses->items[j], 0);
    return try_all(addresses, options, false, sockets);
}

int listen_on_host(const char *host, uint16_t port, const hoop_server_options *options,
                   struct sockets *ret_sockets)
{
    if (options->backlog < 0)
        return wait_failed(-EINVAL);
    struct addresses addresses;
    if (host != NULL && host[0] == '\0')
        host = NULL;
    int rc = resolve(host, port, options->family, AI_PASSIVE, &addresses);
    if (rc < 0)
        return rc;
    struct sockets sockets;
    rc = port == 0 ? listen_on_free_port(&addresses, options, &sockets)
                   : try_all(&addresses, options, false, &sockets);
    addresses_done(&addresses);
    if (rc == 0)
        *ret_sockets = sockets;
    return rc;
}

/* ---- Unix sockets ---- */

/* Does anybody listen on ADDRESS? Only a refusal says no for sure. */
static bool is_stale(const hoop_address *address)
{
    int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return false;
    int rc = sys_connect(fd, address);
    sys_close(fd);
    return rc == -ECONNREFUSED;
}

/* Binds FD, in the place of a file that nobody listens on any more. */
static int bind_file(int fd, const char *path, const hoop_address *address)
{
    int rc = sys_bind(fd, address);
    if (rc != -EADDRINUSE || path[0] == '@' || !is_stale(address))
        return rc;
    rc = sys_remove_socket_file(path);
    return rc == 0 ? sys_bind(fd, address) : -EADDRINUSE;
}

/* Notes the file at PATH, which was just made; an abstract name has none. */
static int note_file(const char *path, struct socket_file *file)
{
    if (path[0] == '@' || !sys_file_identity(path, file->identity))
        return 0;
    file->path = alloc_string(path);
    return file->path != NULL ? 0 : -ENOMEM;
}

static int listen_on_file(int fd, const char *path, const hoop_address *address,
                          const hoop_server_options *options, struct socket_file *file)
{
    int rc = bind_file(fd, path, address);
    if (rc < 0)
        return tell(rc, address);
    rc = note_file(path, file);
    if (rc < 0)
        (void)sys_remove_socket_file(path);
    if (rc == 0 && options->unix_mode != 0 && path[0] != '@')
        rc = sys_file_permissions(path, options->unix_mode); /* nobody can connect before that */
    if (rc == 0)
        rc = start_listening(fd, options);
    return rc;
}

int listen_on_unix(const char *path, const hoop_server_options *options,
                   struct sockets *ret_sockets, struct socket_file *ret_file)
{
    hoop_address address;
    int rc = path != NULL && options->backlog >= 0 ? hoop_address_unix(path, &address) : -EINVAL;
    if (rc < 0)
        return rc;
    struct sockets sockets;
    struct socket_file file = {0};
    if (!sockets_init(&sockets, 1))
        return -ENOMEM;
    rc = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (rc >= 0) {
        sockets.fds[sockets.count++] = rc;
        rc = listen_on_file(sockets.fds[0], path, &address, options, &file);
    }
    if (rc < 0) {
        sockets_done(&sockets);
        socket_file_done(&file);
        return rc;
    }
    *ret_sockets = sockets;
    *ret_file = file;
    return 0;
}

void socket_file_done(struct socket_file *file)
{
    uint64_t now[2];
    if (file->path != NULL && sys_file_identity(file->path, now) && now[0] == file->identity[0] &&
        now[1] == file->identity[1])
        (void)sys_remove_socket_file(file->path);
    alloc_free(file->path);
    *file = (struct socket_file){0};
}

/* ---- sockets from elsewhere ---- */

static int adopt(int fd)
{
    int is_listening = 0;
    int rc = sys_get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening);
    if (rc == 0 && !is_listening)
        rc = -EINVAL;
    if (rc >= 0)
        rc = sys_set_nonblocking(fd);
    return rc < 0 ? rc : sys_set_close_on_exec(fd);
}

int listen_on_fds(const int *fds, size_t count, struct sockets *ret_sockets)
{
    struct sockets sockets = {0};
    int rc = count == 0 ? -EINVAL : sockets_init(&sockets, count) ? 0 : -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (rc >= 0)
            rc = adopt(fds[i]);
        if (sockets.fds != NULL)
            sockets.fds[sockets.count++] = fds[i];
        else
            sys_close(fds[i]);
    }
    if (rc < 0)
        sockets_done(&sockets);
    else
        *ret_sockets = sockets;
    return rc < 0 ? rc : 0;
}
