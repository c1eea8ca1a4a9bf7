// What local*.py measures, in Go on one processor. The argument divides the amounts.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	spawns   = 200_000
	trips    = 200_000
	values   = 1_000_000
	capacity = 100
)

func noop() {}

func each(started time.Time, count int) float64 {
	return float64(time.Since(started).Nanoseconds()) / float64(count)
}

func spawn(count int) float64 {
	started := time.Now()
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func() {
			noop()
			group.Done()
		}()
	}
	group.Wait()
	return each(started, count)
}

func pingpong(count int) float64 {
	balls, returns := make(chan int), make(chan int)
	go func() {
		for ball := range balls {
			returns <- ball
		}
	}()
	started := time.Now()
	for ball := 0; ball < count; ball++ {
		balls <- ball
		<-returns
	}
	taken := each(started, count)
	close(balls)
	return taken
}

func stream(count int) float64 {
	ch := make(chan int, capacity)
	started := time.Now()
	go func() {
		for value := 0; value < count; value++ {
			ch <- value
		}
	}()
	for i := 0; i < count; i++ {
		<-ch
	}
	return each(started, count)
}

func main() {
	runtime.GOMAXPROCS(1)
	divisor, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Printf("BENCHMARK_ANSWER: {\"spawns\": %f, \"trips\": %f, \"values\": %f}\n",
		spawn(max(1, spawns/divisor)), pingpong(max(1, trips/divisor)), stream(max(1, values/divisor)))
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}
