// SPDX-License-Identifier: MIT

// Rows about timers: time.AfterFunc allocates one, Stop leaves it in the runtime's heap until the scheduler sweeps it,
// and a timer that fires starts a goroutine for its function.
package main

import (
	"sync/atomic"
	"syscall"
	"time"
)

const (
	timers      = 1000000
	timerRounds = 4
	timerMin    = time.Hour
	timerRange  = time.Hour
	fireTimers  = 100000
	fireRounds  = 5
	fireMin     = 200 * time.Millisecond
	fireRange   = 50 * time.Millisecond
	fireBlock   = 260 * time.Millisecond
)

// churn arms and cancels all timers a few times; the sums leave out the first round.
func churn() (insert, cancel time.Duration) {
	delays := delays(timers, timerMin, timerRange)
	order := shuffled(timers)
	live := make([]*time.Timer, timers)
	for round := 0; round <= timerRounds; round++ {
		start := time.Now()
		for i, delay := range delays {
			live[i] = time.AfterFunc(delay, func() {})
		}
		armed := time.Now()
		for _, i := range order {
			live[i].Stop()
		}
		end := time.Now()
		if round > 0 {
			insert += armed.Sub(start)
			cancel += end.Sub(armed)
		}
	}
	return insert, cancel
}

func rowTimerInsert() float64 {
	insert, _ := churn()
	return float64(insert.Nanoseconds()) / timerRounds / timers
}

func rowTimerCancel() float64 {
	_, cancel := churn()
	return float64(cancel.Nanoseconds()) / timerRounds / timers
}

func rowTimerFire() float64 {
	delays := delays(fireTimers, fireMin, fireRange)
	var fired atomic.Int64
	var sum int64
	ended := make(chan int64)
	onFire := func() {
		if fired.Add(1) == fireTimers {
			ended <- monotonicNow()
		}
	}
	for round := 0; round <= fireRounds; round++ {
		fired.Store(0)
		for _, delay := range delays {
			time.AfterFunc(delay, onFire)
		}
		due := monotonicNow() + fireBlock.Nanoseconds()
		moment := syscall.NsecToTimespec(due)
		blockUntil(&moment)
		require(fired.Load() == 0, "a timer fired before the clock started")
		elapsed := <-ended - due
		if round > 0 {
			sum += elapsed
		}
	}
	return float64(sum) / fireRounds / fireTimers
}
