/* SPDX-License-Identifier: MIT
 *
 * Addresses: from text, to text, and compared. Each is also held against what the system makes
 * of it.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

static hoop_address parsed(const char *host, uint16_t port)
{
    hoop_address address;
    assert_int_equal(hoop_address_parse(host, port, &address), 0);
    return address;
}

static hoop_address unix_of(const char *path)
{
    hoop_address address;
    assert_int_equal(hoop_address_unix(path, &address), 0);
    return address;
}

#define assert_text(address, expected) \
    do { \
        char text_[HOOP_ADDRESS_TEXT_SIZE]; \
        hoop_address address_ = (address); \
        assert_string_equal(hoop_address_format(&address_, text_, sizeof text_), expected); \
    } while (0)

static void numbers_become_addresses_and_text_again(void **state)
{
    (void)state;
    assert_text(parsed("192.0.2.1", 80), "192.0.2.1:80");
    assert_text(parsed("0.0.0.0", 0), "0.0.0.0:0");
    assert_text(parsed("255.255.255.255", 65535), "255.255.255.255:65535");
    assert_text(parsed("2001:db8::1", 443), "[2001:db8::1]:443");
    assert_text(parsed("::", 1), "[::]:1");
    assert_text(parsed("::ffff:192.0.2.1", 9), "[::ffff:192.0.2.1]:9");
}

static void the_storage_is_the_systems_own_struct(void **state)
{
    (void)state;
    hoop_address address = parsed("192.0.2.1", 80);
    struct sockaddr_in ipv4;
    assert_int_equal(address.size, sizeof ipv4);
    memcpy(&ipv4, address.storage, sizeof ipv4);
    assert_int_equal(ipv4.sin_family, AF_INET);
    assert_int_equal(ntohs(ipv4.sin_port), 80);
    assert_int_equal(ntohl(ipv4.sin_addr.s_addr), 0xC0000201);

    address = parsed("::1", 81);
    struct sockaddr_in6 ipv6;
    assert_int_equal(address.size, sizeof ipv6);
    memcpy(&ipv6, address.storage, sizeof ipv6);
    assert_int_equal(ipv6.sin6_family, AF_INET6);
    assert_int_equal(ntohs(ipv6.sin6_port), 81);
    assert_memory_equal(&ipv6.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback);
    assert_int_equal(ipv6.sin6_scope_id, 0);
}

static void an_interface_is_named_or_numbered(void **state)
{
    (void)state;
    unsigned number = if_nametoindex("lo");
    if (number == 0)
        skip();
    char host[64], expected[64];
    snprintf(host, sizeof host, "fe80::1%%%u", number);
    snprintf(expected, sizeof expected, "[fe80::1%%%u]:80", number);
    assert_text(parsed(host, 80), expected);
    assert_text(parsed("fe80::1%lo", 80), expected);
    hoop_address named = parsed("fe80::1%lo", 80), numbered = parsed(host, 80);
    hoop_address bare = parsed("fe80::1", 80);
    assert_true(hoop_address_equal(&named, &numbered));
    assert_false(hoop_address_equal(&named, &bare));
}

static void what_is_no_number_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const hosts[] = {"",
                                        "localhost",
                                        "192.0.2",
                                        "192.0.2.256",
                                        "192.0.2.1 ",
                                        "192.0.2.1:80",
                                        "0x7f.0.0.1",
                                        ":::",
                                        "[::1]",
                                        "::1/128",
                                        "1::2::3",
                                        "fe80::1%",
                                        "fe80::1%nosuchinterface",
                                        "%",
                                        "%lo",
                                        "10.0.0.1%lo"};
    hoop_address address = parsed("192.0.2.1", 80), before = address;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        assert_int_equal(hoop_address_parse(hosts[i], 1, &address), -EINVAL);
    assert_int_equal(hoop_address_parse(NULL, 1, &address), -EINVAL);
    assert_memory_equal(&address, &before, sizeof address);
}

static int parse_with_interface(void *arg)
{
    (void)arg;
    hoop_address address;
    return hoop_address_parse("fe80::1%lo", 80, &address);
}

static void the_systems_failure_to_find_an_interface_is_told(void **state)
{
    (void)state;
    if (if_nametoindex("lo") == 0)
        skip();
    fail_each(HOOP_FAIL_SYSCALL, parse_with_interface, NULL);
}

static void unix_sockets_have_paths_or_abstract_names(void **state)
{
    (void)state;
    assert_text(unix_of("/run/x"), "unix:/run/x");
    assert_text(unix_of("x"), "unix:x");
    assert_text(unix_of("@name"), "unix:@name");
    hoop_address abstract = unix_of("@name");
    struct sockaddr_un raw = {0};
    assert_int_equal(abstract.size, offsetof(struct sockaddr_un, sun_path) + 5);
    memcpy(&raw, abstract.storage, abstract.size);
    assert_int_equal(raw.sun_family, AF_UNIX);
    assert_memory_equal(raw.sun_path, "\0name", 5);
}

static void the_name_of_a_unix_socket_has_a_limit(void **state)
{
    (void)state;
    char name[110], expected[HOOP_ADDRESS_TEXT_SIZE];
    memset(name, 'n', sizeof name);
    name[107] = '\0';
    snprintf(expected, sizeof expected, "unix:%s", name);
    assert_text(unix_of(name), expected);
    name[0] = '@';
    expected[5] = '@';
    assert_text(unix_of(name), expected);

    hoop_address address = unix_of("x"), before = address;
    name[107] = 'n';
    name[108] = '\0';
    assert_int_equal(hoop_address_unix(name, &address), -ENAMETOOLONG);
    assert_int_equal(hoop_address_unix("", &address), -EINVAL);
    assert_int_equal(hoop_address_unix("@", &address), -EINVAL);
    assert_int_equal(hoop_address_unix(NULL, &address), -EINVAL);
    assert_memory_equal(&address, &before, sizeof address);
}

/* What the system says FD is bound to. */
static hoop_address bound_to(int fd)
{
    hoop_address address = {.size = 0};
    socklen_t size = sizeof address.storage;
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)address.storage, &size), 0);
    address.size = size;
    return address;
}

static void assert_the_system_agrees(hoop_address address, int family)
{
    int fd = socket(family, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)address.storage, address.size), 0);
    hoop_address bound = bound_to(fd);
    assert_true(hoop_address_equal(&bound, &address) || hoop_address_port(&address) == 0);
    char ours[HOOP_ADDRESS_TEXT_SIZE], theirs[HOOP_ADDRESS_TEXT_SIZE];
    hoop_address_format(&address, ours, sizeof ours);
    hoop_address_format(&bound, theirs, sizeof theirs);
    if (family == AF_UNIX) {
        assert_string_equal(ours, theirs);
    } else {
        assert_true(hoop_address_port(&bound) != 0);
        assert_int_equal(strncmp(ours, theirs, strlen(ours) - 1), 0); /* up to port 0 */
    }
    close(fd);
}

static void the_system_binds_to_what_was_parsed(void **state)
{
    (void)state;
    char path[64];
    assert_the_system_agrees(parsed("127.0.0.1", 0), AF_INET);
    snprintf(path, sizeof path, "@hoop-address-%d", (int)getpid());
    assert_the_system_agrees(unix_of(path), AF_UNIX);
    snprintf(path, sizeof path, "/tmp/hoop-address-%d", (int)getpid());
    assert_the_system_agrees(unix_of(path), AF_UNIX);
    unlink(path);
}

static void a_unix_socket_without_a_name_and_other_families_have_a_text_too(void **state)
{
    (void)state;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_text(bound_to(fd), "unix:");
    close(fd);
    assert_text((hoop_address){.size = 0}, "?");
    hoop_address other = {.size = 16};
    const sa_family_t family = AF_PACKET;
    memcpy(other.storage, &family, sizeof family);
    assert_text(other, "?");
    assert_int_equal(hoop_address_port(&other), 0);
}

static void zeros_in_an_abstract_name_are_shown_and_count(void **state)
{
    (void)state;
    hoop_address address = unix_of("@ab"), shorter = address;
    char *name = (char *)address.storage + offsetof(struct sockaddr_un, sun_path);
    assert_memory_equal(name, "\0ab", 3);
    address.size += 1; /* "\0ab\0" is another name than "\0ab" */
    assert_text(address, "unix:@ab@");
    assert_false(hoop_address_equal(&address, &shorter));
}

static void text_is_cut_off_where_the_buffer_ends(void **state)
{
    (void)state;
    hoop_address address = parsed("192.0.2.1", 80);
    char text[8] = "xxxxxxx";
    assert_ptr_equal(hoop_address_format(&address, text, 6), text);
    assert_string_equal(text, "192.0");
    assert_int_equal(text[6], 'x');
    hoop_address_format(&address, text, 0);
    assert_string_equal(text, "192.0");
}

static void only_ip_addresses_have_ports(void **state)
{
    (void)state;
    hoop_address address = parsed("192.0.2.1", 65535);
    assert_int_equal(hoop_address_port(&address), 65535);
    address = parsed("::1", 256);
    assert_int_equal(hoop_address_port(&address), 256);
    address = unix_of("/x");
    assert_int_equal(hoop_address_port(&address), 0);
    address = (hoop_address){.size = 0};
    assert_int_equal(hoop_address_port(&address), 0);
}

static void equal_are_the_same_family_host_and_port_or_name(void **state)
{
    (void)state;
    const hoop_address all[] = {
        parsed("192.0.2.1", 80),
        parsed("192.0.2.2", 80),
        parsed("192.0.2.1", 81),
        parsed("::1", 80),
        parsed("::2", 80),
        parsed("::1", 81),
        unix_of("/x"),
        unix_of("/y"),
        unix_of("@x"),
        unix_of("/xy"),
        parsed("::ffff:192.0.2.1", 80),
        {.size = 0},
    };
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            assert_int_equal(hoop_address_equal(&all[i], &all[j]), i == j);
}

static void what_means_nothing_does_not_count_in_a_comparison(void **state)
{
    (void)state;
    hoop_address one = parsed("::1", 80), other = one;
    struct sockaddr_in6 raw;
    memcpy(&raw, other.storage, sizeof raw);
    raw.sin6_flowinfo = htonl(5);
    memcpy(other.storage, &raw, sizeof raw);
    assert_true(hoop_address_equal(&one, &other));
    one = unix_of("/x");
    other = one;
    other.size -= 1; /* without the terminator */
    assert_true(hoop_address_equal(&one, &other));
    assert_text(other, "unix:/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(numbers_become_addresses_and_text_again),
        BEHAVIOUR(the_storage_is_the_systems_own_struct),
        BEHAVIOUR(an_interface_is_named_or_numbered),
        BEHAVIOUR(what_is_no_number_is_refused_and_changes_nothing),
        BEHAVIOUR(the_systems_failure_to_find_an_interface_is_told),
        BEHAVIOUR(unix_sockets_have_paths_or_abstract_names),
        BEHAVIOUR(the_name_of_a_unix_socket_has_a_limit),
        BEHAVIOUR(the_system_binds_to_what_was_parsed),
        BEHAVIOUR(a_unix_socket_without_a_name_and_other_families_have_a_text_too),
        BEHAVIOUR(zeros_in_an_abstract_name_are_shown_and_count),
        BEHAVIOUR(text_is_cut_off_where_the_buffer_ends),
        BEHAVIOUR(only_ip_addresses_have_ports),
        BEHAVIOUR(equal_are_the_same_family_host_and_port_or_name),
        BEHAVIOUR(what_means_nothing_does_not_count_in_a_comparison),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
