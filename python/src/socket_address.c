/* SPDX-License-Identifier: MIT
 *
 * Addresses of the internet between Python and the system.
 */
#include "socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

bool socket_address_is_known(int family)
{
    return family == AF_INET || family == AF_INET6;
}

/* Item INDEX, a number up to MOST; FALLBACK where the tuple ends before. */
static bool parse_number(PyObject *address, Py_ssize_t index, unsigned long most,
                         unsigned long fallback, unsigned long *ret_number)
{
    *ret_number = fallback;
    if (index >= PyTuple_GET_SIZE(address))
        return true;
    PyObject *item = PyTuple_GET_ITEM(address, index); // borrowed
    if (!PyLong_CheckExact(item))
        return false;
    int overflow;
    long number = PyLong_AsLongAndOverflow(item, &overflow);
    if (overflow != 0 || number < 0 || (unsigned long)number > most)
        return false;
    *ret_number = (unsigned long)number;
    return true;
}

static bool parse_ipv4(PyObject *address, const char *host, struct sockaddr_in *ret_address)
{
    unsigned long port;
    if (PyTuple_GET_SIZE(address) != 2 || !parse_number(address, 1, 65535, 0, &port))
        return false;
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &ret_address->sin_addr) == 1;
}

static bool parse_ipv6(PyObject *address, const char *host, struct sockaddr_in6 *ret_address)
{
    unsigned long port, flow, scope;
    if (PyTuple_GET_SIZE(address) > 4 || !parse_number(address, 1, 65535, 0, &port) ||
        !parse_number(address, 2, 0xfffff, 0, &flow) ||
        !parse_number(address, 3, UINT32_MAX, 0, &scope))
        return false;
    *ret_address = (struct sockaddr_in6){
        .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_flowinfo = htonl((uint32_t)flow),
        .sin6_scope_id = (uint32_t)scope,
    };
    return inet_pton(AF_INET6, host, &ret_address->sin6_addr) == 1;
}

bool socket_address_parse(int family, PyObject *address, struct sockaddr_storage *ret_address,
                          socklen_t *ret_len)
{
    if (!socket_address_is_known(family) || !PyTuple_CheckExact(address) ||
        PyTuple_GET_SIZE(address) < 2 || !PyUnicode_Check(PyTuple_GET_ITEM(address, 0)))
        return false;
    Py_ssize_t len;
    const char *host = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(address, 0), &len);
    if (host == NULL) {
        PyErr_Clear();
        return false;
    }
    if ((size_t)len != strlen(host))
        return false;
    if (family == AF_INET) {
        *ret_len = sizeof(struct sockaddr_in);
        return parse_ipv4(address, host, (struct sockaddr_in *)(void *)ret_address);
    }
    *ret_len = sizeof(struct sockaddr_in6);
    return parse_ipv6(address, host, (struct sockaddr_in6 *)(void *)ret_address);
}

static PyObject *build_ipv4(const struct sockaddr_in *address)
{
    char host[INET_ADDRSTRLEN];
    if (inet_ntop(AF_INET, &address->sin_addr, host, sizeof host) == NULL)
        return PyErr_SetFromErrno(PyExc_OSError);
    return Py_BuildValue("si", host, (int)ntohs(address->sin_port));
}

static PyObject *build_ipv6(const struct sockaddr_in6 *address)
{
    char host[INET6_ADDRSTRLEN];
    if (inet_ntop(AF_INET6, &address->sin6_addr, host, sizeof host) == NULL)
        return PyErr_SetFromErrno(PyExc_OSError);
    return Py_BuildValue("siII", host, (int)ntohs(address->sin6_port),
                         (unsigned)ntohl(address->sin6_flowinfo), (unsigned)address->sin6_scope_id);
}

PyObject *socket_address_build(const struct sockaddr_storage *address, socklen_t len)
{
    if (len == 0)
        Py_RETURN_NONE;
    if (address->ss_family == AF_INET)
        return build_ipv4((const struct sockaddr_in *)(const void *)address);
    return build_ipv6((const struct sockaddr_in6 *)(const void *)address);
}
