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
	Warn         Verdict = "warn"         // a threshold that only warns was not shown to hold
	None         Verdict = "none"         // nothing was asked
)

// A Threshold is one limit that a run has to keep. ParseThreshold makes them.
type Threshold struct {
	Expression string  `json:"expression"`         // canonical: "p95{GET /orders/*} < 500ms"
	Metric     string  `json:"metric"`             // p95, p99.9, service_p95, error_rate, throughput, ...: a name of the metric table
	Quantile   float64 `json:"quantile,omitempty"` // of p95: 0.95
	Scope      string  `json:"scope,omitempty"`    // a glob over the names of endpoints, persona:NAME or hop:upstream; empty: the whole run
	Each       bool    `json:"each,omitempty"`     // judged for each endpoint of the scope by itself
	Op         string  `json:"op"`                 // < <= > >= ==
	Limit      float64 `json:"limit"`              // in Unit
	Unit       string  `json:"unit"`               // ms, ratio, per_s, count
	Source     string  `json:"source,omitempty"`   // default, scenario, flag

	For    time.Duration `json:"for_ns,omitempty"`         // broken only where it is for so long on end
	Within time.Duration `json:"within_ns,omitempty"`      // kept in every stretch of this length
	Abort  bool          `json:"abort,omitempty"`          // stops the run when it is shown to be broken
	Grace  time.Duration `json:"abort_after_ns,omitempty"` // since the run's start, before which it does not
	Warn   bool          `json:"warn,omitempty"`           // never fails the run
}

// Evidence is what a run shows. The run's measured periods only, unless a field
// says otherwise; requests that failed by the generator's own fault are left out
// of every count but Generator's.
type Evidence struct {
	Total     Series
	Endpoints []Series
	Personas  []Series // named persona:NAME; empty: not measured by themselves
	Hops      []Series // named hop:upstream: the time that each hop says it took; empty: none said so

	// Limits are those that the Over of spans and of spoilt stretches counts at:
	// [LatencyLimits] of the thresholds.
	Limits []Limit

	Model      metric.Model
	Think      bool          // the closed model's users think between iterations
	Window     time.Duration // measured, the graceful stop left out
	Duration   time.Duration // of the load until now, warm-up included; 0: no -d sets it (stages)
	Looks      int           // how often a run is judged at most: the error is split over them; 0 counts as 1
	Complete   bool          // the run went to its planned end
	Dropped    int64
	Unsent     int64
	Iterations int64
	Nominal    float64 // iterations that the profile asks for in Window; 0: not known
	Generator  Generator

	Steady      bool          // the load was meant to stay the same all through Window
	Probes      []Probed      // of the target's processes
	drift       *Drift        // JudgeDrift's, once Judge has asked for it
	Spoilt      time.Duration // of Window, in the stretches that Block.Spoilt is about
	BaselineP95 time.Duration // of the run that this one is compared with; 0: with none

	// Request-seconds of the measured window and the drain, for Little's law: the
	// integral of the requests under way, and the sum of how long each took from
	// sent to end. Two ways to one figure; 0: not known.
	InFlight, Residence float64

	way        way         // of judging the spoilt stretches
	thresholds []Threshold // of the run
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
	Service   metric.Dist // likewise, in the open model; in the closed one it is Response
	Blocks    []Block     // Requests cut into equal lengths of time (BlockLength), in order
	Spans     []Span      // Requests and those of the warm-up, second by second; only where a threshold asks (NeedsSpans)
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
	Service  metric.Dist // likewise, in the open model, where a threshold asks (NeedsService)
	Spoilt   *Spoilt     // the part of it in which the generator was not fit to measure; nil: none
}

// Spoilt is what a block, or more of them, counted in stretches in which the
// generator itself stood still, started late or had its processor taken away.
type Spoilt struct {
	Length   time.Duration
	Requests int64
	Failed   int64
	Over     []int64 // successful requests over each of Evidence.Limits
}

// A Span is one stretch of a run, a second or a few, and belongs to the warm-up
// or to the figures whole.
type Span struct {
	Start    time.Duration // since the run's start
	Length   time.Duration
	Warmup   bool
	Spoilt   bool // the generator was not fit to measure
	Requests int64
	Failed   int64
	Checks   int64   // of Failed, by a check
	Over     []int64 // successful requests over each of Evidence.Limits
}

// A Limit is a time that requests are counted above: response time, or service
// time.
type Limit struct {
	Service bool
	At      time.Duration
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
	Steal      float64       // worst, percent
	Crowded    time.Duration // of Window, in intervals that [Crowded] is true of
	Foreign    float64       // mean processor time of others in them, percent of all cores
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
	Warn       bool     `json:"warn,omitempty"`   // fails no run: its verdict is pass, warn or none
	Reason     string   `json:"reason"`           // one sentence with its figures
	MoreS      float64  `json:"more_s,omitempty"` // inconclusive: so many seconds more of the same load would decide it; absent: nobody can say
	ByTarget   bool     `json:"-"`                // failed by the target's own failures: a slow generator cannot have made these
}

// A Judgement is the verdict on a run.
type Judgement struct {
	Verdict    Verdict
	Reasons    []string // most telling first
	Thresholds []Judged
	Valid      bool
	Validity   []string // why not valid, and what to do about it
	Notes      []string // stamps that change no verdict: shared machine, generator-bound
	Drift      *Drift
}
