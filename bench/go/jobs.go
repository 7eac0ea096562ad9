// SPDX-License-Identifier: MIT

// Rows about helper processes. Go has no pool of them: the program starts itself once more and talks with that process
// over pipes. A frame is its length in eight bytes and so many bytes; each frame is answered by one. Both sides have
// buffers of bufio's; a large frame goes past them.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"time"
	"unsafe"
)

const (
	helperSmallJobs = 10000
	helperSmallSize = 1024
	helperLargeJobs = 10
	helperLargeSize = 67108864
)

type frames struct {
	in  *bufio.Reader
	out *bufio.Writer
}

func newFrames(in io.Reader, out io.Writer) frames {
	return frames{bufio.NewReader(in), bufio.NewWriter(out)}
}

func (f frames) write(data []byte) {
	var length [8]byte
	binary.NativeEndian.PutUint64(length[:], uint64(len(data)))
	f.out.Write(length[:])
	f.out.Write(data)
	require(f.out.Flush() == nil, "nobody listens") // also what the two before it have failed at
}

// read returns the next frame, in buffer if that is large enough; nil at the end.
func (f frames) read(buffer []byte) []byte {
	var length [8]byte
	if _, err := io.ReadFull(f.in, length[:]); err != nil {
		return nil
	}
	size := binary.NativeEndian.Uint64(length[:])
	if uint64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	_, err := io.ReadFull(f.in, buffer)
	require(err == nil, "half a frame")
	return buffer
}

func words(data []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/8)
}

func invert(data []byte) []byte {
	for i := range data {
		data[i] = ^data[i]
	}
	return data
}

func sum(data []byte) []byte {
	total := uint64(0)
	for _, word := range words(data) {
		total += word
	}
	return binary.NativeEndian.AppendUint64(nil, total)
}

// helper is the other side, in a process of its own.
func helper(job string) {
	does := map[string]func([]byte) []byte{"invert": invert, "sum": sum}[job]
	frames := newFrames(os.Stdin, os.Stdout)
	for frame := frames.read(nil); frame != nil; frame = frames.read(frame) {
		frames.write(does(frame))
	}
}

func helperStart(job string) frames {
	command := exec.Command("/proc/self/exe", "helper", job)
	in, err := command.StdinPipe()
	require(err == nil, "no pipe")
	out, err := command.StdoutPipe()
	require(err == nil, "no pipe")
	require(command.Start() == nil, "no helper")
	return newFrames(out, in)
}

// measureJobs sends words that count up from 0, and expects the answer each time.
func measureJobs(job string, size int, count int) float64 {
	input := make([]byte, size)
	for i := range words(input) {
		words(input)[i] = uint64(i)
	}
	expected := invert(bytes.Clone(input))
	if job == "sum" {
		length := uint64(size / 8)
		expected = binary.NativeEndian.AppendUint64(nil, length*(length-1)/2)
	}
	frames := helperStart(job)
	var answer []byte
	ask := func(count int) {
		for range count {
			frames.write(input)
			answer = frames.read(answer)
			require(bytes.Equal(answer, expected), "a wrong answer")
		}
	}
	ask(count / 10)
	start := time.Now()
	ask(count)
	return float64(time.Since(start).Nanoseconds()) / float64(count)
}

func rowHelper1k() float64 { return measureJobs("invert", helperSmallSize, helperSmallJobs) }

func rowHelper64m() float64 { return measureJobs("sum", helperLargeSize, helperLargeJobs) }
