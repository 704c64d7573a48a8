package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

var testStart = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// testPlan is a closed run of 10 users for d with two endpoints.
func testPlan(d time.Duration) *Plan {
	p := &Plan{
		Schema: Schema, LT: "devel", RunID: "test", Scenario: "Light/../x", Target: "http://127.0.0.1:1", StartedAt: testStart,
		Profile: load.Users(10, 5, d), Resolution: Resolution(d),
		Personas:   []string{"buyer", "seller"},
		Endpoints:  []metric.Endpoint{{Method: "GET", Path: "/a, b"}, {Method: "POST", Path: "/things/{id}"}},
		Thresholds: verdict.Default(),
	}
	p.Think = Think{Min: time.Second, Mean: 2 * time.Second, Max: 3 * time.Second}
	return p
}

// record runs made-up seconds through a journal: n requests a second on each
// endpoint; fails says whether request i of second s fails.
func record(t *testing.T, j *Journal, p *Plan, seconds, n int, fails func(s, i int) bool, stopAt int) {
	t.Helper()
	rows := []metric.Row{{Persona: "buyer", Endpoint: p.Endpoints[0]}, {Persona: "seller", Endpoint: p.Endpoints[1]}}
	recs := metric.NewRecorders(metric.Closed, rows, 2)
	r := rand.New(rand.NewPCG(1, 2))
	total := int(p.Profile.Duration() / time.Second)
	for s := range seconds {
		for row := range rows {
			for i := range n {
				sent := time.Duration(s)*time.Second + time.Millisecond
				sm := metric.Sample{Due: sent, Sent: sent, Phase: metric.PhaseBody, Upstream: 300 * time.Microsecond, End: sent + time.Duration(1+r.IntN(200))*time.Millisecond, Status: 200, BytesIn: 10, BytesOut: 5}
				sm.FirstByte = sm.End - time.Duration(r.IntN(int(sm.End-sent)))
				if i%3 == 0 {
					sm.Resolved, sm.Connected, sm.TLSDone = sent+100, sent+90_000, sent+800_000
				}
				if fails != nil && fails(s, i) {
					sm.Outcome, sm.Status = metric.Status, 503
				}
				rec := recs.Shard(i)
				rec.StartedLate(time.Duration(r.IntN(1000)) * time.Microsecond)
				rec.Record(row, &sm)
				if sm.Outcome != metric.OK && rec.Exemplar(row, sm.Class()) {
					rec.KeepExemplar(metric.Exemplar{Endpoint: rows[row].Endpoint.Name(), Class: "status_503", Message: "503 Service Unavailable"})
				}
			}
		}
		snap := recs.Take()
		snap.Seq, snap.Offset, snap.Length, snap.Users = s, time.Duration(s)*time.Second, time.Second, 10
		snap.Nominal = 10
		snap.Period = metric.Measured
		if snap.Offset < p.Profile.Warmup {
			snap.Period = metric.Warmup
		}
		if s >= total {
			snap.Period = metric.Drain
		}
		snap.Final = s == stopAt
		if err := j.Observe(snap); err != nil {
			t.Fatal(err)
		}
	}
}

func newTestRun(t *testing.T, p *Plan) (*Dir, *Journal) {
	t.Helper()
	d, err := Create(filepath.Join(t.TempDir(), "out"), p)
	if err != nil {
		t.Fatal(err)
	}
	j, err := NewJournal(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return d, j
}

func TestEncoderWritesWhatTheLibraryReads(t *testing.T) {
	var enc hlogEncoder
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 100, 5000} {
		var d metric.Dist
		for range n {
			d.Record(time.Duration(r.ExpFloat64() * float64(30*time.Millisecond)))
		}
		d.Record(24 * time.Hour)
		d.Record(0)
		text, err := enc.encode(d.Packed())
		if err != nil {
			t.Fatal(err)
		}
		got, err := hdr.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want := hdr.New(got.LowestTrackableValue(), got.HighestTrackableValue(), int(got.SignificantFigures()))
		d.Packed().MergeInto(want)
		if !got.Equals(want) {
			t.Errorf("%d values: the histogram read back is another one", n)
		}
	}
}

func TestAnyReaderOfHistogramLogsReadsTheLog(t *testing.T) {
	p := testPlan(20 * time.Second)
	d, j := newTestRun(t, p)
	record(t, j, p, 20, 10, nil, 19)
	f, err := os.Open(filepath.Join(d.Path, HistogramFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lr := hdr.NewHistogramLogReader(f)
	tags := map[string]int64{}
	for {
		h, err := lr.NextIntervalHistogram()
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		tags[h.Tag()] += h.TotalCount()
	}
	want := map[string]int64{"start_delay": 400, "persona:buyer:ok": 200, "persona:seller:ok": 200}
	for _, endpoint := range []string{"GET:/a%2C%20b:", "POST:/things/{id}:"} {
		for kind, n := range map[string]int64{
			KindOK: 200, "first_byte": 200, "transfer": 200, "upstream": 200, "gateway": 200, "dns": 80, "connect": 80, "tls": 80,
		} {
			want[endpoint+kind] = n
		}
	}
	if diff := cmp.Diff(want, tags); diff != "" {
		t.Errorf("tags and counts (-want +got):\n%s", diff)
	}
}

// TestRebuildGivesTheSameResult is what makes a report's figures evidence: judged
// again from the journal alone, the run gives every figure again.
func TestRebuildGivesTheSameResult(t *testing.T) {
	for _, c := range []struct {
		name string
		d    time.Duration
		open bool
	}{
		{"1 s lines", 70 * time.Second, false},
		{"5 s lines", 11 * time.Minute, false},
		{"open", 70 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testPlan(c.d)
			if c.open {
				p.Profile = load.Rate(20, c.d, 100)
				p.Think = Think{}
			}
			d, j := newTestRun(t, p)
			record(t, j, p, int(c.d/time.Second)+2, 10, func(s, i int) bool { return s > 30 && s < 40 || i == 3 && s%7 == 0 }, int(c.d/time.Second)+1)
			live := j.Result()
			rebuilt, err := rebuild(d.Path)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := json.MarshalIndent(live, "", " ")
			b, _ := json.MarshalIndent(rebuilt, "", " ")
			if diff := cmp.Diff(strings.Split(string(a), "\n"), strings.Split(string(b), "\n")); diff != "" {
				t.Errorf("live and rebuilt differ (-live +rebuilt):\n%s", diff)
			}
			if !live.Complete || live.Totals.Requests == 0 || len(live.Outages) != 1 {
				t.Errorf("complete %v, %d requests, outages %+v", live.Complete, live.Totals.Requests, live.Outages)
			}
			if want := int64(20 * (int(c.d/time.Second) + 2)); live.Totals.Requests+live.Warmup.Requests != want {
				t.Errorf("totals + warm-up = %d + %d, want %d", live.Totals.Requests, live.Warmup.Requests, want)
			}
			// The blocks hold what the whole does, also those that were kept encoded.
			ev := j.Evidence()
			for _, se := range append([]verdict.Series{ev.Total}, ev.Endpoints...) {
				var all metric.Dist
				for _, b := range se.Blocks {
					all.Merge(&b.Response)
				}
				for _, limit := range []time.Duration{0, 2 * time.Millisecond, 20 * time.Millisecond, time.Second} {
					if got, want := all.CountAbove(limit), se.Response.CountAbove(limit); got != want {
						t.Errorf("%q: the blocks hold %d over %v, the whole %d", se.Name, got, limit, want)
					}
				}
				if len(se.Blocks) < 5 || all.Sum != se.Response.Sum || all.Min != se.Response.Min || all.Max != se.Response.Max {
					t.Errorf("%q: %d blocks of sum %v, %v to %v; the whole has %v, %v to %v", se.Name, len(se.Blocks), all.Sum, all.Min, all.Max, se.Response.Sum, se.Response.Min, se.Response.Max)
				}
			}
			sum := int64(0)
			for _, pt := range live.Timeline {
				sum += pt.Requests
			}
			if want := int64(20 * (int(c.d/time.Second) + 2)); sum != want {
				t.Errorf("the timeline holds %d requests, want %d", sum, want)
			}
		})
	}
}

// TestTornJournal cuts both files of a journal at every kind of place: what is
// read is always whole, and at most one line's length is lost.
func TestTornJournal(t *testing.T) {
	p := testPlan(60 * time.Second)
	d, j := newTestRun(t, p)
	record(t, j, p, 30, 5, nil, -1) // killed after 30 s
	j.Close()
	whole := map[string][]byte{}
	for _, name := range []string{IntervalsFile, HistogramFile} {
		b, err := os.ReadFile(filepath.Join(d.Path, name))
		if err != nil {
			t.Fatal(err)
		}
		whole[name] = b
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		for name, b := range whole {
			keep := len(b)
			if r.IntN(2) == 0 {
				keep = r.IntN(len(b))
			}
			if err := os.WriteFile(filepath.Join(d.Path, name), b[:keep], 0o666); err != nil {
				t.Fatal(err)
			}
		}
		res, err := rebuild(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if res.Complete {
			t.Fatal("a cut journal calls itself complete")
		}
		if res.Totals.Response != nil && res.Totals.Response.N != res.Totals.Requests {
			t.Fatalf("%d requests, but response times of %d", res.Totals.Requests, res.Totals.Response.N)
		}
	}
	for name, b := range whole {
		if err := os.WriteFile(filepath.Join(d.Path, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	res, err := rebuild(d.Path)
	if err != nil || res.DurationS != 30 {
		t.Fatalf("whole again: %v, %v s", err, res.DurationS)
	}
}

// TestAStopInTheWarmUp: what a line of the histogram log holds is of one period,
// also where a stop makes the drain follow on the warm-up.
func TestAStopInTheWarmUp(t *testing.T) {
	p := testPlan(60 * time.Second)
	_, j := newTestRun(t, p)
	recs := metric.NewRecorders(metric.Closed, []metric.Row{{Endpoint: p.Endpoints[0]}, {Endpoint: p.Endpoints[1]}}, 1)
	for i, period := range []metric.Period{metric.Warmup, metric.Warmup, metric.Drain} {
		sm := metric.Sample{Sent: time.Millisecond, End: 2 * time.Millisecond, Status: 200}
		recs.Shard(0).Record(0, &sm)
		s := recs.Take()
		s.Seq, s.Period, s.Final, s.Offset, s.Length = i, period, period == metric.Drain, time.Duration(i)*time.Second, time.Second
		if i == 1 {
			s.Length, s.Events = 300*time.Millisecond, []metric.Event{{Kind: "interrupted"}}
		}
		if err := j.Observe(s); err != nil {
			t.Fatal(err)
		}
	}
	r := j.Result()
	if r.Warmup.Requests != 2 || r.Totals.Requests != 1 || r.Totals.Response.N != 1 {
		t.Errorf("%d requests in the warm-up, %d counted with %d response times", r.Warmup.Requests, r.Totals.Requests, r.Totals.Response.N)
	}
}

func TestAnEmptyRunIsNeverAPass(t *testing.T) {
	p := testPlan(10 * time.Second)
	d, j := newTestRun(t, p)
	_ = d
	res := j.Result()
	if res.Verdict == verdict.Pass {
		t.Error("no data, and a pass")
	}
	b, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"reasons":[`, `"thresholds":[`, `"failures":[]`, `"timeline":[]`, `"not_shown":[`} {
		if !bytes.Contains(b, []byte(key)) {
			t.Errorf("result.json lacks %s", key)
		}
	}
}

func TestDirectories(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := testPlan(time.Second)
	var paths []string
	for range 3 {
		d, err := Create(out, p)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Base(d.Path))
	}
	want := []string{"light-..-x-20260504T030201Z", "light-..-x-20260504T030201Z-2", "light-..-x-20260504T030201Z-3"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, ref := range []string{"latest", want[2], filepath.Join(out, want[2]), filepath.Join(out, want[2], PlanFile)} {
		got, err := Find(out, ref)
		if err != nil || filepath.Base(got) != want[2] {
			t.Errorf("Find(%q) = %q, %v", ref, got, err)
		}
	}
	if _, err := Find(out, "nosuch"); err == nil {
		t.Error("found a run that is not there")
	}
	if entries, _ := os.ReadDir(out); len(entries) != 4 {
		t.Errorf("%d entries beside the runs and the link", len(entries))
	}
}

func TestWriteFileLeavesNothingHalf(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, func(w io.Writer) error { _, err := w.Write([]byte("one")); return err }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := WriteFile(path, func(w io.Writer) error { w.Write([]byte("tw")); return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "one" {
		t.Errorf("the file holds %q", b)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Error("a temporary file was left")
	}
}

func TestAFullDiskEndsTheJournalNotTheRun(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	p := testPlan(10 * time.Second)
	_, j := newTestRun(t, p)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	j.intervals.Close()
	j.intervals = full
	s := &metric.Snapshot{Period: metric.Measured, Length: time.Second, Endpoints: []metric.EndpointSnapshot{{Requests: 3, Outcomes: map[metric.Class]int64{{}: 3}}, {}}}
	if err := j.Observe(s); err == nil {
		t.Error("a full disk went unnoticed")
	}
	if got := j.Result().Totals.Requests; got != 3 {
		t.Errorf("the result lost what was in memory: %d requests", got)
	}
}

func rebuild(dir string) (*Result, error) {
	c, err := Replay(dir)
	if err != nil {
		return nil, err
	}
	return c.Result(), nil
}

// TestPersonasAreSeriesOfTheirOwn: with one persona on each endpoint, what a
// persona shows is what its endpoint shows, also when the journal is judged again.
func TestPersonasAreSeriesOfTheirOwn(t *testing.T) {
	p := testPlan(40 * time.Second)
	d, j := newTestRun(t, p)
	total := int(p.Profile.Duration() / time.Second)
	record(t, j, p, total+1, 10, func(s, i int) bool { return i == 3 && s%2 == 0 }, total)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Replay(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range []verdict.Evidence{j.Evidence(), again.Evidence()} {
		if len(ev.Personas) != 2 {
			t.Fatalf("%d personas", len(ev.Personas))
		}
		for i, s := range ev.Personas {
			e := &ev.Endpoints[i]
			if s.Name != "persona:"+p.Personas[i] {
				t.Errorf("persona %d is named %s", i, s.Name)
			}
			if s.Requests != e.Requests || s.Failed != e.Failed || s.Failed == 0 || s.Warmup != e.Warmup ||
				s.Attempted != e.Attempted || s.Succeeded != e.Succeeded || len(s.Blocks) != len(e.Blocks) {
				t.Errorf("%s differs from its endpoint: %+v", s.Name, s)
			}
			if diff := cmp.Diff(e.Outcomes, s.Outcomes); diff != "" {
				t.Error(diff)
			}
			for _, q := range []float64{.5, .9, .99, 1} {
				if a, b := e.Response.Quantile(q), s.Response.Quantile(q); a != b {
					t.Errorf("%s: P%v is %v, its endpoint's %v", s.Name, q, b, a)
				}
			}
			for b := range s.Blocks {
				if x, y := &e.Blocks[b], &s.Blocks[b]; x.Requests != y.Requests || x.Failed != y.Failed || x.Length != y.Length || x.Response.Count != y.Response.Count {
					t.Errorf("%s: block %d differs", s.Name, b)
				}
			}
		}
	}
}
