// SPDX-License-Identifier: MIT

// Rows about queues and locks: a queue is a buffered channel, a lock is a sync.Mutex.
package main

import (
	"runtime"
	"sync"
	"time"
)

const (
	queueRounds   = 5000000
	queueCapacity = 1
	lockTasks     = 4
	lockRounds    = 500000
	lockPairs     = 20000000
)

func answer(there <-chan uint64, back chan<- uint64) {
	for item := range there {
		back <- item
	}
}

func ask(there chan<- uint64, back <-chan uint64, rounds uint64) {
	for i := range rounds {
		there <- i
		require(<-back == i, "an item of another round")
	}
}

func rowQueue() float64 {
	there, back := make(chan uint64, queueCapacity), make(chan uint64, queueCapacity)
	go answer(there, back)
	ask(there, back, queueRounds/10)
	start := time.Now()
	ask(there, back, queueRounds)
	return float64(time.Since(start).Nanoseconds()) / queueRounds
}

var (
	lock    sync.Mutex
	holders int
)

func lockers(rounds int) {
	var group sync.WaitGroup
	group.Add(lockTasks)
	for range lockTasks {
		go func() {
			defer group.Done()
			for range rounds {
				lock.Lock()
				holders++
				runtime.Gosched()
				holders--
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	require(holders == 0, "the lock was held twice")
}

func rowLock() float64 {
	lockers(lockRounds / 10)
	start := time.Now()
	lockers(lockRounds)
	return float64(time.Since(start).Nanoseconds()) / lockTasks / lockRounds
}

func lockAndUnlock(pairs int) {
	for range pairs {
		lock.Lock()
		holders++
		lock.Unlock()
	}
}

func rowLockUncontended() float64 {
	lockAndUnlock(lockPairs / 10)
	start := time.Now()
	lockAndUnlock(lockPairs)
	return float64(time.Since(start).Nanoseconds()) / lockPairs
}
