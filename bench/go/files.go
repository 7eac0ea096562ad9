// SPDX-License-Identifier: MIT

// Rows about files: os.File.ReadAt in goroutines. The file is that of bench/files.h.
package main

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	fileSize            = 268435456
	fileRead            = 4096
	fileTasks           = 64
	fileTaskPages       = 1024
	fileCachedReads     = 100000
	fileCachedManyReads = 2500
	fileColdReads       = 10000
	fileColdManyReads   = 200

	filePages = fileSize / fileRead
)

func fileFill(file *os.File) {
	page := make([]byte, fileRead)
	for i := range uint64(filePages) {
		binary.NativeEndian.PutUint64(page, i)
		binary.NativeEndian.PutUint64(page[fileRead-8:], i)
		_, err := file.Write(page)
		require(err == nil, "cannot write the file")
	}
	require(file.Sync() == nil, "cannot write the file to the disk")
}

// fileResident tells how many of the file's pages are in memory.
func fileResident(file *os.File) int {
	mapped, err := syscall.Mmap(int(file.Fd()), 0, fileSize, syscall.PROT_READ, syscall.MAP_SHARED)
	require(err == nil, "cannot map the file")
	states := make([]byte, filePages)
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&mapped[0])), fileSize,
		uintptr(unsafe.Pointer(&states[0])))
	require(errno == 0, "mincore has failed")
	resident := 0
	for _, state := range states {
		resident += int(state & 1)
	}
	syscall.Munmap(mapped)
	return resident
}

func fileAdvise(file *os.File, advice uintptr) {
	_, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, advice, 0, 0)
	require(errno == 0, "cannot drop the file from memory")
}

func newFile(isCold bool) *os.File {
	folder := os.Getenv("TMPDIR")
	if folder == "" {
		folder = "/var/tmp"
	}
	file, err := os.CreateTemp(folder, "hoop-bench-")
	require(err == nil, "cannot make the file")
	os.Remove(file.Name())
	fileFill(file)
	if !isCold {
		require(fileResident(file) == filePages, "the file is not in memory")
		return file
	}
	const adviceRandom, adviceDontneed = 1, 4
	fileAdvise(file, adviceDontneed)
	fileAdvise(file, adviceRandom)
	require(fileResident(file) == 0, "the file stays in memory: set TMPDIR to a folder on a disk")
	return file
}

func reader(file *os.File, order []uint32, task, first, end int) {
	buffer := make([]byte, fileRead)
	for i := first; i < end; i++ {
		page := uint64(order[(task*fileTaskPages+i)%filePages])
		size, err := file.ReadAt(buffer, int64(page*fileRead))
		require(err == nil && size == fileRead, "a read failed")
		require(binary.NativeEndian.Uint64(buffer) == page && binary.NativeEndian.Uint64(buffer[fileRead-8:]) == page,
			"not what was written")
	}
}

func readers(file *os.File, order []uint32, count, first, end int) {
	var group sync.WaitGroup
	group.Add(count)
	for task := range count {
		go func() {
			reader(file, order, task, first, end)
			group.Done()
		}()
	}
	group.Wait()
}

func measureReads(tasks, reads int, isCold bool) float64 {
	file, order := newFile(isCold), shuffled(filePages)
	warm := reads / 10
	readers(file, order, tasks, 0, warm)
	start := time.Now()
	readers(file, order, tasks, warm, warm+reads)
	elapsed := time.Since(start)
	if isCold {
		require(fileResident(file) <= tasks*(warm+reads), "pages were read that nobody asked for")
	}
	return float64(elapsed.Nanoseconds()) / float64(tasks) / float64(reads)
}

func rowFileCached1() float64 { return measureReads(1, fileCachedReads, false) }

func rowFileCached64() float64 { return measureReads(fileTasks, fileCachedManyReads, false) }

func rowFileCold1() float64 { return measureReads(1, fileColdReads, true) }

func rowFileCold64() float64 { return measureReads(fileTasks, fileColdManyReads, true) }
