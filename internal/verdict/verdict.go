// Package verdict judges: from the evidence of a run it says which thresholds
// were shown to hold, which were shown to be broken and which the data cannot
// decide, and whether the measurement was valid at all. It does no I/O.
package verdict

import (
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Verdict is the outcome of a run or of one threshold.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"         // shown to hold
	Fail         Verdict = "fail"         // shown to be broken
	Inconclusive Verdict = "inconclusive" // the data decide neither: NOT PROVEN
	Invalid      Verdict = "invalid"      // the generator, not the target, was measured
	None         Verdict = "none"         // nothing was asked
)

// A Threshold is one limit that a run has to keep. ParseThreshold makes them.
type Threshold struct {
	Expression string  `json:"expression"`         // canonical: "p95{GET /orders/*} < 500ms"
	Metric     string  `json:"metric"`             // p95, p99.9, error_rate, throughput, ...: a name of the metric table
	Quantile   float64 `json:"quantile,omitempty"` // of p95: 0.95
	Scope      string  `json:"scope,omitempty"`    // a glob over endpoint names; empty: the whole run
	Each       bool    `json:"each,omitempty"`     // judged for each endpoint of the scope by itself
	Op         string  `json:"op"`                 // < <= > >= ==
	Limit      float64 `json:"limit"`              // in Unit
	Unit       string  `json:"unit"`               // ms, ratio, per_s, count
	Source     string  `json:"source,omitempty"`   // default, scenario, flag
}

// Evidence is what a run shows. The run's measured periods only, unless a field
// says otherwise; requests that failed by the generator's own fault are left out
// of every count but Generator's.
type Evidence struct {
	Total     Series
	Endpoints []Series
	Personas  []Series // named persona:NAME; empty: not measured by themselves

	Model      metric.Model
	Think      bool          // the closed model's users think between iterations
	Window     time.Duration // measured, the graceful stop left out
	Complete   bool          // the run went to its planned end
	Dropped    int64
	Unsent     int64
	Iterations int64
	Nominal    float64 // iterations that the profile asks for in Window; 0: not known
	Generator  Generator
}

// A Series is the evidence on the whole run or on one endpoint.
type Series struct {
	Name      string // empty: the whole run
	Requests  int64
	Failed    int64
	Warmup    Count // before the figures start; part of the error rate
	Outcomes  map[metric.Class]int64
	Attempted int64       // requests that ended in Window
	Succeeded int64       // the successful ones of them
	Response  metric.Dist // of successful requests
	Blocks    []Block     // Requests cut into equal lengths of time (BlockLength), in order
}

// A Count is a number of requests and how many of them failed.
type Count struct {
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
}

// A Block is a stretch of the run, long enough that what happens in one says
// little of the next.
type Block struct {
	Start    time.Duration // since the run's start
	Length   time.Duration
	Requests int64
	Failed   int64
	Response metric.Dist // of successful requests
}

// Generator is lt's own state over the measured window.
type Generator struct {
	StartDelay metric.Dist   // due to start
	Failed     int64         // requests of outcome generator, warm-up included
	Attempted  int64         // all requests, warm-up included
	CPUQuota   float64       // cores
	CPUHigh    time.Duration // longest stretch with CPU over 80 % of CPUQuota
	CPUPercent float64       // mean, 100 = one core
	StallMax   time.Duration
	StallTotal time.Duration
	Stalls     int
	Steal      float64 // worst, percent
	Pressure   float64 // worst, percent
	ClockJump  time.Duration
}

// A Judged is a threshold and what became of it, as it stands in result.json.
type Judged struct {
	Expression string   `json:"expression"`
	Scope      string   `json:"scope,omitempty"` // the endpoint, for a threshold on one; empty: the whole run
	Metric     string   `json:"metric"`
	Op         string   `json:"op"`
	Unit       string   `json:"unit"`            // of value, low, high and limit
	Value      *float64 `json:"value,omitempty"` // absent: nothing measured, or (latency) more failed than the percentile leaves room for
	Low        *float64 `json:"low,omitempty"`   // the interval of value: 90 % two-sided, so 95 % to each side
	High       *float64 `json:"high,omitempty"`
	Limit      float64  `json:"limit"`
	Share      *float64 `json:"share,omitempty"` // latency: share of attempts over the limit
	ShareLimit *float64 `json:"share_limit,omitempty"`
	N          int64    `json:"n"`
	Verdict    Verdict  `json:"verdict"`
	Source     string   `json:"source,omitempty"`
	Reason     string   `json:"reason"` // one sentence with its figures
	ByTarget   bool     `json:"-"`      // failed by the target's own failures: a slow generator cannot have made these
}

// A Judgement is the verdict on a run.
type Judgement struct {
	Verdict    Verdict
	Reasons    []string // most telling first
	Thresholds []Judged
	Valid      bool
	Validity   []string // why not valid, and what to do about it
	Notes      []string // stamps that change no verdict: shared machine, generator-bound
}
