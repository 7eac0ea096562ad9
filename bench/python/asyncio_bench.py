#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""asyncio's side of the benchmark, to the contract in bench.h: --list prints the rows, ROW does that row once and
prints one JSON line. It has the rows about processes and files, where the system does most of the work; in the others it
would only lengthen the scale. All of it is the standard library's.
"""

import asyncio
import concurrent.futures
import ctypes
import json
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

PROCESSES = 1000
PARENT_MEMORY = 1_073_741_824
HELPER_SMALL_JOBS = 10_000
HELPER_SMALL_SIZE = 1024
HELPER_LARGE_JOBS = 10
HELPER_LARGE_SIZE = 67_108_864
FILE_SIZE = 268_435_456
FILE_READ = 4096
FILE_TASKS = 64
FILE_TASK_PAGES = 1024
FILE_CACHED_READS = 100_000
FILE_CACHED_MANY_READS = 2500
FILE_COLD_READS = 10_000
FILE_COLD_MANY_READS = 200

FILE_PAGES = FILE_SIZE // FILE_READ
WORD = 8
INVERTED = bytes(255 - byte for byte in range(256))


async def timed(work: Callable[[int, int], Awaitable[None]], rounds: int) -> float:
    """Does rounds / 10 of the work to warm up, then rounds of it: nanoseconds a round."""
    warm = rounds // 10
    await work(0, warm)
    start = time.perf_counter_ns()
    await work(warm, warm + rounds)
    return (time.perf_counter_ns() - start) / rounds


# ---- processes ---------------------------------------------------------------


async def spawn_all(first: int, end: int) -> None:
    for _ in range(first, end):
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0


async def process_small() -> float:
    return await timed(spawn_all, PROCESSES)


async def process_large() -> float:
    memory = bytearray(b"\1") * PARENT_MEMORY
    value = await process_small()
    assert memory[-1] == 1
    return value


# ---- helper processes --------------------------------------------------------


def invert(data: bytes) -> bytes:
    return data.translate(INVERTED)


def add_up(data: bytes) -> int:
    return sum(memoryview(data).cast("Q"))


async def measure_jobs(job: Callable, data: bytes, expected: bytes | int, rounds: int) -> float:
    with concurrent.futures.ProcessPoolExecutor(max_workers=1) as pool:
        loop = asyncio.get_running_loop()

        async def ask(first: int, end: int) -> None:
            for _ in range(first, end):
                assert await loop.run_in_executor(pool, job, data) == expected

        return await timed(ask, rounds)


def words(size: int) -> bytes:
    return b"".join(word.to_bytes(WORD, sys.byteorder) for word in range(size // WORD))


async def helper_1k() -> float:
    data = words(HELPER_SMALL_SIZE)
    return await measure_jobs(invert, data, bytes(255 - byte for byte in data), HELPER_SMALL_JOBS)


async def helper_64m() -> float:
    count = HELPER_LARGE_SIZE // WORD
    return await measure_jobs(add_up, words(HELPER_LARGE_SIZE), count * (count - 1) // 2, HELPER_LARGE_JOBS)


# ---- files: that of bench/files.h --------------------------------------------


def shuffled(count: int) -> list[int]:
    """As bench_shuffled() in bench.h."""
    mask, state = 2**64 - 1, 2
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        other = (z ^ (z >> 31)) % (i + 1)
        order[i], order[other] = order[other], order[i]
    return order


def page_of(number: int) -> bytes:
    word = number.to_bytes(WORD, sys.byteorder)
    return word + bytes(FILE_READ - 2 * WORD) + word


def resident(fd: int) -> int:
    """How many of its pages are in memory."""
    states = (ctypes.c_ubyte * FILE_PAGES)()
    with mmap.mmap(fd, FILE_SIZE) as mapped:
        start = ctypes.c_char.from_buffer(mapped)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mincore(ctypes.byref(start), ctypes.c_size_t(FILE_SIZE), states) == 0
        del start
    return sum(state & 1 for state in states)


def new_file(is_cold: bool) -> int:
    file = tempfile.TemporaryFile(dir=os.environ.get("TMPDIR", "/var/tmp"))
    for number in range(FILE_PAGES):
        file.write(page_of(number))
    file.flush()
    fd = os.dup(file.fileno())
    os.fsync(fd)
    if is_cold:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    assert resident(fd) == (0 if is_cold else FILE_PAGES), "the file stays in memory: set TMPDIR to a folder on a disk"
    return fd


async def measure_reads(tasks: int, reads: int, is_cold: bool) -> float:
    fd, order = new_file(is_cold), shuffled(FILE_PAGES)

    async def reader(task: int, first: int, end: int) -> None:
        for i in range(first, end):
            page = order[(task * FILE_TASK_PAGES + i) % FILE_PAGES]
            data = await asyncio.to_thread(os.pread, fd, FILE_READ, page * FILE_READ)
            assert data == page_of(page)

    async def readers(first: int, end: int) -> None:
        await asyncio.gather(*(reader(task, first, end) for task in range(tasks)))

    value = await timed(readers, reads)
    assert not is_cold or resident(fd) <= tasks * (reads + reads // 10), "pages were read that nobody asked for"
    return value / tasks


async def file_cached_1() -> float:
    return await measure_reads(1, FILE_CACHED_READS, False)


async def file_cached_64() -> float:
    return await measure_reads(FILE_TASKS, FILE_CACHED_MANY_READS, False)


async def file_cold_1() -> float:
    return await measure_reads(1, FILE_COLD_READS, True)


async def file_cold_64() -> float:
    return await measure_reads(FILE_TASKS, FILE_COLD_MANY_READS, True)


ROWS = [
    ("process_small", "ns", process_small),
    ("process_large", "ns", process_large),
    ("helper_1k", "ns", helper_1k),
    ("helper_64m", "ns", helper_64m),
    ("file_cached_1", "ns", file_cached_1),
    ("file_cached_64", "ns", file_cached_64),
    ("file_cold_1", "ns", file_cold_1),
    ("file_cold_64", "ns", file_cold_64),
]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: PROGRAM --list | PROGRAM ROW")
    for name, unit, measure in ROWS:
        if sys.argv[1] == "--list":
            print(name)
        elif sys.argv[1] == name:
            print(json.dumps({"row": name, "value": round(asyncio.run(measure()), 3), "unit": unit}))
            return
    if sys.argv[1] != "--list":
        sys.exit("no such row")


if __name__ == "__main__":
    main()
