package main

import (
	"bytes"
	"net"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

// A serverModel says when a request that arrives at a time of the clock is
// answered. It is asked in the order of arrival, and answers leave in that order.
type serverModel func(arrival time.Duration) (departure time.Duration)

// A stubServer answers GET requests when its model says so, and keeps a log of
// how late it was. It runs in lt's own process, on the run's clock.
type stubServer struct {
	listener net.Listener
	clock    metric.Clock
	waiter   load.Waiter
	done     chan struct{}

	mu       sync.Mutex
	model    serverModel
	queue    []stubAnswer
	lateness []time.Duration // of each answer, in the order of arrival
	conns    []net.Conn
	closed   bool
}

type stubAnswer struct {
	conn net.Conn
	due  time.Duration
}

var stubResponse = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine")

// newStubServer listens on a free port of the loopback. The caller closes it.
func newStubServer(clock metric.Clock, model serverModel) (*stubServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &stubServer{listener: l, clock: clock, waiter: load.NewWaiter(), done: make(chan struct{}), model: model}
	go s.accept()
	go s.dispatch()
	return s, nil
}

func (s *stubServer) URL() string { return "http://" + s.listener.Addr().String() + "/" }

func (s *stubServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			c.Close()
		}
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		go s.read(c)
	}
}

// read takes in the requests of a connection, of which one is under way at a time.
func (s *stubServer) read(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for n := 0; ; {
		m, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		arrival := s.clock.Now()
		if n += m; !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			continue
		}
		n = 0
		s.mu.Lock()
		due := s.model(arrival)
		if due <= arrival && len(s.queue) == 0 { // at once
			s.lateness = append(s.lateness, 0)
			s.mu.Unlock()
			_, _ = c.Write(stubResponse)
			continue
		}
		s.queue = append(s.queue, stubAnswer{c, due})
		if len(s.queue) == 1 {
			s.waiter.Wake()
		}
		s.mu.Unlock()
	}
}

// dispatch sends the answers when they are due.
func (s *stubServer) dispatch() {
	defer close(s.done)
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		wait := time.Hour
		var a stubAnswer
		if len(s.queue) > 0 {
			a = s.queue[0]
			now := s.clock.Now()
			if wait = a.due - now; wait <= 0 {
				s.queue = s.queue[1:]
				s.lateness = append(s.lateness, now-a.due)
			}
		}
		s.mu.Unlock()
		if wait > 0 {
			s.waiter.Wait(wait)
			continue
		}
		_, _ = a.conn.Write(stubResponse)
	}
}

// log is how late each answer left, in the order of arrival.
func (s *stubServer) log() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.lateness...)
}

func (s *stubServer) Close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for _, c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.waiter.Wake()
	<-s.done
	s.waiter.Close()
}
