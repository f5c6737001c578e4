// A guest in plain Go: what the runtime and the standard library do is enough
// to exercise the meter.
package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"unsafe"
)

func main() {}

var region []byte

//go:wasmexport sluice_v1_alloc
func alloc(size uint32) uint32 {
	region = make([]byte, size+8)
	return uint32(uintptr(unsafe.Pointer(&region[0]))+7) &^ 7
}

//go:wasmexport sluice_v1_open
func open(ptr, size uint32) uint64 { return uint64(ptr)<<32 | uint64(size) }

//go:wasmexport sluice_v1_process
func process(batch uint32) uint32 { return batch }

// rows cleans so many rows of eight cells and answers a checksum.
//
//go:wasmexport rows
func rows(n uint32) uint32 {
	cells := []string{"Acme Corp", "https://WWW.Example.com/about?x=1", "Software", "http://acme.io", "201-500", "Berlin", "Germany", "+49 30 1234567"}
	sum := uint32(0)
	for i := range n {
		for j, cell := range cells {
			if j == 1 || j == 3 {
				cell = domain(cell)
			}
			sum = sum*31 + uint32(len(cell)) + uint32(cell[int(i)%len(cell)])
		}
	}
	return sum
}

func domain(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	url, _, _ = strings.Cut(url, "/")
	return strings.TrimPrefix(strings.ToLower(url), "www.")
}

// library uses maps, sorting, formatting, JSON and goroutines.
//
//go:wasmexport library
func library(n uint32) uint32 {
	counts := map[string]int{}
	done := make(chan string)
	go func() {
		for i := range n {
			done <- fmt.Sprintf("key-%d", i%17)
		}
		close(done)
	}()
	for key := range done {
		counts[key]++
	}
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	text, err := json.Marshal(map[string]any{"keys": keys, "counts": counts})
	if err != nil {
		panic(err)
	}
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		panic(err)
	}
	sum := uint32(len(back))
	for _, b := range text {
		sum = sum*31 + uint32(b)
	}
	return sum
}

// deep recurses.
//
//go:wasmexport deep
func deep(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	return deep(n-1) + 1
}
