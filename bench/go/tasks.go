// SPDX-License-Identifier: MIT

// Rows about tasks: here a task is a goroutine, and to await one is to receive from a channel or to wait for a group.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	yieldTasks      = 1000
	yieldRounds     = 20000
	yieldManyTasks  = 100000
	yieldManyRounds = 50
	spawns          = 5000000
	spawnBatch      = 1000
	memoryTasks     = 1000000
	memoryLocals    = 200
)

//go:noinline
func level1(x uint64) uint64 { return level2(x+1) + x }

//go:noinline
func level2(x uint64) uint64 { return level3(x+1) + x }

//go:noinline
func level3(x uint64) uint64 { return level4(x+1) + x }

//go:noinline
func level4(x uint64) uint64 {
	runtime.Gosched()
	return x + 1
}

// The clock starts when the first task has done its tenth of rounds for warming up, and stops when the last task ends.
func yields(tasks int, rounds int) float64 {
	var started, ended atomic.Int64
	var start time.Time
	var elapsed time.Duration
	done := make(chan bool)
	for range tasks {
		go func() {
			x := uint64(0)
			for range rounds / 10 {
				x = level1(x)
			}
			if started.Add(1) == 1 {
				start = time.Now()
			}
			for range rounds {
				x = level1(x)
			}
			if ended.Add(1) == int64(tasks) {
				elapsed = time.Since(start)
				done <- true
			}
			runtime.KeepAlive(x)
		}()
	}
	<-done
	return float64(elapsed.Nanoseconds()) / float64(tasks) / float64(rounds)
}

func rowYield() float64     { return yields(yieldTasks, yieldRounds) }
func rowYield100k() float64 { return yields(yieldManyTasks, yieldManyRounds) }

var result = make(chan int)

func returnAtOnce() { result <- 1 }

func spawnOneByOne(count int) {
	for range count {
		go returnAtOnce()
		<-result
	}
}

func rowSpawn() float64 {
	spawnOneByOne(spawns / 10)
	start := time.Now()
	spawnOneByOne(spawns)
	return float64(time.Since(start).Nanoseconds()) / spawns
}

var group sync.WaitGroup

func leaveGroup() { group.Done() }

func spawnBatches(batches int) {
	for range batches {
		group.Add(spawnBatch)
		for range spawnBatch {
			go leaveGroup()
		}
		group.Wait()
	}
}

func rowSpawnBatch() float64 {
	spawnBatches(spawns / spawnBatch / 10)
	start := time.Now()
	spawnBatches(spawns / spawnBatch)
	return float64(time.Since(start).Nanoseconds()) / spawns
}

var sleeping atomic.Int64

//go:noinline
func touch(locals *[memoryLocals]byte) {
	for i := range locals {
		locals[i]++
	}
}

func sleeper() {
	var locals [memoryLocals]byte
	touch(&locals)
	sleeping.Add(1)
	time.Sleep(time.Hour)
	touch(&locals)
}

func spawnSleepers() (before int64) {
	before = residentBytes()
	for range memoryTasks {
		go sleeper()
	}
	return before
}

func rowMemorySuspended() float64 {
	before := spawnSleepers()
	for sleeping.Load() < memoryTasks {
		runtime.Gosched()
	}
	return float64(residentBytes()-before) / memoryTasks
}

// Go may preempt the goroutine that creates the others, so some of them have begun: it makes no difference, a goroutine
// has its stack from the start.
func rowMemoryUnstarted() float64 {
	before := spawnSleepers()
	return float64(residentBytes()-before) / memoryTasks
}
