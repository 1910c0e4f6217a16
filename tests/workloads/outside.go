// Waits for a line, then computes|sleeps|asks|locks: a program that nobody can preload an agent into.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

func work() int {
	s := 0
	for i := 0; i < 1<<30; i++ {
		s += i * i % 7
	}
	return s
}

func main() {
	fmt.Println("up")
	bufio.NewReader(os.Stdin).ReadString('\n')
	switch os.Args[1] {
	case "computes":
		fmt.Println(work())
	case "sleeps":
		for i := 0; i < 20; i++ {
			time.Sleep(50 * time.Millisecond)
		}
	case "asks":
		l, _ := net.Listen("tcp", "127.0.0.1:0")
		go func() {
			for {
				c, _ := l.Accept()
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						break
					}
					time.Sleep(20 * time.Millisecond)
					c.Write(b)
				}
			}
		}()
		c, _ := net.Dial("tcp", l.Addr().String())
		b := make([]byte, 1)
		for i := 0; i < 40; i++ {
			c.Write(b)
			c.Read(b)
		}
	case "locks":
		var m sync.Mutex
		var w sync.WaitGroup
		for t := 0; t < 8; t++ {
			w.Add(1)
			go func() {
				for i := 0; i < 10; i++ {
					m.Lock()
					time.Sleep(10 * time.Millisecond)
					m.Unlock()
				}
				w.Done()
			}()
		}
		w.Wait()
	}
}
