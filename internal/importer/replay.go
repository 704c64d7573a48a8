package importer

import (
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// exemplars is how many failures of an endpoint and class are kept whole.
const exemplars = 3

// Replay reads the files again and gives the run's snapshots in the order of time,
// one of each second (or of each interval of a log whose intervals are longer).
func (im *Import) Replay(observe func(*metric.Snapshot) error) error {
	if im.summary != nil {
		return im.summary.replay(im, observe)
	}
	b := &buckets{im: im, observe: observe, open: map[int]*metric.Snapshot{}, seen: map[seenKey]int{}}
	type stream struct {
		src  source
		head event
	}
	var streams []*stream
	defer func() {
		for _, s := range streams {
			s.src.Close()
		}
	}()
	for _, f := range im.files {
		f.notes = nil // they have been said
		s, err := detect(f, im.format.Name)
		if err != nil {
			return err
		}
		src, err := im.source(f, s)
		if err != nil {
			return err
		}
		st := &stream{src: src}
		if !src.next(&st.head) {
			src.Close()
			continue
		}
		streams = append(streams, st)
	}
	for len(streams) > 0 {
		least := 0
		for i, s := range streams {
			if s.head.at < streams[least].head.at {
				least = i
			}
		}
		s := streams[least]
		if err := b.add(&s.head); err != nil {
			return err
		}
		if !s.src.next(&s.head) {
			s.src.Close()
			streams = append(streams[:least], streams[least+1:]...)
		}
	}
	for _, f := range im.files {
		if err := f.err(); err != nil {
			return err // the file has changed since
		}
	}
	return b.end()
}

// buckets sorts events into intervals. An interval is given on once no event can
// come for it any more, for the first reading has seen how far out of order they are.
type buckets struct {
	im      *Import
	observe func(*metric.Snapshot) error
	open    map[int]*metric.Snapshot
	next    int   // the first that has not been given on
	newest  int64 // moment of an event
	users   int
	seen    map[seenKey]int
}

type seenKey struct {
	endpoint int
	class    metric.Class
}

func (b *buckets) add(e *event) error {
	im := b.im
	if e.at < im.first || e.at > im.last {
		return &Mistake{File: im.files[0].name, Line: e.line, Text: "the file has changed since it was read first"}
	}
	i := b.of(e.at)
	if e.kind == histogram {
		i = b.of(e.at - int64(e.took)/2)
	}
	if i < b.next {
		i = b.next
	}
	s := b.open[i]
	if s == nil {
		s = b.fresh(i)
		b.open[i] = s
	}
	switch e.kind {
	case users:
		s.Users = int(e.n)
	case iterations:
		s.Iterations += e.n
	case dropped:
		s.Dropped += e.n
	default:
		at, ok := im.index[e.endpoint]
		if !ok {
			return &Mistake{File: im.files[0].name, Line: e.line, Text: "the file has changed since it was read first"}
		}
		if e.kind == request && e.n > 0 {
			s.Users = int(e.n)
		}
		b.count(s, at, e)
	}
	b.newest = max(b.newest, e.at)
	for b.of(b.newest-int64(im.disorder)) > b.next+1 {
		if err := b.give(false); err != nil {
			return err
		}
	}
	return nil
}

// of is the number of the interval that a moment lies in.
func (b *buckets) of(at int64) int {
	last := int(max(b.im.last-b.im.first-1, 0) / int64(b.im.step))
	return min(max(int((at-b.im.first)/int64(b.im.step)), 0), last)
}

func (b *buckets) fresh(i int) *metric.Snapshot {
	s := &metric.Snapshot{
		Seq: i, Offset: time.Duration(i) * b.im.step, Length: b.im.step, Period: metric.Measured, Users: -1,
		Health: metric.Health{CPU: -1, RSS: -1, Steal: -1, Pressure: -1},
	}
	if s.Offset < b.im.warmup() {
		s.Period = metric.Warmup
	}
	s.Endpoints = make([]metric.EndpointSnapshot, len(b.im.endpoints))
	for j, e := range b.im.endpoints {
		s.Endpoints[j].Endpoint = e
	}
	return s
}

func (b *buckets) count(s *metric.Snapshot, at int, e *event) {
	row := &s.Endpoints[at]
	if row.Outcomes == nil {
		row.Outcomes = map[metric.Class]int64{}
	}
	n := int64(1)
	if e.kind == histogram {
		n = e.dist.Count
	}
	into := &row.Response
	row.Requests += n
	row.Outcomes[e.class] += n
	if e.class.Outcome.Failed() {
		row.Failed += n
		into = &row.Failures
	}
	if e.kind == histogram {
		into.Merge(e.dist)
	} else {
		into.Record(e.took)
	}
	row.BytesIn += e.in
	row.BytesOut += e.out
	if k := (seenKey{at, e.class}); e.message != "" && b.seen[k] < exemplars {
		b.seen[k]++
		s.Exemplars = append(s.Exemplars, metric.Exemplar{
			Endpoint: row.Endpoint.Name(), Class: e.class.Key(), Status: e.class.Status,
			At: time.Duration(e.at - b.im.first), ServiceTime: e.took, Message: e.message,
		})
	}
}

// give hands on the next interval.
func (b *buckets) give(final bool) error {
	s := b.open[b.next]
	if s == nil {
		s = b.fresh(b.next)
	}
	delete(b.open, b.next)
	b.next++
	if s.Users < 0 {
		s.Users = b.users
	}
	b.users = s.Users
	if s.Final = final; final {
		s.Length = max(b.im.span()-s.Offset, time.Millisecond)
	}
	return b.observe(s)
}

func (b *buckets) end() error {
	last := b.of(b.im.last)
	for b.next <= last {
		if err := b.give(b.next == last); err != nil {
			return err
		}
	}
	return nil
}
