/* SPDX-License-Identifier: MIT
 *
 * The processor time of a process is the sum over its threads: a runtime may have several. The
 * scheduler's own figure, in nanoseconds, is the first number in each thread's schedstat.
 */
#include <dirent.h>
#include <limits.h>

#include "load.h"

static int64_t thread_cpu_ns(pid_t server, const char *thread)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)server, thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0; /* it has just ended */
    long long ns = 0;
    bench_require(fscanf(file, "%lld", &ns) == 1, "cannot read the server's schedstat");
    fclose(file);
    return ns;
}

static int64_t process_cpu_ns(pid_t server)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)server);
    DIR *folder = opendir(path);
    bench_require(folder != NULL, "the server is gone");
    int64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            sum += thread_cpu_ns(server, entry->d_name);
    closedir(folder);
    return sum;
}

void meter_start(struct meter *meter, const struct load_options *options)
{
    *meter = (struct meter){
        .server = options->server,
        .warm_until = bench_now() + (int64_t)(options->warm * 1e9),
        .measure_ns = (int64_t)(options->seconds * 1e9),
    };
}

int meter_goes_on(struct meter *meter, uint64_t count)
{
    int64_t now = bench_now();
    if (meter->warm_until != 0) {
        if (now < meter->warm_until)
            return 1;
        meter->warm_until = 0;
        meter->cpu = process_cpu_ns(meter->server);
        meter->time = bench_now();
        meter->until = meter->time + meter->measure_ns;
        meter->count = count;
        return 1;
    }
    if (now < meter->until)
        return 1;
    meter->cpu = process_cpu_ns(meter->server) - meter->cpu;
    meter->time = bench_now() - meter->time;
    meter->count = count - meter->count;
    return 0;
}

void meter_print(const struct meter *meter, uint64_t lost)
{
    bench_require(meter->count > 0, "the server answered nothing");
    printf("{\"value\":%.3f,\"unit\":\"ns\",\"rate\":%.1f,\"busy\":%.3f,\"lost\":%llu}\n",
           (double)meter->cpu / (double)meter->count,
           (double)meter->count * 1e9 / (double)meter->time,
           (double)meter->cpu / (double)meter->time, (unsigned long long)lost);
}
