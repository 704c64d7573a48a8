package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/scenarios"
)

// An oracle is a load whose response times are known from its schedule and the
// model of the server alone, so that whatever lt measures can be held against
// them. See docs/oracles.md.
type oracle struct {
	name     string
	about    string
	rate     float64
	arrivals load.Arrivals
	duration time.Duration
	users    int // at most
	seed     uint64
	alone    bool // nothing else runs beside it

	model     func() serverModel // a new one, which says the same again
	quantiles []float64
	relative  float64             // the bound: this share of the truth,
	least     time.Duration       // or this, whichever is more
	pacing    time.Duration       // bound on the P99 of the start delay; 0: none
	theory    func() []oracleBand // what the quantiles of runs of this length are; nil: nothing more than the truth
}

// An oracleBand holds a quantile of 99 of 100 runs.
type oracleBand struct{ low, high time.Duration }

// An oracleFinding is one figure of an oracle.
type oracleFinding struct {
	Oracle   string  `json:"oracle"`
	Figure   string  `json:"figure"`
	Truth    float64 `json:"truth"`
	Measured float64 `json:"measured"`
	Low      float64 `json:"low"` // bounds of what is right
	High     float64 `json:"high"`
	Unit     string  `json:"unit"` // ms, count
	Pass     bool    `json:"pass"`

	// The machine could not keep time: others used it meanwhile (the rule of "shared
	// machine"), or lt's own starts were late (see lateStart). A time that is wrong may
	// be the machine's.
	Busy bool `json:"busy,omitempty"`
}

const startDelayP99 = "start delay P99"

// lateStart is the P99 of the start delay beyond which a machine is called busy: the
// starts themselves show then what response times can hold.
const lateStart = time.Millisecond

func (o *oracle) found(figure string, truth, measured, low, high float64, unit string) oracleFinding {
	return oracleFinding{Oracle: o.name, Figure: figure, Truth: truth, Measured: measured, Low: low, High: high, Unit: unit, Pass: measured >= low && measured <= high}
}

// A dueLog is a Script that notes when iterations were due.
type dueLog struct {
	load.Script
	mu  sync.Mutex
	due []time.Duration
}

type dueSession struct {
	load.Session
	log *dueLog
}

func (d *dueLog) NewUser(id int, seed uint64) load.Session {
	return &dueSession{d.Script.NewUser(id, seed), d}
}

func (s *dueSession) Iterate(ctx context.Context, due time.Duration, rec *metric.Recorder) time.Duration {
	s.log.mu.Lock()
	s.log.due = append(s.log.due, due)
	s.log.mu.Unlock()
	return s.Session.Iterate(ctx, due, rec)
}

// run runs the load against a server of its own, and holds what lt measured
// against the truth.
func (o *oracle) run(ctx context.Context) ([]oracleFinding, error) {
	clock := metric.NewClock()
	server, err := newStubServer(clock, o.model())
	if err != nil {
		return nil, err
	}
	defer server.Close()
	target, err := url.Parse(server.URL())
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Options{Target: target, Clock: clock})
	if err != nil {
		return nil, err
	}
	scenario, err := scenarios.FromURL(server.URL(), "GET", nil, nil)
	if err != nil {
		return nil, err
	}
	script, err := scenario.Compile(scenarios.CompileOptions{
		Client: c, Clock: clock, Target: target, Timeout: client.DefaultTimeout, Redactor: client.NewRedactor(), Users: o.users,
	})
	if err != nil {
		return nil, err
	}
	profile := load.Rate(o.rate, o.duration, o.users)
	profile.Arrivals, profile.Warmup = o.arrivals, 0
	log := &dueLog{Script: script}
	runner := load.New(load.Config{
		Profile: profile, Script: log, Clock: clock, Seed: o.seed, Monitor: load.NewMonitor(), Waiter: load.NewWaiter(),
		Recorders: metric.NewRecorders(metric.Open, script.Rows(), runtime.GOMAXPROCS(0)), Patience: client.DefaultTimeout,
	})
	sum, shared := &metric.Snapshot{}, false
	if err := runner.Run(ctx, load.Observer{Name: "selftest", Blocking: true, Observe: func(s *metric.Snapshot) error {
		sum, shared = metric.Merge(sum, s), shared || verdict.Shared(&s.Health)
		return nil
	}}); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	found := o.judge(log.due, server.log(), sum)
	for i := range found {
		late := sum.StartDelay.Quantile(.99) > lateStart && found[i].Figure != startDelayP99
		found[i].Busy = shared || late
	}
	return found, nil
}

// judge holds the measurement against the truth: what the model makes of the
// schedule, and how late the server was in keeping to it. What the generator was
// late for is in the measurement alone.
func (o *oracle) judge(due, lateness []time.Duration, sum *metric.Snapshot) []oracleFinding {
	profile := load.Rate(o.rate, o.duration, o.users)
	profile.Arrivals = o.arrivals
	pacer, scheduled := load.NewPacer(&profile, o.seed), []time.Duration(nil)
	for at, ok := pacer.Next(); ok; at, ok = pacer.Next() {
		scheduled = append(scheduled, at)
	}
	n := float64(len(scheduled))
	total := sum.Totals()
	out := []oracleFinding{
		o.found("iterations started", n, float64(sum.Iterations), n, n, "count"),
		o.found("requests answered", n, float64(total.Response.Count), n, n, "count"),
		o.found("requests the server saw", n, float64(len(lateness)), n, n, "count"),
	}
	if len(due) == 0 || len(lateness) != len(scheduled) {
		return out
	}
	start := slices.Min(due) - scheduled[0]
	model := o.model()
	truth := make([]time.Duration, len(scheduled))
	for i, at := range scheduled {
		truth[i] = model(start+at) - (start + at) + lateness[i]
	}
	slices.Sort(truth)
	var bands []oracleBand
	if o.theory != nil {
		bands = o.theory()
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for i, q := range o.quantiles {
		want, got := rankOf(truth, q), total.Response.Quantile(q)
		name := fmt.Sprintf("response time P%g", math.Round(q*1e4)/100)
		bound := max(time.Duration(o.relative*float64(want)), o.least)
		out = append(out, o.found(name, ms(want), ms(got), ms(want-bound), ms(want+bound), "ms"))
		if bands != nil {
			middle := (bands[i].low + bands[i].high) / 2
			out = append(out, o.found(name+", of the theory", ms(middle), ms(got), ms(bands[i].low-o.least), ms(bands[i].high+o.least), "ms"))
		}
	}
	if o.pacing > 0 {
		out = append(out, o.found(startDelayP99, 0, ms(sum.StartDelay.Quantile(.99)), 0, ms(o.pacing), "ms"))
	}
	return out
}

// rankOf is the smallest of sorted values that the share q of them does not exceed.
func rankOf(sorted []time.Duration, q float64) time.Duration {
	i := int(math.Ceil(q*float64(len(sorted))*(1-1e-12))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// answering answers after a delay.
func answering(delay time.Duration) func() serverModel {
	return func() serverModel { return func(at time.Duration) time.Duration { return at + delay } }
}

// freezing answers at once, but stands still for the given time of each period,
// in its middle.
func freezing(still, period time.Duration) func() serverModel {
	return func() serverModel {
		return func(at time.Duration) time.Duration {
			from := at - at%period + (period-still)/2
			if at >= from && at < from+still {
				return from + still
			}
			return at
		}
	}
}

// single is one server that takes exponential times, of the given mean, for each
// request in turn: with Poisson arrivals the queue M/M/1.
func single(mean time.Duration, seed uint64) func() serverModel {
	return func() serverModel {
		random, free := rand.New(rand.NewPCG(seed, 0x6d6d31)), time.Duration(0)
		return func(at time.Duration) time.Duration {
			free = max(free, at) + time.Duration(random.ExpFloat64()*float64(mean))
			return free
		}
	}
}

// bandsOf are the quantiles of 99 of 100 runs of a queue M/M/1 that starts empty.
func bandsOf(rate float64, duration, mean time.Duration, quantiles []float64) []oracleBand {
	const runs = 400
	each := make([][]time.Duration, len(quantiles))
	for seed := range uint64(runs) {
		p := load.Rate(rate, duration, 1)
		p.Arrivals = load.Poisson
		pacer, model := load.NewPacer(&p, seed+1e6), single(mean, seed+1e6)()
		var waits []time.Duration
		for at, ok := pacer.Next(); ok; at, ok = pacer.Next() {
			waits = append(waits, model(at)-at)
		}
		slices.Sort(waits)
		for i, q := range quantiles {
			each[i] = append(each[i], rankOf(waits, q))
		}
	}
	out := make([]oracleBand, len(quantiles))
	for i, values := range each {
		slices.Sort(values)
		out[i] = oracleBand{rankOf(values, .005), rankOf(values, .995)}
	}
	return out
}

func paced(rate float64, duration time.Duration) *oracle {
	return &oracle{
		name: fmt.Sprintf("pacing %g/s", rate), about: fmt.Sprintf("%g iterations/s for %v, evenly spaced", rate, duration),
		rate: rate, duration: duration, users: 1000, model: answering(0), alone: true, pacing: 1500 * time.Microsecond,
	}
}

func stalled(rate float64, still, period, duration time.Duration, users int) *oracle {
	return &oracle{
		name:  fmt.Sprintf("stall %g/s, %d users", rate, users),
		about: fmt.Sprintf("%g/s for %v; the server freezes for %v in each %v; at most %d users", rate, duration, still, period, users),
		rate:  rate, duration: duration, users: users, model: freezing(still, period),
		quantiles: []float64{.9, .95, .99, .999}, relative: .03, least: 2 * time.Millisecond,
	}
}

func delayed(rate float64, delay, duration time.Duration, seed uint64) *oracle {
	return &oracle{
		name:  fmt.Sprintf("constant %g/s", rate),
		about: fmt.Sprintf("%g/s at random for %v; every answer takes %v", rate, duration, delay),
		rate:  rate, arrivals: load.Poisson, duration: duration, users: 1000, seed: seed, model: answering(delay),
		quantiles: []float64{.5, .9, .95, .99}, relative: .03, least: time.Millisecond,
	}
}

func queued(rate, busy float64, duration time.Duration, seed uint64) *oracle {
	mean := time.Duration(busy / rate * float64(time.Second))
	o := &oracle{
		name:  fmt.Sprintf("M/M/1 %g/s, seed %d", rate, seed),
		about: fmt.Sprintf("%g/s at random for %v; one server, busy %g %% of the time", rate, duration, 100*busy),
		rate:  rate, arrivals: load.Poisson, duration: duration, users: 1000, seed: seed, model: single(mean, seed),
		quantiles: []float64{.5, .9, .95, .99}, relative: .03, least: 2 * time.Millisecond,
	}
	o.theory = func() []oracleBand { return bandsOf(rate, duration, mean, o.quantiles) }
	return o
}

// selftestOracles are those of `lt selftest`.
func selftestOracles() []*oracle {
	return []*oracle{
		paced(5000, 10*time.Second),
		stalled(500, time.Second, 10*time.Second, 31*time.Second, 10_000),
		stalled(500, time.Second, 10*time.Second, 31*time.Second, 20),
		delayed(200, 20*time.Millisecond, 30*time.Second, 1),
		queued(100, .6, 30*time.Second, 1),
	}
}

// runOracles runs those that must be alone one by one, and then the others
// together. done is called with each one's findings, in the order of their ends.
func runOracles(ctx context.Context, oracles []*oracle, done func(*oracle, []oracleFinding)) error {
	var first error
	for _, o := range oracles {
		if !o.alone {
			continue
		}
		f, err := o.run(ctx)
		if err != nil {
			return err
		}
		done(o, f)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, o := range oracles {
		if o.alone {
			continue
		}
		wg.Go(func() {
			f, err := o.run(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				first = err
			} else {
				done(o, f)
			}
		})
	}
	wg.Wait()
	return first
}
