package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// syncEvery is how often the journal is synced to the disk: what a crash of the
// whole machine may cost. A crash of lt alone costs less than a line.
const syncEvery = 5 * time.Second

// Resolution is the length of a line of the histogram log, and of a point of the
// timeline, for a run planned to last so long.
func Resolution(planned time.Duration) time.Duration {
	if planned <= 10*time.Minute {
		return time.Second
	}
	return 5 * time.Second
}

// A group is the distributions of one HistogramIndex.
type group struct {
	index HistogramIndex
	dists []metric.Dist // one for each of index.Lines
}

// A Journal writes the intervals of a run to its directory, and keeps the
// [Collector] that makes the result of them. It is the run's blocking observer:
// its methods are called from one goroutine at a time. Close ends it.
type Journal struct {
	*Collector
	Prober    Prober // of the target's processes; nil: none is read
	intervals *os.File
	hlog      *os.File
	synced    time.Time
	line, log bytes.Buffer

	// The group being filled.
	from   time.Duration
	period metric.Period
	hold   *metric.Snapshot // endpoints and start delay since from; nil: nothing yet
}

// NewJournal starts the journal of the run that d holds.
func NewJournal(d *Dir) (*Journal, error) {
	intervals, err := d.create(IntervalsFile)
	if err != nil {
		return nil, err
	}
	hlog, err := d.create(HistogramFile)
	if err != nil {
		intervals.Close()
		return nil, err
	}
	j := &Journal{Collector: NewCollector(d.Plan), intervals: intervals, hlog: hlog, synced: time.Now()}
	if err := hlogHeader(hlog, d.Plan.StartedAt); err != nil {
		j.Close()
		return nil, fmt.Errorf("write %s: %w", hlog.Name(), err)
	}
	return j, nil
}

// Observe writes one snapshot. After an error the journal on disk ends before
// it, while the Collector goes on: the run can still be reported from memory.
func (j *Journal) Observe(s *metric.Snapshot) error {
	iv := newInterval(j.plan, s)
	if j.Prober != nil {
		iv.Probes = j.Prober.Read()
	}
	if j.hold == nil {
		j.hold, j.from, j.period = s, s.Offset, s.Period
	} else {
		j.hold = metric.Merge(j.hold, s)
	}
	var g *group
	// The Runner ends an interval a little after the second, so that a group may
	// be a little short of the resolution and still be whole.
	if s.Final || j.ends(s) {
		g = j.group(s.Offset + s.Length - j.from)
		iv.Histograms = &g.index
		j.hold = nil
	}
	j.Add(iv, g)
	return j.write(iv, g)
}

// ends reports whether the group in hand ends with s: it is long enough, or the
// next interval belongs to another period.
func (j *Journal) ends(s *metric.Snapshot) bool {
	end := s.Offset + s.Length
	if end-j.from >= j.plan.Resolution-50*time.Millisecond {
		return true
	}
	for _, e := range s.Events {
		if e.Kind != "start" && e.Kind != "measured" {
			return true // stopped, interrupted, edited: the next interval may be another period's
		}
	}
	planned := j.plan.Profile.Duration()
	if look := j.plan.FirstLook; look > 0 && j.from < look && end >= look {
		return true // the run is judged here
	}
	if j.period == metric.Warmup {
		return end >= j.plan.Profile.Warmup
	}
	return j.period == metric.Measured && end >= planned
}

// group is what j.hold has gathered.
func (j *Journal) group(length time.Duration) *group {
	g := &group{index: HistogramIndex{Offset: j.from, Length: length}}
	add := func(endpoint int, kind string, d *metric.Dist) {
		if d.Count == 0 {
			return
		}
		g.index.Lines = append(g.index.Lines, HistogramEntry{
			Endpoint: endpoint, Kind: kind, Count: d.Count, Sum: d.Sum, Min: d.Min, Max: d.Max,
		})
		g.dists = append(g.dists, *d)
	}
	for i := range j.hold.Endpoints {
		e := &j.hold.Endpoints[i]
		add(i, KindOK, &e.Response)
		add(i, KindService, &e.Service)
		add(i, KindFailed, &e.Failures)
		for span := range e.Spans {
			add(i, metric.Span(span).String(), &e.Spans[span])
		}
	}
	add(-1, KindStartDelay, &j.hold.StartDelay)
	if j.plan.Personas != nil {
		for i := range j.hold.Personas {
			p, from := &j.hold.Personas[i], len(g.index.Lines)
			add(-1, KindOK, &p.Response)
			add(-1, KindService, &p.Service)
			for k := range g.index.Lines[from:] {
				g.index.Lines[from+k].Persona = p.Name
			}
		}
	}
	return g
}

// write puts the group's lines into the log, and then the interval's line.
func (j *Journal) write(iv *Interval, g *group) error {
	j.log.Reset()
	if g != nil {
		for i, e := range g.index.Lines {
			if err := j.enc.line(&j.log, hlogTag(j.plan.Endpoints, e), g.index.Offset, g.index.Length, &g.dists[i]); err != nil {
				return fmt.Errorf("write %s: %w", j.hlog.Name(), err)
			}
		}
		if _, err := j.hlog.Write(j.log.Bytes()); err != nil {
			return err
		}
	}
	j.line.Reset()
	if err := json.NewEncoder(&j.line).Encode(iv); err != nil {
		return fmt.Errorf("write %s: %w", j.intervals.Name(), err)
	}
	if _, err := j.intervals.Write(j.line.Bytes()); err != nil {
		return err
	}
	if iv.Final || time.Since(j.synced) >= syncEvery {
		j.synced = time.Now()
		if err := j.hlog.Sync(); err != nil {
			return err
		}
		return j.intervals.Sync()
	}
	return nil
}

// Close closes the files.
func (j *Journal) Close() error {
	err := j.hlog.Close()
	if e := j.intervals.Close(); err == nil {
		err = e
	}
	return err
}

// newInterval is s without its histograms. Endpoints of s stand in the plan's
// order: both come from the script's rows.
func newInterval(p *Plan, s *metric.Snapshot) *Interval {
	iv := &Interval{
		Seq: s.Seq, Offset: s.Offset, Length: s.Length, Period: s.Period, Final: s.Final,
		Users: s.Users, Target: s.Target, Nominal: s.Nominal, Iterations: s.Iterations, Idle: s.Idle,
		Dropped: s.Dropped, Waited: s.Waited, Unsent: s.Unsent, InFlight: s.InFlight, Residence: s.Residence, Health: s.Health, Exemplars: s.Exemplars, Events: s.Events,
		Endpoints: []IntervalEndpoint{},
	}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Requests == 0 && e.Reconnects == 0 {
			continue
		}
		iv.Endpoints = append(iv.Endpoints, IntervalEndpoint{
			Index: i, Requests: e.Requests, Failed: e.Failed, Outcomes: failures(e.Outcomes),
			Reconnects: e.Reconnects, BytesOut: e.BytesOut, BytesIn: e.BytesIn, TimeSum: e.TimeSum,
		})
	}
	if p.Personas != nil {
		for i := range s.Personas {
			if x := &s.Personas[i]; x.Requests > 0 {
				iv.Personas = append(iv.Personas, IntervalEndpoint{Index: i, Requests: x.Requests, Failed: x.Failed, Outcomes: failures(x.Outcomes)})
			}
		}
	}
	return iv
}

// failures are the counts of failed requests by class; nil without any.
func failures(outcomes map[metric.Class]int64) map[string]int64 {
	var out map[string]int64
	for class, n := range outcomes {
		if class.Outcome == metric.OK || n == 0 {
			continue
		}
		if out == nil {
			out = map[string]int64{}
		}
		out[class.Key()] += n
	}
	return out
}
