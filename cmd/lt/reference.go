package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-42693903/lt/fixtures/datalayer"
	"github.com/seed-42693903/lt/fixtures/faults"
	"github.com/seed-42693903/lt/fixtures/gateway"
)

const (
	childStart = 30 * time.Second // until a child must say that it is ready
	childDrain = time.Second      // what a child gives its requests under way
	childStop  = 5 * time.Second  // until a child that does not end is killed
	childLog   = 8 << 10
)

// A reference is the reference platform in two processes of its own: a data layer on a throw-away database and a gateway. The
// caller of startReference stops it. It ends with this process even if that is killed, for the children live only as long
// as the pipe that is their standard input.
type reference struct {
	URL string // of the gateway
	Key string // a credential for it

	stderr   io.Writer
	children []*child // in the order of their start
	once     sync.Once
}

// startReference starts the platform on free loopback ports. When ctx ends before it is ready, what has been started is stopped.
// profile names a fault profile; "" is none. It is read here, once: a child gets its text.
func startReference(ctx context.Context, stderr io.Writer, profile string) (*reference, error) {
	ordered := map[faults.Process]*childFaults{}
	if profile != "" {
		p, err := loadFaults(profile, faults.Gateway, faults.Datalayer)
		if err != nil {
			return nil, err
		}
		ordered[p.At] = &childFaults{p.Name, p.Text}
	}
	ref := &reference{Key: newKey(), stderr: stderr}
	upstreamKey := newKey()
	upstream, err := ref.start(ctx, "datalayer", childConfig{Addr: "127.0.0.1:0", Key: upstreamKey, Faults: ordered[faults.Datalayer]})
	if err == nil {
		ref.URL, err = ref.start(ctx, "gateway", childConfig{
			Addr: "127.0.0.1:0", Key: ref.Key, Upstream: upstream, UpstreamKey: upstreamKey, Faults: ordered[faults.Gateway],
		})
	}
	if err != nil {
		ref.Stop()
		return nil, err
	}
	return ref, nil
}

// start starts one half of the platform and returns its URL.
func (r *reference) start(ctx context.Context, name string, cfg childConfig) (string, error) {
	c, err := startChild(name, cfg)
	if err != nil {
		return "", fmt.Errorf("start the reference %s: %w", name, err)
	}
	r.children = append(r.children, c)
	timeout := time.NewTimer(childStart)
	defer timeout.Stop()
	select {
	case url, ok := <-c.ready:
		if ok {
			return url, nil
		}
		select { // it says why when it ends
		case <-c.ended:
		case <-time.After(childStop):
		}
		return "", fmt.Errorf("the reference %s did not start\n%s", name, c.log)
	case <-timeout.C:
		return "", fmt.Errorf("the reference %s was not ready within %s\n%s", name, childStart, c.log)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Stop ends both processes and waits for them; the database goes with them. Their requests under way have a second. It may be
// called more than once.
func (r *reference) Stop() {
	r.once.Do(func() {
		// Whoever calls comes before whom it calls.
		for i := len(r.children) - 1; i >= 0; i-- {
			c := r.children[i]
			select {
			case <-c.ended:
				fmt.Fprintf(r.stderr, "lt: the reference %s (process %d) had ended before it was stopped\n%s", c.name, c.cmd.Process.Pid, c.log)
			default:
			}
			_ = c.lifeline.Close()
		}
		limit := time.NewTimer(childStop)
		defer limit.Stop()
		for _, c := range r.children {
			select {
			case <-c.ended:
				continue
			case <-limit.C:
				limit.Reset(0) // for the next child as well
			}
			_ = c.cmd.Process.Kill()
			<-c.ended
		}
	})
}

// A child is a process that lives as long as its lifeline.
type child struct {
	name     string
	cmd      *exec.Cmd
	lifeline io.Closer
	log      *tail
	ready    chan string   // gets the URL; closed when none will come
	ended    chan struct{} // closed when the process has ended
}

func startChild(name string, cfg childConfig) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Note: not CommandContext, whose end would kill the data layer before it has cleaned up.
	cmd := exec.Command(exe, "serve", name, "--lifeline")
	cmd.Env = withoutKeys(os.Environ())
	c := &child{name: name, cmd: cmd, log: &tail{limit: childLog}, ready: make(chan string, 1), ended: make(chan struct{})}
	cmd.Stderr = c.log
	cmd.WaitDelay = childStop
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.lifeline = stdin
	go func() {
		defer close(c.ended)
		var ready childReady
		in := bufio.NewReader(stdout)
		if line, err := in.ReadBytes('\n'); err == nil && json.Unmarshal(line, &ready) == nil && ready.URL != "" {
			c.ready <- ready.URL
		}
		close(c.ready)
		_, _ = io.Copy(io.Discard, in)
		_ = cmd.Wait() // its log says more than its exit status
	}()
	line, err := json.Marshal(cfg)
	if err != nil {
		panic(err) // strings only
	}
	// A child that is dead already says so by its log, in start.
	_, _ = stdin.Write(append(line, '\n'))
	return c, nil
}

// withoutKeys is the environment without lt's own: a child needs no key but those on its lifeline.
func withoutKeys(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "LT_") {
			out = append(out, v)
		}
	}
	return out
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	text  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - t.limit; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// A childConfig goes to a child as the first line of its standard input: keys travel neither by arguments nor by environment.
type childConfig struct {
	Addr        string `json:"addr"`
	Key         string `json:"key"`          // what callers must send
	DB          string `json:"db,omitempty"` // of a data layer; empty: a throw-away file of its own
	Upstream    string `json:"upstream,omitempty"`
	UpstreamKey string `json:"upstream_key,omitempty"`

	Faults *childFaults `json:"faults,omitempty"`
}

// childFaults is a fault profile on its way to a child.
type childFaults struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// wrap puts the faults before the server; the receiver may be nil.
func (f *childFaults) wrap(server interface {
	Wrap(func(http.Handler) http.Handler)
},
) error {
	if f == nil {
		return nil
	}
	p, err := faults.Parse(f.Name, f.Text)
	if err == nil {
		server.Wrap(p.Handler)
	}
	return err
}

// A childReady is a child's answer, one line on its standard output.
type childReady struct {
	URL string `json:"url"`
}

// serveLifeline is a child's whole life: it takes the configuration, serves what start makes of it, and ends when standard input
// does. start returns what is to be done at the very end, too.
//
// A terminal's Ctrl-C goes to the parent, who may still need the child for its report: SIGINT and SIGHUP do nothing here.
func serveLifeline(env *environ, start func(*environ, childConfig) (service, func() error, error)) (err error) {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	in := bufio.NewReader(env.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("lifeline: no configuration came: %w", err)
	}
	var cfg childConfig
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cfg); err != nil {
		return fmt.Errorf("lifeline: configuration: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		stop()
	}()
	s, cleanUp, err := start(env, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), cleanUp()) }()
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return err
	}
	answer, err := json.Marshal(childReady{URL: urlOf(ln)})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if _, err := fmt.Fprintf(env.Stdout, "%s\n", answer); err != nil {
		return errors.Join(err, ln.Close())
	}
	return s.Serve(ctx, ln)
}

// datalayerChild makes the data layer of a child. It owns its throw-away directory, if it has one.
func datalayerChild(env *environ, cfg childConfig) (service, func() error, error) {
	cleanUp := func() error { return nil }
	if cfg.DB == "" {
		scratch, err := datalayer.NewScratch()
		if err != nil {
			return nil, nil, err
		}
		cfg.DB, cleanUp = scratch.DB(), scratch.Remove
	}
	dl, err := datalayer.New(datalayer.Config{DB: cfg.DB, Key: cfg.Key, Drain: childDrain, Log: logTo(env.Stderr, slog.LevelError)})
	if err != nil {
		return nil, nil, errors.Join(err, cleanUp())
	}
	if err := cfg.Faults.wrap(dl); err != nil {
		return nil, nil, errors.Join(err, dl.Close(), cleanUp())
	}
	return dl, cleanUp, nil
}

// gatewayChild makes the gateway of a child. It logs no failed request: the report of the run does.
func gatewayChild(env *environ, cfg childConfig) (service, func() error, error) {
	gw, err := newGateway(gateway.Config{
		UpstreamKey: cfg.UpstreamKey, Drain: childDrain, Log: logTo(env.Stderr, slog.LevelError),
	}, cfg.Upstream, cfg.Key)
	if err != nil {
		return nil, nil, err
	}
	return gw, func() error { return nil }, cfg.Faults.wrap(gw)
}

// pids are the processes of the platform.
func (r *reference) pids() []int {
	var all []int
	for _, c := range r.children {
		all = append(all, c.cmd.Process.Pid)
	}
	return all
}
