// SPDX-License-Identifier: MIT

// Rows about processes: os/exec. The child has the standard descriptors of this program.
package main

import (
	"os"
	"os/exec"
	"time"
)

const (
	processes    = 1000
	parentMemory = 1073741824
)

func spawnAll(count int) {
	for range count {
		command := exec.Command("/bin/true")
		command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
		require(command.Run() == nil, "a process has failed")
	}
}

func rowProcessSmall() float64 {
	spawnAll(processes / 10)
	start := time.Now()
	spawnAll(processes)
	return float64(time.Since(start).Nanoseconds()) / processes
}

var kept []byte

func rowProcessLarge() float64 {
	kept = make([]byte, parentMemory)
	for i := range kept {
		kept[i] = 1
	}
	return rowProcessSmall()
}
