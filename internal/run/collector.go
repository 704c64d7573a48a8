package run

import (
	"slices"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A Collector gathers the intervals of a run into what its result is made of.
// The journal feeds it while the run goes on, and Load from the journal's files:
// there is one way from intervals to a result. What it holds does not grow with
// the number of requests.
//
// The figures are of the measured period and of the drain, in which requests
// that started in it end; rates are of the measured period alone.
type Collector struct {
	plan *Plan
	enc  hlogEncoder

	stretches stretcher

	total    series
	each     []series // in the order of plan.Endpoints
	personas []series // in the order of plan.Personas
	upstream series   // the answers that told how long the upstream took

	blockLength time.Duration
	points      []Point
	columns     columns
	events      []metric.Event
	failures    []failure
	probes      probes
	outages     []Outage
	dead        *Outage // the outage that the last interval was part of

	iterations, idle int64         // measured and drain
	dropped, unsent  int64         // of the whole run
	waited           int64         // likewise
	inFlight         time.Duration // likewise
	residence        time.Duration // likewise
	started          int64         // iterations, measured only
	nominal          float64       // measured only
	window           time.Duration
	warmup           time.Duration
	end              time.Duration
	final            bool

	startDelay  metric.Dist
	health      healthSum
	generator   int64 // requests that failed by the generator's fault, warm-up included
	attempted   int64 // all requests, warm-up included
	stretchHigh time.Duration
	point       Point // since the last group
	pointOpen   bool
	pointTimes  time.Duration // of point's requests, where nothing finer is known
	lastPoint   metric.Dist   // response times of the last of points
}

// series is the evidence on the run or on one endpoint.
type series struct {
	verdict.Series
	// Requests that lt's own stop cut off, in the figures and in the warm-up: they
	// are counted as failed, but nobody can say how they would have ended, and so
	// they are not judged.
	aborted, abortedWarm int64

	service      metric.Dist
	failed       metric.Dist
	phases       [metric.NumSpans]metric.Dist
	reconnects   int64
	bytesOut     int64
	bytesIn      int64
	fresh        verdict.Block // counts of the intervals since the last group
	now          verdict.Span  // likewise, the warm-up's too
	whole        []wholeBlock  // the distributions of all of Blocks but the last
	wholeService []wholeBlock  // likewise of service times, where they are kept
}

// A wholeBlock is the distribution of a block that nothing is added to any more:
// encoded, which takes a sixth of the room, for it is kept to the end of the run.
type wholeBlock struct {
	histogram string // V2 in base64, empty when there are no values
	exact     HistogramEntry
}

// healthSum is the generator's health over the measured period.
type healthSum struct {
	cpuTime    float64 // percent x seconds
	cpuMax     float64
	high       time.Duration // longest stretch above 80 % of the quota
	known      time.Duration
	quota      float64
	rss        int64
	gcMax      time.Duration
	sched      time.Duration // the worst P99 of an interval
	throttled  time.Duration
	gcTotal    time.Duration
	stalls     int
	stallMax   time.Duration
	stallTotal time.Duration
	steal      float64
	pressure   float64
	foreign    float64 // the worst
	crowded    time.Duration
	crowding   float64 // foreign x seconds, in crowded
	clockJump  time.Duration
}

// NewCollector gathers a run of plan p.
func NewCollector(p *Plan) *Collector {
	c := &Collector{plan: p, each: make([]series, len(p.Endpoints)), probes: probes{}, stretches: newStretcher(p)}
	for i, e := range p.Endpoints {
		c.each[i].Name = e.Name()
		c.each[i].Outcomes = map[metric.Class]int64{}
	}
	for _, name := range p.Personas {
		c.personas = append(c.personas, series{Series: verdict.Series{Name: verdict.PersonaScope + name, Outcomes: map[metric.Class]int64{}}})
	}
	c.total.Outcomes = map[metric.Class]int64{}
	c.upstream = series{Series: verdict.Series{Name: verdict.HopScope + HopUpstream, Outcomes: map[metric.Class]int64{}}}
	c.health.steal, c.health.pressure, c.health.foreign, c.health.rss = -1, -1, -1, -1
	// A whole number of groups, so that blocks cut from the journal are the same.
	r := max(p.Resolution, time.Second)
	c.columns = newColumns(len(p.Endpoints), p.Resolution)
	c.blockLength = (verdict.BlockLength(p.planned()-p.Profile.Warmup) + r - 1) / r * r
	return c
}

// Plan is the run's plan.
func (c *Collector) Plan() *Plan { return c.plan }

// Add takes one interval, and the group of histograms that it closes, if any.
func (c *Collector) Add(iv *Interval, g *group) {
	figures := iv.Period != metric.Warmup
	c.end = iv.Offset + iv.Length
	c.final = iv.Final
	c.events = append(c.events, iv.Events...)
	c.probes.add(iv)
	c.dropped += iv.Dropped // wherever: what is dropped is counted
	c.unsent += iv.Unsent
	c.waited += iv.Waited
	if figures {
		c.inFlight += iv.InFlight
		c.residence += iv.Residence
		c.iterations += iv.Iterations
		c.idle += iv.Idle
	}
	switch iv.Period {
	case metric.Warmup:
		c.warmup += iv.Length
	case metric.Measured:
		c.window += iv.Length
		c.started += iv.Iterations
		c.nominal += iv.Nominal
		c.addHealth(iv)
	}

	c.stretches.note(iv)
	var all IntervalEndpoint
	targets := int64(0) // failures that only the target can have made
	for _, e := range iv.Endpoints {
		if e.Index < 0 || e.Index >= len(c.each) {
			continue // of another plan
		}
		own := e.Outcomes[metric.Generator.String()]
		c.attempted += e.Requests
		c.generator += own
		for key, n := range e.Outcomes {
			c.addFailure(e.Index, key, n, iv)
			if class, err := metric.ParseClass(key); err == nil && (class.TargetsOwn() || class.Outcome == metric.Timeout || class.Outcome == metric.Unreachable) {
				targets += n
			}
		}
		e.Requests, e.Failed = e.Requests-own, e.Failed-own
		c.each[e.Index].add(&e, iv.Period)
		c.columns.count(e.Index, iv.Offset+iv.Length/2, e.Requests, e.Failed)
		all.Requests += e.Requests
		all.Failed += e.Failed
		all.Reconnects += e.Reconnects
		all.BytesOut += e.BytesOut
		all.BytesIn += e.BytesIn
		all.TimeSum += e.TimeSum
		for _, key := range []string{metric.Aborted.String(), metric.Check.String()} {
			if n := e.Outcomes[key]; n > 0 {
				if all.Outcomes == nil {
					all.Outcomes = map[string]int64{}
				}
				all.Outcomes[key] += n
			}
		}
		if figures {
			for key, n := range e.Outcomes {
				if class, err := metric.ParseClass(key); err == nil && class.Outcome != metric.Generator {
					c.total.Outcomes[class] += n
				}
			}
			c.total.Outcomes[metric.Class{}] += e.Requests - e.Failed
		}
	}
	c.total.add(&all, iv.Period)
	for _, e := range iv.Personas {
		if e.Index >= 0 && e.Index < len(c.personas) {
			own := e.Outcomes[metric.Generator.String()]
			e.Requests, e.Failed = e.Requests-own, e.Failed-own
			c.personas[e.Index].add(&e, iv.Period)
		}
	}
	for i := range iv.Exemplars {
		c.addExemplar(&iv.Exemplars[i])
	}
	c.addOutage(iv, all.Requests, targets)
	c.addPoint(iv, &all)
	if g != nil {
		c.addGroup(iv, g)
	}
}

// add counts an interval of one series, the generator's failures left out.
func (s *series) add(e *IntervalEndpoint, period metric.Period) {
	s.reconnects += e.Reconnects
	s.bytesOut += e.BytesOut
	s.bytesIn += e.BytesIn
	aborted := e.Outcomes[metric.Aborted.String()]
	s.now.Requests += e.Requests - aborted
	s.now.Failed += e.Failed - aborted
	s.now.Checks += e.Outcomes[metric.Check.String()]
	if period == metric.Warmup {
		s.Warmup.Requests += e.Requests
		s.Warmup.Failed += e.Failed
		s.abortedWarm += aborted
		return
	}
	s.Requests += e.Requests
	s.Failed += e.Failed
	s.aborted += aborted
	if period == metric.Measured {
		s.Attempted += e.Requests
		s.Succeeded += e.Requests - e.Failed
	}
	s.fresh.Requests += e.Requests - aborted
	s.fresh.Failed += e.Failed - aborted
	if s.Name == "" {
		return // the run's own series: its outcomes are summed from the endpoints'
	}
	for key, n := range e.Outcomes {
		if class, err := metric.ParseClass(key); err == nil && class.Outcome != metric.Generator {
			s.Outcomes[class] += n
		}
	}
	s.Outcomes[metric.Class{}] += e.Requests - e.Failed
}

// addGroup adds the distributions of a group to the series, their blocks and the
// timeline.
func (c *Collector) addGroup(iv *Interval, g *group) {
	figures := iv.Period != metric.Warmup
	var all, upstream part // of all endpoints
	var startDelay *metric.Dist
	fresh, ofPersona := make([]part, len(c.each)), make([]part, len(c.personas))
	for i, e := range g.index.Lines {
		d := &g.dists[i]
		switch {
		case e.Kind == KindStartDelay:
			startDelay = d
			if iv.Period == metric.Measured {
				c.startDelay.Merge(d)
			}
			continue
		case e.Persona != "":
			if p := slices.Index(c.plan.Personas, e.Persona); p >= 0 {
				switch e.Kind {
				case KindOK:
					ofPersona[p].response.Merge(d)
				case KindService:
					ofPersona[p].service.Merge(d)
				}
			}
			continue
		case e.Endpoint < 0 || e.Endpoint >= len(c.each):
			continue
		case e.Kind == KindOK:
			all.response.Merge(d)
			fresh[e.Endpoint].response.Merge(d)
			c.columns.time(e.Endpoint, g.index.Offset+g.index.Length/2, d)
		case e.Kind == KindService && c.stretches.service:
			all.service.Merge(d)
			fresh[e.Endpoint].service.Merge(d)
		case e.Kind == metric.SpanUpstream.String():
			upstream.response.Merge(d)
		}
		if !figures {
			continue
		}
		switch e.Kind {
		case KindOK:
			c.each[e.Endpoint].Response.Merge(d)
			c.total.Response.Merge(d)
		case KindService:
			c.each[e.Endpoint].service.Merge(d)
			c.total.service.Merge(d)
		case KindFailed:
			c.each[e.Endpoint].failed.Merge(d)
			c.total.failed.Merge(d)
		default:
			if span, ok := metric.ParseSpan(e.Kind); ok {
				c.each[e.Endpoint].phases[span].Merge(d)
				c.total.phases[span].Merge(d)
			}
		}
	}
	upstream.service = upstream.response // a hop's time knows of no due time
	if n := upstream.response.Count; n > 0 {
		c.upstream.add(&IntervalEndpoint{Requests: n}, iv.Period)
	}
	spoilt := c.stretches.spoils(c.plan, startDelay)
	if spoilt && iv.Period == metric.Measured {
		c.stretches.spoilt += g.index.Length
	}
	if c.stretches.spans {
		c.total.span(c, iv.Period, g, &all, spoilt)
	}
	for i := range c.each {
		if c.stretches.spansOf[i] {
			c.each[i].span(c, iv.Period, g, &fresh[i], spoilt)
		}
	}
	for i := range c.personas {
		if c.stretches.spansOfPersona[i] {
			c.personas[i].span(c, iv.Period, g, &ofPersona[i], spoilt)
		}
	}
	if c.stretches.spansOfUpstream {
		c.upstream.span(c, iv.Period, g, &upstream, spoilt)
	}
	if figures {
		c.total.block(c, iv.Period, g, &all, spoilt)
		for i := range c.each {
			c.each[i].block(c, iv.Period, g, &fresh[i], spoilt)
		}
		for i := range c.personas {
			c.personas[i].Response.Merge(&ofPersona[i].response)
			c.personas[i].service.Merge(&ofPersona[i].service)
			c.personas[i].block(c, iv.Period, g, &ofPersona[i], spoilt)
		}
		c.upstream.Response.Merge(&upstream.response)
		c.upstream.service.Merge(&upstream.service)
		c.upstream.block(c, iv.Period, g, &upstream, spoilt)
	}
	c.closePoint(g, &all.response, startDelay)
}

// block adds the fresh counts and a group's distribution to the last block, or
// to a new one. What drains belongs to the block before it: it started there.
func (s *series) block(c *Collector, period metric.Period, g *group, of *part, spoilt bool) {
	n := len(s.Blocks)
	if n == 0 || (period == metric.Measured && s.Blocks[n-1].Length >= c.blockLength) {
		if n > 0 {
			s.whole = append(s.whole, c.enc.keep(&s.Blocks[n-1].Response))
			s.Blocks[n-1].Response = metric.Dist{}
			if c.stretches.service {
				s.wholeService = append(s.wholeService, c.enc.keep(&s.Blocks[n-1].Service))
				s.Blocks[n-1].Service = metric.Dist{}
			}
		}
		s.Blocks = append(s.Blocks, verdict.Block{Start: g.index.Offset})
		n++
	}
	b := &s.Blocks[n-1]
	if spoilt {
		if b.Spoilt == nil {
			b.Spoilt = &verdict.Spoilt{}
		}
		b.Spoilt.Add(&verdict.Spoilt{
			Requests: s.fresh.Requests, Failed: s.fresh.Failed, Over: c.stretches.over(&of.response, &of.service),
		})
	}
	if period == metric.Measured {
		b.Length += g.index.Length.Round(time.Second)
		if spoilt {
			b.Spoilt.Length += g.index.Length.Round(time.Second)
		}
	}
	b.Requests += s.fresh.Requests
	b.Failed += s.fresh.Failed
	b.Response.Merge(&of.response)
	b.Service.Merge(&of.service)
	s.fresh = verdict.Block{}
}

func (c *Collector) addHealth(iv *Interval) {
	h, s := &iv.Health, &c.health
	if h.CPU >= 0 {
		s.cpuTime += h.CPU * iv.Length.Seconds()
		s.known += iv.Length
		s.cpuMax = max(s.cpuMax, h.CPU)
		if h.CPUQuota > 0 && h.CPU > 80*h.CPUQuota {
			c.stretchHigh += iv.Length
			s.high = max(s.high, c.stretchHigh)
		} else {
			c.stretchHigh = 0
		}
	}
	s.quota = h.CPUQuota
	s.rss = max(s.rss, h.RSS)
	s.gcMax = max(s.gcMax, h.GCPauseMax)
	s.sched = max(s.sched, h.SchedP99)
	s.throttled += max(h.Throttled, 0)
	s.gcTotal += h.GCPause
	s.stalls += h.Stalls
	s.stallMax = max(s.stallMax, h.StallMax)
	s.stallTotal += h.StallTotal
	s.steal = max(s.steal, h.Steal)
	s.pressure = max(s.pressure, h.Pressure)
	s.foreign = max(s.foreign, h.Foreign)
	if verdict.Crowded(h) {
		s.crowded += iv.Length
		s.crowding += h.Foreign * iv.Length.Seconds()
	}
	s.clockJump = max(s.clockJump, h.ClockJump)
}

// addOutage notes stretches in which the target answered next to nothing rightly.
func (c *Collector) addOutage(iv *Interval, requests, targets int64) {
	switch {
	case requests == 0:
		return // tells nothing; an outage goes on
	case targets*10 < requests*9:
		c.dead = nil
	default:
		if c.dead == nil {
			c.outages = append(c.outages, Outage{FromS: seconds(iv.Offset)})
			c.dead = &c.outages[len(c.outages)-1]
		}
		c.dead.ToS = seconds(iv.Offset + iv.Length)
		c.dead.Requests += requests
		c.dead.Failed += targets
	}
}

// addPoint adds an interval's counts to the timeline's point in hand.
func (c *Collector) addPoint(iv *Interval, all *IntervalEndpoint) {
	p := &c.point
	if !c.pointOpen {
		*p = Point{T: seconds(iv.Offset), Period: iv.Period}
		c.pointOpen = true
	}
	p.Users = iv.Users
	p.Requests += all.Requests
	p.Failed += all.Failed
	c.pointTimes += all.TimeSum
	p.Dropped += iv.Dropped
	if iv.Health.CPU >= 0 && (p.CPU == nil || iv.Health.CPU > *p.CPU) {
		p.CPU = new(round(iv.Health.CPU, 1))
	}
}

// closePoint ends the point in hand with its group's distribution.
func (c *Collector) closePoint(g *group, ok, startDelay *metric.Dist) {
	p := c.point
	c.pointOpen = false
	p.Length = seconds(g.index.Length)
	if n := len(c.points); n > 0 && p.Period == metric.Drain && g.index.Length < c.plan.Resolution/4 {
		// The few milliseconds in which the last answers came are no second of their
		// own: they belong to the one before.
		q := &c.points[n-1]
		p = Point{
			T: q.T, Length: round(q.Length+p.Length, 3), Period: q.Period, Users: q.Users, CPU: q.CPU, StartDelay: q.StartDelay,
			Requests: q.Requests + p.Requests, Failed: q.Failed + p.Failed, Dropped: q.Dropped + p.Dropped,
		}
		c.points = c.points[:n-1]
		ok.Merge(&c.lastPoint)
	}
	c.lastPoint = ok.Clone()
	if c.pointTimes > 0 && p.Requests > 0 {
		p.Mean = new(ms(c.pointTimes / time.Duration(p.Requests)))
	}
	c.pointTimes = 0
	if p.Length == 0 {
		return
	}
	p.Throughput = round(float64(p.Requests-p.Failed)/p.Length, 2)
	if ok.Count > 0 {
		p.P50, p.P95, p.P99, p.Max = new(ms(ok.Quantile(.5))), new(ms(ok.Quantile(.95))), new(ms(ok.Quantile(.99))), new(ms(ok.Max))
	}
	if startDelay != nil {
		p.StartDelay = new(ms(startDelay.Quantile(.99)))
	}
	c.points = append(c.points, p)
}
