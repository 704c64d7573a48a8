package probe

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, page string
		want       map[string]float64
	}{
		{"Go", `# HELP go_goroutines Number of goroutines.
# TYPE go_goroutines gauge
go_goroutines 42
process_resident_memory_bytes 1.2345678e+07
process_open_fds 17 1732233600000
go_threads 9
`, map[string]float64{Goroutines: 42, Memory: 12345678, FDs: 17, Threads: 9}},
		{"summed over labels, braces and quotes in them", `jvm_memory_used_bytes{area="heap",id="Eden }\" Space"} 100
jvm_memory_used_bytes{area="nonheap",id="x\\"} 23
hikaricp_connections{pool="a"} 5
hikaricp_connections{pool="b"}   7
`, map[string]float64{Memory: 123, Connections: 12}},
		{"the best one is taken", "go_memstats_heap_inuse_bytes 1\nprocess_resident_memory_bytes 2", map[string]float64{Memory: 2}},
		{"no numbers", "go_goroutines NaN\nprocess_open_fds +Inf\nprocess_threads many\n{} 1\ngo_threads{a=\"b\" 3\ngo_threads 1 2 3\n<html>", map[string]float64{}},
		{"empty", "", map[string]float64{}},
	}
	for _, tt := range tests {
		got, err := parse(strings.NewReader(tt.page))
		if err != nil || !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("go_goroutines{a=\"\\\"}\"} 42 17\n")
	f.Add("process_open_fds 1e9\r\n# comment\n")
	f.Add("go_threads{")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parse(strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		for figure, v := range got {
			if v != v || v-v != 0 {
				t.Fatalf("%s is %v", figure, v)
			}
		}
	})
}

func TestPage(t *testing.T) {
	var answer atomic.Value
	answer.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("go_goroutines 7\n")) }))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer.Load().(http.HandlerFunc)(w, r) }))
	t.Cleanup(s.Close)
	u, err := ParseURL(s.URL)
	if err != nil || u.Path != "/metrics" {
		t.Fatal(u, err)
	}
	p := Page("", u, nil)
	if p.Name() != u.Host {
		t.Errorf("name %q", p.Name())
	}
	if got, err := p.Read(t.Context()); err != nil || got[Goroutines] != 7 {
		t.Errorf("%v, %v", got, err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for want, h := range map[string]http.HandlerFunc{
		"answers 500":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"answers 302":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"has no metric": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	} {
		answer.Store(h)
		if _, err := p.Read(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	s.Close()
	if _, err := Page("", &url.URL{Scheme: "http", Host: u.Host, RawQuery: "key=canary"}, nil).Read(t.Context()); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "host:1", "ftp://x/", "http://u:p@x/metrics", "://"} {
		if _, err := ParseURL(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestProcess(t *testing.T) {
	p, err := Process("", os.Getpid())
	if runtime.GOOS != "linux" {
		if err == nil {
			t.Error("only Linux tells")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	before, err := p.Read(t.Context())
	if err != nil || before[Memory] < 1<<20 || before[Threads] < 1 || before[FDs] < 3 {
		t.Fatalf("%v, %v", before, err)
	}
	// Kept open: both ends of each are this process's, which may close other things meanwhile.
	const conns = 50
	for range conns {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // the server accepts in its own time
		after, err := p.Read(t.Context())
		if err == nil && after[Connections]-before[Connections] > 1.9*conns && after[FDs]-before[FDs] > 1.9*conns {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%v, then %v, %v", before, after, err)
		}
	}
	if _, err := Process("", 1<<22+1); err == nil {
		t.Error("there is no such process")
	}
}

// A fake source fails each second time.
type fakeSource struct{ n atomic.Int64 }

func (f *fakeSource) Name() string { return "fake" }

func (f *fakeSource) Read(context.Context) (map[string]float64, error) {
	if n := f.n.Add(1); n%2 == 1 {
		return map[string]float64{Memory: float64(n)}, nil
	}
	return nil, errEmpty
}

var errEmpty = os.ErrDeadlineExceeded

func TestWatch(t *testing.T) {
	f := &fakeSource{}
	w := Watch([]Source{f}, time.Millisecond)
	for deadline := time.Now().Add(time.Minute); f.n.Load() < 6; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not read")
		}
	}
	said := w.Close()
	if got := w.Read(); got["memory of fake"] < 1 {
		t.Errorf("%v", got)
	}
	if got := w.Read(); got != nil {
		t.Errorf("%v was read twice", got)
	}
	if len(said) != 1 || !strings.Contains(said[0], "fake could not be read") {
		t.Errorf("%q", said)
	}
	if errs := Check(t.Context(), []Source{&fakeSource{}}); len(errs) != 0 {
		t.Errorf("%v", errs)
	}
}
