// SPDX-License-Identifier: MIT

// Rows about functions that block. Go has no executor, as its scheduler finds another thread when a goroutine blocks in
// a system call. So that the function really runs in another thread, here are goroutines that are locked to threads and
// take their work from a channel. With GOMAXPROCS=2 one of them and the callers can run at the same time.
package main

import (
	"runtime"
	"sync"
	"time"
)

const (
	executorThreads   = 4
	executorCalls     = 50000
	executorManyTasks = 64
	executorManyCalls = 10000
)

type work struct {
	function func() int
	result   chan<- int
}

func startThreads() chan<- work {
	queue := make(chan work, executorManyTasks)
	for range executorThreads {
		go func() {
			runtime.LockOSThread()
			for work := range queue {
				work.result <- work.function()
			}
		}()
	}
	return queue
}

//go:noinline
func returnOne() int { return 1 }

func callInThread(queue chan<- work, calls int) {
	result := make(chan int, 1)
	sum := 0
	for range calls {
		queue <- work{returnOne, result}
		sum += <-result
	}
	require(sum == calls, "a call failed")
}

func callers(queue chan<- work, tasks int, calls int) {
	var group sync.WaitGroup
	group.Add(tasks)
	for range tasks {
		go func() {
			callInThread(queue, calls)
			group.Done()
		}()
	}
	group.Wait()
}

func rowExecutor1() float64 {
	queue := startThreads()
	callers(queue, 1, executorCalls/10)
	start := time.Now()
	callers(queue, 1, executorCalls)
	return float64(time.Since(start).Nanoseconds()) / executorCalls
}

func rowExecutor64() float64 {
	queue := startThreads()
	callers(queue, executorManyTasks, executorManyCalls/10)
	start := time.Now()
	callers(queue, executorManyTasks, executorManyCalls)
	return float64(time.Since(start).Nanoseconds()) / executorManyTasks / executorManyCalls
}
