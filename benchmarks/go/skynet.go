// The skynet of skynet.py in Go: a tree of goroutines with ten children each, which adds up the numbers of its leaves.
// Arguments: the number of leaves, and of processors.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func skynet(to chan int, number, size, children int) {
	if size == 1 {
		to <- number
		return
	}
	from := make(chan int)
	for i := 0; i < children; i++ {
		go skynet(from, number+i*(size/children), size/children, children)
	}
	sum := 0
	for i := 0; i < children; i++ {
		sum += <-from
	}
	to <- sum
}

func argument(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	leaves := argument(1)
	runtime.GOMAXPROCS(argument(2))
	started := time.Now()
	result := make(chan int)
	go skynet(result, 0, leaves, 10)
	if sum := <-result; sum != leaves*(leaves-1)/2 {
		panic(sum)
	}
	fmt.Printf("BENCHMARK_ANSWER: {\"seconds\": %f}\n", time.Since(started).Seconds())
}
