// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

func require(ok bool, what string) {
	if !ok {
		fmt.Fprintln(os.Stderr, "bench:", what)
		os.Exit(1)
	}
}

// splitmix64
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9E3779B97F4A7C15
	z := r.state
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}

// delays returns the same pseudo-random delays as bench_delays() in bench.h.
func delays(count int, least, span time.Duration) []time.Duration {
	r := random{state: 1}
	all := make([]time.Duration, count)
	for i := range all {
		all[i] = least + time.Duration(r.next()%uint64(span))
	}
	return all
}

// shuffled returns the same order as bench_shuffled() in bench.h.
func shuffled(count int) []uint32 {
	r := random{state: 2}
	order := make([]uint32, count)
	for i := range order {
		order[i] = uint32(i)
	}
	for i := count - 1; i > 0; i-- {
		other := int(r.next() % uint64(i+1))
		order[i], order[other] = order[other], order[i]
	}
	return order
}

func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	require(err == nil, "cannot read /proc/self/statm")
	var size, resident int64
	_, err = fmt.Sscan(string(text), &size, &resident)
	require(err == nil, "cannot understand /proc/self/statm")
	return resident * int64(os.Getpagesize())
}

// pin ties the calling goroutine to its thread and the thread to one processor.
func pin(processor int) {
	runtime.LockOSThread()
	set := [16]uint64{0: 1 << processor}
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
}

const clockMonotonic = 1

func monotonicNow() int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

// blockUntil keeps the thread away from the scheduler until a moment of the monotonic clock. A function that Go may
// preempt would not do: the scheduler fires timers whenever it gets a turn.
//
//go:nosplit
func blockUntil(moment *syscall.Timespec) {
	const timerAbstime = 1
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_CLOCK_NANOSLEEP, clockMonotonic, timerAbstime,
			uintptr(unsafe.Pointer(moment)), 0, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
