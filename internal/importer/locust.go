package importer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// Locust's files are small: a row for each endpoint, or for each second.
type locust struct {
	im      *Import
	stats   *locustRow // Aggregated, of the stats file
	rows    []locustRow
	history []locustPoint
	full    bool // the history has rows of each endpoint, and percentiles of windows
	reset   bool // the counts fell: --reset-stats
	last    *run.Latency
}

type locustRow struct {
	endpoint         metric.Endpoint
	requests, failed int64
	perSecond        float64
	response         *run.Latency
}

// A locustPoint is a row of the history: all counts are since the start.
type locustPoint struct {
	at               int64 // seconds since 1970
	users            int
	requests, failed int64
	mean             float64 // ms
}

// A locustTable reads rows by the names of their columns.
type locustTable struct {
	*table
	column map[string]int
	n      int
	fields []field
	bad    bool // the row has a mistake
}

func (f *file) locustTable(needed ...string) (*locustTable, error) {
	l, err := f.open()
	if err != nil {
		return nil, err
	}
	t := &locustTable{table: &table{lines: l, comma: ','}, column: map[string]int{}}
	head, _ := t.record()
	for i, c := range head {
		t.column[c.text] = i
	}
	t.n = len(head)
	for _, name := range needed {
		if _, ok := t.column[name]; !ok {
			f.mistake(1, 1, "the column %q is missing: other versions of Locust may write other columns", name)
		}
	}
	if err := f.err(); err != nil {
		l.Close()
		return nil, err
	}
	return t, nil
}

// row reads the next whole row.
func (t *locustTable) row() bool {
	for {
		fields, ok := t.record()
		if !ok {
			return false
		}
		if len(fields) != t.n {
			if !t.dropTorn() {
				t.f.mistake(fields[0].line, 1, "%d columns, and the first line names %d", len(fields), t.n)
			}
			continue
		}
		t.fields, t.bad = fields, false
		return true
	}
}

func (t *locustTable) text(name string) string { return t.fields[t.column[name]].text }

func (t *locustTable) wrong(name, want string) {
	f := t.fields[t.column[name]]
	t.bad = true
	t.f.mistake(f.line, f.column, "%s %q: want %s", name, brief(f.text), want)
}

func (t *locustTable) count(name string) int64 {
	n, ok := counted(t.text(name))
	if !ok {
		t.wrong(name, "a whole number of at least 0")
	}
	return n
}

// number is a number of at least 0; NaN for N/A and where there is no such column.
func (t *locustTable) number(name string) float64 {
	if _, ok := t.column[name]; !ok {
		return math.NaN()
	}
	text := t.text(name)
	if text == "N/A" || text == "" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !isFinite(v) || v < 0 || v > 1e12 {
		t.wrong(name, "a number of at least 0")
		return math.NaN()
	}
	return v
}

// latency is the row's times; nil when it counts no request.
func (t *locustTable) latency(prefix string, n int64) *run.Latency {
	l := run.UnknownLatency()
	l.P50, l.P90, l.P95, l.P99, l.P999 = t.number("50%"), t.number("90%"), t.number("95%"), t.number("99%"), t.number("99.9%")
	l.Mean, l.Min, l.Max = t.number(prefix+"Average Response Time"), t.number(prefix+"Min Response Time"), t.number(prefix+"Max Response Time")
	l.N = n
	if n == 0 {
		return nil
	}
	return &l
}

// whole takes the row back where the file ends within it.
func (t *locustTable) whole() bool {
	if t.bad && t.torn {
		for len(t.f.mistakes) > 0 && t.f.mistakes[len(t.f.mistakes)-1].(*Mistake).Line == t.lines.n {
			t.f.mistakes = t.f.mistakes[:len(t.f.mistakes)-1]
		}
		t.dropTorn()
	}
	return !t.bad
}

// readLocust reads the files of one run of Locust.
func (im *Import) readLocust(shapes map[*file]shape) error {
	l := &locust{im: im}
	readers := map[shape]func(*file) error{
		locustStats: l.readStats, locustHistory: l.readHistory, locustFailures: l.readFailures,
		locustExceptions: func(f *file) error {
			in, err := f.open()
			if err != nil {
				return err
			}
			f.notes = append(f.notes, base(f)+": exceptions within Locust's own code are not imported")
			return in.Close()
		},
	}
	var errs []error
	seen := map[shape]*file{}
	for _, s := range []shape{locustStats, locustHistory, locustFailures, locustExceptions} {
		for _, f := range im.files {
			if shapes[f] != s {
				continue
			}
			if other := seen[s]; other != nil {
				errs = append(errs, &Mistake{File: f.name, Text: "of the same kind as " + other.name + ": import one run at a time"})
				continue
			}
			seen[s] = f
			errs = append(errs, cmp.Or(readers[s](f), f.err()))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if seen[locustStats] == nil && seen[locustHistory] == nil {
		return &Mistake{File: im.files[0].name, Text: "it tells of failures only: give the stats or stats_history file of the run, too"}
	}
	return l.combine(cmp.Or(seen[locustHistory], seen[locustStats]))
}

func (l *locust) readStats(f *file) error {
	t, err := f.locustTable("Type", "Name", "Request Count", "Failure Count", "Average Response Time", "Requests/s")
	if err != nil {
		return err
	}
	defer t.Close()
	for t.row() {
		r := locustRow{requests: t.count("Request Count"), failed: t.count("Failure Count"), perSecond: t.number("Requests/s")}
		if r.failed > r.requests {
			t.wrong("Failure Count", "no more than requests")
		}
		r.response = t.latency("", r.requests)
		if !t.whole() {
			continue
		}
		if t.text("Name") == "Aggregated" && t.text("Type") == "" {
			l.stats = &r
			continue
		}
		r.endpoint = endpoint(t.text("Type"), t.text("Name"))
		if len(l.rows) == maxEndpoints {
			t.f.mistake(t.lines.n, 1, "over %d endpoints: their names hold what differs from request to request (name= groups them)", maxEndpoints)
			return nil
		}
		l.rows = append(l.rows, r)
	}
	if l.stats == nil && len(f.mistakes) == 0 {
		f.mistake(0, 0, "the row Aggregated is missing: the file has no end")
	}
	return nil
}

func (l *locust) readHistory(f *file) error {
	t, err := f.locustTable("Timestamp", "User Count", "Name", "Total Request Count", "Total Failure Count", "Total Average Response Time")
	if err != nil {
		return err
	}
	defer t.Close()
	for t.row() {
		p := locustPoint{at: t.count("Timestamp"), users: int(t.count("User Count")), requests: t.count("Total Request Count"), failed: t.count("Total Failure Count"), mean: t.number("Total Average Response Time")}
		switch {
		case t.bad:
		case p.at < earliest/1e9 || p.at > latest/1e9:
			t.wrong("Timestamp", "seconds since 1970, between 1990 and 2190")
		case p.users > 1e7:
			t.wrong("User Count", "at most 10,000,000")
		case p.failed > p.requests:
			t.wrong("Total Failure Count", "no more than requests")
		}
		if t.text("Name") != "Aggregated" {
			l.full = true
			t.whole()
			continue
		}
		last := t.latency("Total ", p.requests)
		if !t.whole() {
			continue
		}
		if n := len(l.history); n > 0 {
			before := l.history[n-1]
			switch {
			case p.at < before.at || p.at-l.history[0].at > int64(maxSpan/time.Second):
				t.wrong("Timestamp", fmt.Sprintf("no earlier than the row above, and within %v", maxSpan))
				continue
			case p.requests < before.requests:
				l.reset = true
				f.notes = append(f.notes, fmt.Sprintf("%s: the counts start anew in line %d (--reset-stats): what came before was left out", base(f), t.lines.n))
				l.history = []locustPoint{{at: before.at, users: before.users}}
			case p.failed < before.failed:
				t.wrong("Total Failure Count", "no less than in the row above")
				continue
			}
		}
		l.history = append(l.history, p)
		l.last = last
	}
	if len(l.history) == 0 && len(f.mistakes) == 0 {
		f.mistake(0, 0, "it has no row of all requests (Aggregated)")
	}
	return nil
}

func (l *locust) readFailures(f *file) error {
	t, err := f.locustTable("Method", "Name", "Error", "Occurrences")
	if err != nil {
		return err
	}
	defer t.Close()
	s := l.im.summary
	for t.row() {
		n := t.count("Occurrences")
		if !t.whole() {
			continue
		}
		message := t.text("Error")
		s.Failures = append(s.Failures, run.ImportedFailure{
			Endpoint: endpoint(t.text("Method"), t.text("Name")).Name(), Class: classOf(0, message).Key(), Count: n, Message: brief(message),
		})
	}
	return nil
}

// combine makes one summary of what the files tell.
func (l *locust) combine(f *file) error {
	im, s := l.im, l.im.summary
	for _, r := range l.rows {
		s.Endpoints = append(s.Endpoints, run.ImportedEndpoint{Endpoint: r.endpoint, Requests: r.requests, Failed: r.failed, Response: r.response})
	}
	im.knows.users = len(l.history) > 0
	im.knows.start = len(l.history) > 0
	if len(l.history) == 0 {
		s.requests, s.failed, s.Response = l.stats.requests, l.stats.failed, l.stats.response
		if rate := l.stats.perSecond; rate > 0 {
			s.span = time.Duration(min(float64(s.requests)/rate, maxSpan.Seconds()) * float64(time.Second))
			im.notes = append(im.notes, fmt.Sprintf("The duration of %v follows from Locust's requests per second; there is no stats_history file to tell it", s.span.Round(time.Second)))
		}
		mean := 0.0
		if s.Response != nil {
			mean = s.Response.Mean
		}
		s.only(0, 0, 0, mean)
		return nil
	}
	s.history = true
	l.intervals()
	last := &l.history[len(l.history)-1]
	s.requests, s.failed = last.requests, last.failed
	if !l.full {
		s.Response = l.last
	}
	if l.stats == nil {
		return nil
	}
	// The stats file is written last, and may have seen a little more.
	s.Response = l.stats.response
	switch more, failed := l.stats.requests-last.requests, l.stats.failed-last.failed; {
	case more < 0 || failed < 0 || failed > more || float64(more) > max(100, 0.05*float64(l.stats.requests)):
		return &Mistake{File: f.name, Text: fmt.Sprintf("it ends at %d requests, of which %d failed, and the stats file has %d and %d: they are not of one run",
			last.requests, last.failed, l.stats.requests, l.stats.failed)}
	case more > 0:
		end := &s.intervals[len(s.intervals)-1]
		end.requests += more
		end.failed += failed
		s.requests, s.failed = l.stats.requests, l.stats.failed
		if l.stats.response != nil {
			end.times += total(l.stats.response.Mean, l.stats.requests) - total(last.mean, last.requests)
			end.times = max(end.times, 0)
		}
	}
	return nil
}

// total is the time that n requests took, of which mean is the mean in ms.
func total(mean float64, n int64) time.Duration {
	if sum := mean * float64(time.Millisecond) * float64(n); sum > 0 && sum < 8e18 {
		return time.Duration(sum)
	}
	return 0
}

// intervals are the differences between the rows of the history.
func (l *locust) intervals() {
	im, s := l.im, l.im.summary
	points := l.history
	if first := points[0]; first.requests > 0 || len(points) == 1 { // that much had happened by then
		points = append([]locustPoint{{at: first.at - 1, users: first.users}}, points...)
	}
	im.first = points[0].at * 1e9
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if b.at == a.at && len(s.intervals) > 0 { // two rows of one second
			end := &s.intervals[len(s.intervals)-1]
			end.requests += b.requests - a.requests
			end.failed += b.failed - a.failed
			end.times += max(total(b.mean, b.requests)-total(a.mean, a.requests), 0)
			continue
		}
		iv := interval{
			offset: time.Duration(a.at-points[0].at) * time.Second, length: time.Duration(max(b.at-a.at, 1)) * time.Second, users: b.users,
			requests: b.requests - a.requests, failed: b.failed - a.failed,
			times: max(total(b.mean, b.requests)-total(a.mean, a.requests), 0),
		}
		im.users = max(im.users, b.users)
		if im.least < 0 || b.users < im.least {
			im.least = b.users
		}
		s.intervals = append(s.intervals, iv)
	}
	end := s.intervals[len(s.intervals)-1]
	s.span = end.offset + end.length
}
