/* SPDX-License-Identifier: MIT
 *
 * The talking side: a few processes, each with connections from an address of its own, so that
 * neither ports nor descriptors run out. Each goes round its connections, says something on
 * one, waits for the answer, and sleeps a little, such that a round takes HOLD_SECONDS.
 */
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "hold.h"

static int gate[2]; /* a pipe: a byte for each process lets it begin */
static int talkers;

static int connect_from(uint32_t source, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_require(fd >= 0, "no socket");
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bench_require(bind(fd, (struct sockaddr *)&from, sizeof from) == 0, "cannot bind");
    bench_require(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "cannot connect");
    return fd;
}

static void say(int fd, int number)
{
    char message[HOLD_MESSAGE] = {0}, answer[HOLD_MESSAGE];
    memcpy(message, &number, sizeof number);
    bench_require(send(fd, message, sizeof message, MSG_NOSIGNAL) == sizeof message &&
                      recv(fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer &&
                      memcmp(message, answer, sizeof answer) == 0,
                  "a connection was not answered");
}

_Noreturn static void talk(uint32_t source, uint16_t port, int count)
{
    char byte;
    bench_require(read(gate[0], &byte, 1) == 1, "the gate is broken");
    int *fds = bench_calloc((size_t)count, sizeof *fds);
    for (int i = 0; i < count; i++)
        fds[i] = connect_from(source, port);
    int64_t due = bench_now();
    for (int turn = 0;; turn++) {
        say(fds[turn % count], turn);
        due += HOLD_SECONDS * INT64_C(1000000000) / count;
        int64_t early = due - bench_now();
        if (early > 0)
            bench_block(early);
    }
}

void talk_start(uint16_t port, int count)
{
    pid_t parent = getpid();
    bench_require(pipe(gate) == 0, "no pipe");
    for (; count > 0; talkers++) {
        int part = count < HOLD_TALKER_CONNECTIONS ? count : HOLD_TALKER_CONNECTIONS;
        count -= part;
        pid_t child = fork();
        bench_require(child >= 0, "cannot fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == parent)
                talk(INADDR_LOOPBACK + 1 + (uint32_t)talkers, port, part);
            _exit(1);
        }
    }
}

void talk_begin(void)
{
    for (int i = 0; i < talkers; i++)
        bench_require(write(gate[1], "", 1) == 1, "the gate is broken");
}

void talk_check(void)
{
    bench_require(waitpid(-1, NULL, WNOHANG) == 0, "a talking process has ended");
}
