package importer

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// A summary is what files without single requests tell: figures of the whole run,
// and perhaps counts and means over time.
type summary struct {
	run.ImportedSummary
	requests, failed int64
	span             time.Duration
	history          bool       // the intervals are the file's
	intervals        []interval // one at least
}

// An interval is a stretch of time and what happened in it.
type interval struct {
	offset, length   time.Duration
	users            int
	requests, failed int64
	times            time.Duration // of all requests' response times
	iterations       int64
	dropped          int64
}

// allRequests is the endpoint of files that tell none apart.
var allRequests = metric.Endpoint{Path: "all requests"}

// readSummary reads files of summaries.
func (im *Import) readSummary(shapes map[*file]shape) error {
	im.summary = &summary{}
	im.endpoints = []metric.Endpoint{allRequests}
	if im.options.Warmup > 0 {
		return errors.New("--warmup needs the times of single requests, and a summary has none")
	}
	var err error
	if im.format.Name == "locust" {
		err = im.readLocust(shapes)
	} else {
		err = im.readK6Summary()
	}
	if err != nil {
		return err
	}
	im.requests = im.summary.requests
	if im.requests == 0 {
		return &Mistake{File: im.files[0].name, Text: "it tells of no request: there is nothing to import"}
	}
	for i := range im.summary.Endpoints {
		e := &im.summary.Endpoints[i]
		if im.summary.span > 0 {
			perSecond := float64(e.Requests-e.Failed) / im.summary.span.Seconds()
			e.Throughput = &perSecond
		}
	}
	return nil
}

// replay gives the intervals on, as snapshots without histograms.
func (s *summary) replay(im *Import, observe func(*metric.Snapshot) error) error {
	for i, iv := range s.intervals {
		snap := &metric.Snapshot{
			Seq: i, Offset: iv.offset, Length: iv.length, Period: metric.Measured, Final: i == len(s.intervals)-1,
			Users: iv.users, Iterations: iv.iterations, Dropped: iv.dropped,
			Health: metric.Health{CPU: -1, RSS: -1, Steal: -1, Pressure: -1},
		}
		row := metric.EndpointSnapshot{
			Endpoint: im.endpoints[0], Requests: iv.requests, Failed: iv.failed, TimeSum: iv.times,
			Outcomes: map[metric.Class]int64{{}: iv.requests - iv.failed, unknownFailure: iv.failed},
		}
		snap.Endpoints = []metric.EndpointSnapshot{row}
		if err := observe(snap); err != nil {
			return err
		}
	}
	return nil
}

// only is one stretch of the given length, of which nothing more is known.
func (s *summary) only(users int, iterations, dropped int64, mean float64) {
	iv := interval{length: s.span, users: users, requests: s.requests, failed: s.failed, iterations: iterations, dropped: dropped}
	if sum := mean * float64(time.Millisecond) * float64(s.requests); sum > 0 && sum < 8e18 {
		iv.times = time.Duration(sum)
	}
	s.intervals = []interval{iv}
}

func base(f *file) string { return filepath.Base(f.name) }
