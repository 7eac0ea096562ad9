// SPDX-License-Identifier: MIT

// Rows about many tasks at once. Go gathers with a sync.WaitGroup and a slice of results. The group whose first error
// cancels the rest is not in the standard library: errorGroup is what programs write, or import, for it.
package main

import (
	"context"
	"sync"
	"time"
)

// batches runs BATCH as often as it takes to start so many goroutines, first a tenth of that to warm up.
func batches(batch func()) float64 {
	for range spawns / spawnBatch / 10 {
		batch()
	}
	start := time.Now()
	for range spawns / spawnBatch {
		batch()
	}
	return float64(time.Since(start).Nanoseconds()) / spawns
}

func storeOne(result *int) {
	*result = 1
	group.Done()
}

func rowGather() float64 {
	results := make([]int, spawnBatch)
	return batches(func() {
		group.Add(spawnBatch)
		for i := range results {
			go storeOne(&results[i])
		}
		group.Wait()
		sum := 0
		for i := range results {
			sum += results[i]
			results[i] = 0
		}
		require(sum == spawnBatch, "a result is missing")
	})
}

// The first error is kept, and cancels the context that the children may look at.
type errorGroup struct {
	running sync.WaitGroup
	once    sync.Once
	first   error
	cancel  context.CancelFunc
}

func (g *errorGroup) start(child func() error) {
	g.running.Add(1)
	go func() {
		defer g.running.Done()
		if err := child(); err != nil {
			g.once.Do(func() {
				g.first = err
				g.cancel()
			})
		}
	}()
}

func (g *errorGroup) wait() error {
	g.running.Wait()
	g.cancel()
	return g.first
}

func returnNil() error { return nil }

func rowGroup() float64 {
	return batches(func() {
		_, cancel := context.WithCancel(context.Background())
		g := errorGroup{cancel: cancel}
		for range spawnBatch {
			g.start(returnNil)
		}
		require(g.wait() == nil, "a child failed")
	})
}
