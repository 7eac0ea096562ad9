/* SPDX-License-Identifier: MIT
 *
 * The load generator's command line.
 *
 *     load MODE ADDRESS PID [NAME=VALUE ...]
 *
 * MODE is echo, sink, udp, accept or http. The names are those of struct load_options, and cpu, the
 * processor to keep to (the last one). Prints one line:
 *
 *     {"value":3512.4,"unit":"ns","rate":245000.0,"busy":0.98,"lost":0}
 *
 * value: the processor time of process PID for an operation; rate: operations a second; busy:
 * the part of the time that the process ran.
 */
#include "load.h"

static int is_word(const char *word, const char *other)
{
    return strcmp(word, other) == 0;
}

static void option_set(struct load_options *options, size_t *cpu, char *word)
{
    char *value = strchr(word, '=');
    bench_require(value != NULL, "options are NAME=VALUE");
    *value++ = '\0';
    if (is_word(word, "connections"))
        options->connections = atoi(value);
    else if (is_word(word, "size"))
        options->size = (size_t)atol(value);
    else if (is_word(word, "lines"))
        options->lines = atoi(value);
    else if (is_word(word, "window"))
        options->window = atoi(value);
    else if (is_word(word, "warm"))
        options->warm = atof(value);
    else if (is_word(word, "seconds"))
        options->seconds = atof(value);
    else if (is_word(word, "cpu"))
        *cpu = (size_t)atol(value);
    else
        bench_fail("no such option");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct load_options *options);
    } modes[] = {
        {"echo", load_echo},     {"sink", load_sink}, {"udp", load_udp},
        {"accept", load_accept}, {"http", load_http},
    };

    bench_require(argc >= 4, "usage: load MODE ADDRESS PID [NAME=VALUE ...]");
    struct load_options options = {
        .address = argv[2],
        .server = (pid_t)atoi(argv[3]),
        .connections = 1,
        .size = 1024,
        .lines = 1,
        .window = 1,
        .warm = 0.4,
        .seconds = 1.8,
    };
    size_t cpu = (size_t)sysconf(_SC_NPROCESSORS_ONLN) - 1;
    for (int i = 4; i < argc; i++)
        option_set(&options, &cpu, argv[i]);
    bench_pin(cpu);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (is_word(modes[i].name, argv[1])) {
            modes[i].run(&options);
            return 0;
        }
    }
    bench_fail("no such mode");
}
