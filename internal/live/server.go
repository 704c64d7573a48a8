package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/templates"
)

// DefaultAddress is where a run is shown when nobody says where; where another
// has that port, on a free one.
const DefaultAddress = "127.0.0.1:5665"

const (
	mostViewers     = 16               // at once
	mostConnections = 4 * mostViewers  //
	stuck           = 10 * time.Second // a viewer that takes nothing for so long is dropped; it may come again
	keepAlive       = 15 * time.Second
	farewell        = 3 * time.Second // for the viewers to fetch the report
)

// A Server shows one run. On a loopback address whoever is on this machine may
// see and change the run; on any other, whoever knows the token in its URL.
type Server struct {
	board    *board
	control  Control
	listener net.Listener
	server   http.Server
	served   chan struct{}
	page     []byte
	csp      string

	base  string // of every path: /, or /TOKEN/
	csrf  string
	hosts []string // that a request may name; nil: any, for the token tells

	commands sync.Mutex // one at a time

	viewers  atomic.Int64
	watching int64        // viewers at the end of the run
	readers  atomic.Int64 // of the report, ever
	stop     context.CancelFunc
}

// Serve shows run r at address, HOST:PORT or :PORT, which is loopback; empty:
// DefaultAddress. The caller closes the Server.
func Serve(address string, r Run, c Control) (*Server, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{board: newBoard(r), control: c, listener: l, served: make(chan struct{}), base: "/", csrf: rand.Text(), stop: cancel}
	at := l.Addr().(*net.TCPAddr)
	if at.IP.IsLoopback() {
		port := strconv.Itoa(at.Port)
		s.hosts = []string{"localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port, at.String()}
	} else {
		s.base = "/" + rand.Text() + "/"
	}
	if err := s.render(); err != nil {
		cancel()
		l.Close()
		return nil, err
	}
	s.server = http.Server{
		Handler: s.guarded(s.routes()), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(netutil.LimitListener(l, mostConnections))
	}()
	return s, nil
}

func listen(address string) (net.Listener, error) {
	if address == "" {
		if l, err := net.Listen("tcp", DefaultAddress); err == nil {
			return l, nil
		}
		address = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// URL is where the run is shown, with the token where one is needed.
func (s *Server) URL() string {
	at := s.listener.Addr().(*net.TCPAddr)
	host := at.String()
	if at.IP.IsUnspecified() {
		host = net.JoinHostPort(outside(), strconv.Itoa(at.Port))
	}
	return "http://" + host + s.base
}

// outside is an address of this machine that others may reach.
func outside() string {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr().String()
		}
	}
	return "127.0.0.1"
}

// Observe adds a snapshot. It is an observer of the run, and never fails.
func (s *Server) Observe(snapshot *metric.Snapshot) error { return s.board.observe(snapshot) }

// Judged shows how the thresholds stand.
func (s *Server) Judged(t []Threshold) { s.board.judged(t) }

// Finish says that the run has ended, with its verdict in a word, and serves its
// report, a page of HTML; nil: there is none.
func (s *Server) Finish(verdict string, report []byte) {
	if report != nil {
		s.watching = s.viewers.Load()
	}
	s.board.finish(verdict, report)
}

// Farewell, after Finish, waits until those who watched have the report, for 3 s
// at most, or until ctx is done.
func (s *Server) Farewell(ctx context.Context) {
	late := time.NewTimer(farewell)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.readers.Load() < s.watching {
		select {
		case <-tick.C:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Close ends the server and every viewer's connection.
func (s *Server) Close() error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	<-s.served
	return err
}

// render makes the page, which is the same for every viewer.
func (s *Server) render() error {
	files := map[string][]byte{}
	for _, name := range []string{"style.css", "live.css", "live.js", "uplot.js"} {
		from := &templates.Report
		if strings.HasPrefix(name, "live.") {
			from = &templates.Live
		}
		b, err := from.ReadFile(name)
		if err != nil {
			return err
		}
		files[name] = b
	}
	t, err := template.ParseFS(templates.Live, "live.html.tmpl")
	if err != nil {
		return err
	}
	r := s.board.run
	about := struct {
		Run
		Seconds float64 `json:"seconds"`
		Token   string  `json:"token"`
	}{r, r.Duration.Seconds(), s.csrf}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Run": r, "About": about, "Open": r.Model == metric.Open,
		"Style": template.CSS(files["style.css"]), "More": template.CSS(files["live.css"]), // lt's own, or shipped with it
		"Chart": template.JS(files["uplot.js"]), "Script": template.JS(files["live.js"]),
	})
	s.page = b.Bytes()
	s.csp = fmt.Sprintf("default-src 'none'; img-src data:; connect-src 'self'; style-src %s %s; script-src %s %s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		digest(files["style.css"]), digest(files["live.css"]), digest(files["uplot.js"]), digest(files["live.js"]))
	return err
}

// digest is the source expression of a policy that allows exactly b.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if _, report := s.over(); report != nil {
			http.Redirect(w, r, s.base+"report", http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Security-Policy", s.csp)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(s.page)
	})
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) {
		_, report := s.over()
		if report == nil {
			http.Error(w, "there is no report yet", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8") // the page has a policy of its own
		_, _ = w.Write(report)
		_ = http.NewResponseController(w).Flush()
		s.readers.Add(1)
	})
	mux.HandleFunc("POST /control", s.command)
	return http.StripPrefix(strings.TrimSuffix(s.base, "/"), mux)
}

func (s *Server) over() (ended bool, report []byte) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	return s.board.ended, s.board.report
}

// guarded lets in who may see the run. On loopback the Host that a request names
// must be this machine: a page of another site whose name has been made to point
// here (DNS rebinding) names that. Elsewhere the token in the path is the key.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		if s.hosts != nil {
			known := false
			for _, host := range s.hosts {
				known = known || strings.EqualFold(host, r.Host)
			}
			if !known {
				http.Error(w, "this address is not for that name", http.StatusForbidden)
				return
			}
		} else if token, _, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); !ok || !same(token, strings.Trim(s.base, "/")) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// command does what a viewer asks for. The token in a header, which no page of
// another site can know or send, shows that it comes from the page.
func (s *Server) command(w http.ResponseWriter, r *http.Request) {
	refuse := func(code int, why string) { http.Error(w, why, code) }
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		refuse(http.StatusForbidden, "the request comes from another site")
		return
	}
	if !same(r.Header.Get("X-LT-Token"), s.csrf) {
		refuse(http.StatusForbidden, "the page is of another run: load it again")
		return
	}
	var c struct {
		Do string   `json:"do"`
		To *float64 `json:"to"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		refuse(http.StatusBadRequest, "want {\"do\": \"pause\"} or the like")
		return
	}
	if ended, _ := s.over(); ended {
		refuse(http.StatusConflict, "the run has ended")
		return
	}
	s.commands.Lock()
	defer s.commands.Unlock()
	switch c.Do {
	case "pause":
		s.control.Pause()
		s.board.change(func(st *state) { st.Paused, st.Edited = true, true })
	case "resume":
		s.control.Resume()
		s.board.change(func(st *state) { st.Paused = false })
	case "stop":
		s.control.Stop()
		s.board.change(func(st *state) { st.Stopping = true })
	case "set":
		open := s.board.run.Model == metric.Open
		if c.To == nil || *c.To < 0 || !open && *c.To != math.Trunc(*c.To) {
			refuse(http.StatusUnprocessableEntity, map[bool]string{false: "want a whole number of users, 0 or more", true: "want a rate of 0 or more"}[open])
			return
		}
		if err := s.control.Set(*c.To); err != nil {
			refuse(http.StatusUnprocessableEntity, err.Error())
			return
		}
		s.board.change(func(st *state) { st.Target, st.Edited, s.board.set = *c.To, true, true })
	default:
		refuse(http.StatusBadRequest, "want pause, resume, stop or set")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// events sends a viewer everything that came after what it has, and then what is
// new: server-sent events "run", "points", "state" and "end".
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if s.viewers.Add(1) > mostViewers {
		s.viewers.Add(-1)
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("%d others are watching already", mostViewers), http.StatusServiceUnavailable)
		return
	}
	defer s.viewers.Add(-1)
	b := s.board
	last, version := -1, -1
	if id, of, ok := strings.Cut(r.Header.Get("Last-Event-ID"), "@"); ok && of == b.run.ID {
		if n, err := strconv.Atoi(id); err == nil {
			last = n
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the request has been read
	send := func(format string, args ...any) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(stuck))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && rc.Flush() == nil
	}
	if !send("retry: 1000\nevent: run\ndata: %q\n\n", b.run.ID) {
		return
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		b.mu.Lock()
		points, encoded, changed, ended, verdict := b.after(last), b.encoded, b.changed, b.ended, b.verdict
		fresh := b.version != version
		version = b.version
		report := b.report != nil
		b.mu.Unlock()
		if len(points) > 0 {
			last = points[len(points)-1].id
			data, _ := json.Marshal(points) // of numbers and texts
			if !send("id: %d@%s\nevent: points\ndata: %s\n\n", last, b.run.ID, data) {
				return
			}
		}
		if fresh && !send("event: state\ndata: %s\n\n", encoded) {
			return
		}
		if ended {
			data, _ := json.Marshal(map[string]any{"verdict": verdict, "report": report})
			send("event: end\ndata: %s\n\n", data)
			return
		}
		select {
		case <-changed:
		case <-alive.C:
			if !send(": alive\n\n") {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
