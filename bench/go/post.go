// SPDX-License-Identifier: MIT

// The row `post`: a goroutine on a thread of its own sends through a buffered channel, which can hold every message so
// that the sender never waits. The receiver polls the channel and never sleeps. Not the same thing as posting to an
// event loop: there is no loop, and nobody needs waking.
package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	posts     = 4000000
	warmPosts = 500000
)

var received atomic.Int64

func sendPosts(inbox chan<- uint64, count int) {
	for i := range count {
		inbox <- uint64(i)
	}
}

func poster(inbox chan<- uint64, perPost chan<- float64) {
	pin(1)
	sendPosts(inbox, warmPosts)
	for received.Load() < warmPosts {
	}
	start := time.Now()
	sendPosts(inbox, posts)
	perPost <- float64(time.Since(start).Nanoseconds()) / posts
}

func rowPost() float64 {
	inbox := make(chan uint64, warmPosts+posts)
	perPost := make(chan float64, 1)
	go poster(inbox, perPost)
	pin(0)
	for received.Load() < warmPosts+posts {
		select {
		case <-inbox:
			received.Add(1)
		default:
			runtime.Gosched()
		}
	}
	return <-perPost
}
