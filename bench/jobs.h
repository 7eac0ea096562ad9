/* SPDX-License-Identifier: MIT
 *
 * What the helper processes of the rows helper_* do, for the programs in C. Go, Rust and Python
 * repeat this.
 */
#ifndef BENCH_JOBS_H
#define BENCH_JOBS_H

#include <stdbool.h>

#include "bench.h"

/* The input of both jobs: words that count up from 0. SIZE is in bytes. */
static inline void bench_words_fill(uint64_t *words, size_t size)
{
    for (size_t i = 0; i < size / sizeof *words; i++)
        words[i] = i;
}

static inline uint64_t bench_words_sum(size_t size)
{
    uint64_t count = size / sizeof(uint64_t);
    return count * (count - 1) / 2;
}

/* The job of helper_64m. */
static inline uint64_t bench_sum(const uint64_t *words, size_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < size / sizeof *words; i++)
        sum += words[i];
    return sum;
}

/* The job of helper_1k: each byte's bits are turned over. */
static inline void bench_invert(const void *input, void *output, size_t size)
{
    const unsigned char *from = input;
    unsigned char *to = output;
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)~from[i];
}

static inline bool bench_is_inverted(const void *input, const void *output, size_t size)
{
    const unsigned char *one = input, *other = output;
    unsigned char differing = 0xff;
    for (size_t i = 0; i < size; i++)
        differing &= one[i] ^ other[i];
    return differing == 0xff;
}

#endif
