// SPDX-License-Identifier: MIT

// Go's side of the benchmark, to the contract in bench.h: --list prints the rows, ROW does that row once and prints one
// JSON line, serve KIND serves until it is killed. The scheduler gets one processor (GOMAXPROCS=1), and two in the rows
// with other threads or processes. The garbage collector runs as it does in any program.
package main

import (
	"fmt"
	"os"
	"runtime"
)

type row struct {
	name       string
	unit       string
	processors int
	measure    func() float64
}

var rows = []row{
	{"yield", "ns", 1, rowYield},
	{"yield_100k", "ns", 1, rowYield100k},
	{"queue", "ns", 1, rowQueue},
	{"spawn", "ns", 1, rowSpawn},
	{"spawn_batch", "ns", 1, rowSpawnBatch},
	{"gather", "ns", 1, rowGather},
	{"group", "ns", 1, rowGroup},
	{"lock", "ns", 1, rowLock},
	{"lock_uncontended", "ns", 1, rowLockUncontended},
	{"timer_insert", "ns", 1, rowTimerInsert},
	{"timer_cancel", "ns", 1, rowTimerCancel},
	{"timer_fire", "ns", 1, rowTimerFire},
	{"post", "ns", 2, rowPost},
	{"executor_1", "ns", 2, rowExecutor1},
	{"executor_64", "ns", 2, rowExecutor64},
	{"process_small", "ns", 2, rowProcessSmall},
	{"process_large", "ns", 2, rowProcessLarge},
	{"helper_1k", "ns", 2, rowHelper1k},
	{"helper_64m", "ns", 2, rowHelper64m},
	{"file_cached_1", "ns", 2, rowFileCached1},
	{"file_cached_64", "ns", 2, rowFileCached64},
	{"file_cold_1", "ns", 2, rowFileCold1},
	{"file_cold_64", "ns", 2, rowFileCold64},
	{"memory_suspended", "B", 1, rowMemorySuspended},
	{"memory_unstarted", "B", 1, rowMemoryUnstarted},
}

func main() {
	require(len(os.Args) >= 2, "usage: PROGRAM --list | PROGRAM ROW | PROGRAM serve KIND ADDRESS ...")
	if os.Args[1] == "serve" {
		runtime.GOMAXPROCS(1)
		serve(os.Args[2:])
		return
	}
	if os.Args[1] == "helper" && len(os.Args) == 3 {
		helper(os.Args[2])
		return
	}
	isList := os.Args[1] == "--list"
	for _, row := range rows {
		if isList {
			fmt.Println(row.name)
		} else if row.name == os.Args[1] {
			runtime.GOMAXPROCS(row.processors)
			fmt.Printf("{\"row\":%q,\"value\":%.3f,\"unit\":%q}\n", row.name, row.measure(), row.unit)
			return
		}
	}
	require(isList, "no such row")
	for kind := range servers {
		fmt.Println("serve_" + kind)
	}
}
