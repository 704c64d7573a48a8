package scenarios

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

// A Script is a compiled scenario: a [load.Script]. Nothing in it changes during
// a run; its users share it.
type Script struct {
	client           *client.Client
	clock            metric.Clock
	redactor         *client.Redactor
	credentialHeader string // empty: requests carry no credential of the scenario or the run
	seed             uint64
	rows             []metric.Row
	loadRows         int // rows of the load; setup's and teardown's come after
	personas         []*persona
	turns            []*persona // user n is turns[n % len]

	origin       *url.URL // of the target; nil: none
	allowTargets []string // hosts that redirects may lead to
	feeds        []*feedTable
	login        *boundLogin // nil: no login
	setup        *persona    // nil: none
	teardown     *persona    // nil: none
	shared       []slot      // what setup saved
	names        []string    // of the shared slots
	traced       bool        // requests carry a traceparent
}

type persona struct {
	name         string
	weight       int
	think        Range
	start        []request
	tasks        []task
	slots, pools int
	names        []string // of the slots
}

type task struct {
	name   string
	weight int
	steps  []request
	needs  []int // members that each pool must hold; nil: none
}

// A request is a compiled step.
type request struct {
	row   int    // -1: a pause
	pause *Range // of a pause

	http    client.Request // without Wire unless fixed
	fixed   bool           // every user sends the same bytes, but for cookies and the traceparent
	traceAt int            // where the traceparent stands in a fixed request; 0: there is none
	token   bool           // it carries the login's token
	method  string
	host    string

	when     *boundExpression
	poll     *boundPoll
	redirect Redirect
	hopRow   int // of the requests that redirects lead to
	sets     []boundSet
	reads    []int // slots that it needs

	target  []segment
	headers []boundHeader
	body    []segment

	draws  []boundDraw
	saves  []boundSave
	pushes []boundPush
	checks []boundCheck
}

// The parts of a step with the user's slots and pools that they mean.
type (
	boundHeader struct {
		name   string
		value  []segment
		secret bool // for the target alone
	}
	boundSet struct {
		slot  int
		value []segment
		typed bool // the value is JSON: it keeps its type
	}
	boundPoll struct {
		*poll
		until boundCheck
	}
	boundDraw struct {
		slot, pool int
		take       bool
	}
	boundSave struct {
		slot int
		save *save
	}
	boundPush struct {
		pool int
		from *extractor // nil: the slot
		slot int
	}
)

// op is what a header of one segment is made of.
func (h *boundHeader) op() op {
	if len(h.value) == 1 {
		return h.value[0].op
	}
	return opText
}

var _ load.Script = (*Script)(nil)

// finish shares out the users.
func (sc *Script) finish() { sc.turns = turns(sc.personas) }

// turns is the order in which users become personas: each as often as its
// weight says, spread as evenly as can be, and the same whatever the order in
// the file. Each turn goes to the persona that is furthest behind its share.
func turns(personas []*persona) []*persona {
	order := slices.Clone(personas)
	slices.SortStableFunc(order, func(a, b *persona) int {
		if a.weight != b.weight {
			return b.weight - a.weight
		}
		return strings.Compare(a.name, b.name)
	})
	total, common := 0, 0
	for _, p := range order {
		total += p.weight
		common = gcd(common, p.weight)
	}
	if total == 0 {
		return order
	}
	credit := make([]int, len(order))
	out := make([]*persona, 0, total/common)
	for range total / common {
		best := 0
		for i, p := range order {
			if credit[i] += p.weight; credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= total
		out = append(out, order[best])
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// NewUser is user number id. Users of the same id and seed send the same
// requests again, as far as the answers are the same.
func (sc *Script) NewUser(id int, seed uint64) load.Session {
	return sc.newSession(sc.turns[id%len(sc.turns)], id, seed)
}

func (sc *Script) newSession(p *persona, id int, seed uint64) *session {
	u := &session{script: sc, persona: p, id: id, started: len(p.start) == 0}
	if p.slots > 0 {
		u.slots = make([]slot, p.slots)
		for i, v := range sc.shared {
			u.slots[i] = slot{v.kind, slices.Clone(v.text)}
		}
	}
	if len(sc.feeds) > 0 {
		u.rows = make([]int32, len(sc.feeds))
		u.turn()
	}
	if sc.login != nil {
		if u.tokens = sc.login.shared; u.tokens == nil {
			u.tokens = newTokens()
		}
	}
	if p.pools > 0 {
		u.pools = make([]pool, p.pools)
	}
	u.seed(seed)
	if sc.client != nil {
		u.conn = sc.client.NewConn()
	}
	return u
}

// seed starts the user's randomness.
func (u *session) seed(seed uint64) {
	u.source = *rand.NewPCG(seed, uint64(u.id))
	u.trace = newTracer(seed, u.id)
	u.random = *rand.New(&u.source)
}

// Rows are the call sites of the script: what its users record samples for.
func (sc *Script) Rows() []metric.Row { return slices.Clone(sc.rows[:sc.loadRows]) }

// Think is the shortest, the mean and the longest think time between
// iterations. The mean is that for which users / mean is the iterations per
// second of users whose requests take no time; it is 0 when some persona does
// not think at all.
func (sc *Script) Think() (shortest, mean, longest time.Duration) {
	weights, rate := 0.0, 0.0
	endless := false
	for i, p := range sc.personas {
		if i == 0 || p.think.Min < shortest {
			shortest = p.think.Min
		}
		longest = max(longest, p.think.Max)
		weights += float64(p.weight)
		if m := p.think.Mean(); m > 0 {
			rate += float64(p.weight) / m.Seconds()
		} else if p.weight > 0 {
			endless = true
		}
	}
	if endless || rate == 0 {
		return shortest, 0, longest
	}
	return shortest, time.Duration(weights / rate * float64(time.Second)), longest
}

// IterationRequests is how many requests an iteration sends in the mean, start
// steps left out.
func (sc *Script) IterationRequests() float64 {
	_, mean, _ := sc.Think()
	sum, rates := 0.0, 0.0
	for _, p := range sc.personas {
		rate := float64(p.weight) // of this persona's iterations, against the others'
		if mean > 0 {
			rate /= p.think.Mean().Seconds()
		}
		requests, weights := 0.0, 0.0
		for _, t := range p.tasks {
			requests += float64(t.weight) * float64(countRequests(t.steps))
			weights += float64(t.weight)
		}
		if weights > 0 {
			sum += rate * requests / weights
			rates += rate
		}
	}
	if rates == 0 {
		return 0
	}
	return sum / rates
}

// StartRequests is how many requests a user sends before its first task, in the
// mean.
func (sc *Script) StartRequests() float64 {
	sum, weights := 0.0, 0.0
	for _, p := range sc.personas {
		sum += float64(p.weight) * float64(countRequests(p.start))
		weights += float64(p.weight)
	}
	return sum / max(weights, 1)
}

func countRequests(steps []request) (n int) {
	for i := range steps {
		if steps[i].row >= 0 {
			n++
		}
	}
	return n
}

// A builder is what building a request needs besides the wire: borrowed, so that
// no user that waits holds one.
type builder struct {
	text    []byte
	headers []client.Header
}

var builders = sync.Pool{New: func() any { return &builder{text: make([]byte, 0, 1024)} }}

// appendWire appends the request as user u sends it.
func (r *request) appendWire(dst []byte, u *session) ([]byte, error) {
	b := builders.Get().(*builder)
	// The views stay valid when the text moves: they hold on to where it was.
	text := u.append(b.text[:0], r.target)
	target := view(text)
	from := len(text)
	text = u.append(text, r.body)
	body := text[from:]
	u.request = [...]string{r.method, target, view(body)}
	from = len(text)
	headers := b.headers[:0]
	for i := range r.headers {
		h := &r.headers[i]
		switch h.op() {
		case opText:
			if len(h.value) == 1 {
				headers = append(headers, client.Header{Name: h.name, Value: view(h.value[0].text)})
				continue
			}
		case opCookie:
			if u.jar != nil {
				if c := u.cookies(u.urlOf(target)); c != "" {
					headers = append(headers, client.Header{Name: h.name, Value: c})
				}
			}
			continue
		}
		text = u.append(text, h.value)
		headers = append(headers, client.Header{Name: h.name, Value: view(text[from:])})
		from = len(text)
	}
	dst, err := client.AppendRequest(dst, r.method, target, r.host, headers, body)
	u.request = [3]string{}
	if cap(text) <= 64<<10 {
		clear(headers)
		b.text, b.headers = text, headers
		builders.Put(b)
	}
	return dst, err
}

// view is b as a string without a copy: for reading while b stays as it is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
