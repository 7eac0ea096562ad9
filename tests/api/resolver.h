/* SPDX-License-Identifier: MIT
 *
 * A resolver that tests have in their hand: it stands in the program in place of the
 * platform's. Questions that numbers answer go to that one. Of the others it counts how many there
 * were, and how many are under way; what it gives is 192.0.2.7, or for a host named
 *
 *     "hangs..."     the same, once the test opens the gate
 *     "fails:CODE"   the EAI_ code
 *     "errno:NUMBER" EAI_SYSTEM
 *
 * It knows one service: "http". Names of addresses are "host.example" and "http"; the address
 * 192.0.2.8 hangs, and 192.0.2.9 has none.
 */
#ifndef TESTS_API_RESOLVER_H
#define TESTS_API_RESOLVER_H

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"

static struct resolver {
    struct gate gate;
    atomic_int asked;      /* questions to a thread */
    atomic_int answered;   /* of these */
    atomic_int live;       /* results that are not freed */
    atomic_int thread;     /* which was asked last */
    struct addrinfo hints; /* of the last question to a thread */
} resolver;

static pthread_mutex_t resolver_lock = PTHREAD_MUTEX_INITIALIZER; /* over the hints */

static inline void resolver_init(void)
{
    resolver = (struct resolver){.asked = 0};
    gate_init(&resolver.gate, 0);
}

static inline void resolver_done(void)
{
    assert_int_equal(resolver.live, 0);
    gate_done(&resolver.gate);
}

/* The platform's function, whose place it takes. */
#define PLATFORMS(name) __extension__({ (__typeof__(&(name)))dlsym(RTLD_NEXT, #name); })

static int look_up_number(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **ret_addresses)
{
    int code = PLATFORMS(getaddrinfo)(host, service, hints, ret_addresses);
    if (code == 0)
        atomic_fetch_add(&resolver.live, 1);
    return code;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int look_up(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **ret_addresses)
{
    struct addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    if (begins_with(host, "hangs"))
        pass_gate(&resolver.gate);
    if (begins_with(host, "fails:"))
        return atoi(host + strlen("fails:"));
    if (begins_with(host, "errno:")) {
        errno = atoi(host + strlen("errno:"));
        return EAI_SYSTEM;
    }
    if (service != NULL && strcmp(service, "http") == 0)
        service = "80";
    else if (service != NULL && strspn(service, "0123456789") != strlen(service))
        return EAI_SERVICE;
    const char *found = strspn(host, "0123456789.") == strlen(host) ? host : "192.0.2.7";
    return look_up_number(found, service, &numeric, ret_addresses);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_addresses)
{
    if (host == NULL || (hints->ai_flags & AI_NUMERICHOST) != 0)
        return look_up_number(host, service, hints, ret_addresses);
    atomic_fetch_add(&resolver.asked, 1);
    resolver.thread = gettid();
    pthread_mutex_lock(&resolver_lock);
    resolver.hints = *hints;
    pthread_mutex_unlock(&resolver_lock);
    int code = look_up(host, service, hints, ret_addresses);
    atomic_fetch_add(&resolver.answered, 1);
    return code;
}

void freeaddrinfo(struct addrinfo *addresses)
{
    atomic_fetch_sub(&resolver.live, 1);
    PLATFORMS(freeaddrinfo)(addresses);
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict host,
                socklen_t host_size, char *restrict service, socklen_t service_size, int flags)
{
    bool is_numeric = (host == NULL || (flags & NI_NUMERICHOST) != 0) &&
                      (service == NULL || (flags & NI_NUMERICSERV) != 0);
    if (is_numeric || address->sa_family != AF_INET)
        return PLATFORMS(getnameinfo)(address, size, host, host_size, service, service_size, flags);
    struct sockaddr_in raw;
    memcpy(&raw, address, sizeof raw);
    atomic_fetch_add(&resolver.asked, 1);
    resolver.thread = gettid();
    if (ntohl(raw.sin_addr.s_addr) == 0xC0000208)
        pass_gate(&resolver.gate);
    bool has_name = ntohl(raw.sin_addr.s_addr) != 0xC0000209;
    if (has_name && host != NULL)
        snprintf(host, host_size, "host.example");
    if (has_name && service != NULL)
        snprintf(service, service_size, "http");
    atomic_fetch_add(&resolver.answered, 1);
    return has_name ? 0 : EAI_NONAME;
}

/* Until all that was asked is answered, and what was found is gone. */
static inline void resolver_settle(void)
{
    for (int i = 0; i < 5000; i++) {
        if (resolver.answered == resolver.asked && resolver.live == 0)
            return;
        usleep(1000);
        if (hoop_running_loop() != NULL)
            assert_int_equal(hoop_sleep(0), 0); /* for what comes back from the thread */
    }
    fail();
}

/* What was found as text, and freed; "" if RC is an error. */
static inline const char *found_text(int rc, struct addrinfo *addresses)
{
    static char text[HOOP_ADDRESS_TEXT_SIZE];
    text[0] = '\0';
    if (rc < 0)
        return text;
    hoop_address address = {.size = addresses->ai_addrlen};
    memcpy(address.storage, addresses->ai_addr, addresses->ai_addrlen);
    freeaddrinfo(addresses);
    hoop_address_format(&address, text, sizeof text);
    return text;
}

/* A coroutine: looks the host ARG up, with port 80, for whether it is 192.0.2.7. */
static int64_t look_up_host(void *arg)
{
    struct addrinfo *found = NULL;
    int rc = hoop_getaddrinfo(arg, "80", NULL, &found);
    if (rc == 0)
        assert_string_equal(found_text(rc, found), "192.0.2.7:80");
    else
        assert_null(found);
    return rc;
}

#endif
