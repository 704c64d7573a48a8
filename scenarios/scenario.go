package scenarios

import (
	"time"

	"github.com/seed-42693903/lt/internal/load"
)

// A Scenario is what virtual users do, and how many of them there are for how
// long. A scenario without Load is a workload: it says only what users do.
// Everything in it stands as the file has it; [Scenario.Compile] fills in values
// of the environment and the run.
type Scenario struct {
	Name         string
	Description  string // one line: the purpose
	Target       string // base URL; empty: the run's
	Labels       map[string]string
	Auth         *Auth // nil: the run's key, if there is one, as X-API-Key
	Headers      []Header
	Load         LoadSpec
	Workload     string // the built-in name or file that Personas come from; empty: from the file itself
	Thresholds   []string
	AllowTargets []string
	Personas     []Persona
	Setup        []Step // once per run, before the load; what they save every user has
	Teardown     []Step // once per run, after the load, however it ended
	Cookies      bool   // each user keeps the cookies that it is sent
	Compressed   bool   // answers may come compressed
	Redirect     Redirect
	HTTP2        bool // the run speaks HTTP/2; a flag says so, no file
	Connections  int  // of HTTP/2, shared by all users; 0: each has its own; likewise

	feeds  []*feedTable
	file   string // names the scenario in mistakes
	scopes []scope

	workloadAt position
	exact      bool // paths are whole: the target's own is not put before them
}

// A LoadSpec is how many users, or iterations per second, for how long. A zero
// field was not given.
type LoadSpec struct {
	Users        int
	SpawnRate    float64 // users started per second
	Duration     time.Duration
	Warmup       *time.Duration
	Stages       []Stage
	Rate         float64 // open model: iterations started per second
	Open         bool    // Stages are of iterations per second, not of users
	MaxUsers     int
	Arrivals     load.Arrivals // open model: how they lie in time
	GracefulStop *time.Duration
	Think        *Range // in place of every persona's own

	// Thresholds hold only for exactly this load: whoever changes users, duration
	// or rate must empty them.
	Thresholds []string
}

// A Stage changes the load over its duration to Target: linearly, or with a
// SpawnRate at that many users per second and then holding.
type Stage struct {
	Duration  time.Duration
	Target    float64
	SpawnRate float64
}

// A Range is a duration drawn anew each time, evenly from Min to Max.
type Range struct{ Min, Max time.Duration }

// Mean is the middle of the range.
func (r Range) Mean() time.Duration { return (r.Min + r.Max) / 2 }

// Auth says how requests prove who sends them.
type Auth struct {
	Kind   string   // header, bearer, api_key, basic, login
	Header string   // the header's name, for header, api_key and login
	login  *login   // of login
	value  template // empty: the run's key; for basic: user:password
}

// A Header is a header of requests; its value may hold ${...}.
type Header struct {
	Name  string
	value template
}

// A Persona is a kind of user.
type Persona struct {
	Name    string
	Weight  int // share of the users
	Think   Range
	Headers []Header
	Start   []Step // run once by each user, before its first task
	Tasks   []Task

	set []assignment // made anew for each request; its steps have them too
	at  position
}

// A Task is what a user does in one iteration.
type Task struct {
	Name   string
	Weight int // how often it is drawn, against the persona's other tasks
	Steps  []Step

	at position
}

// A Step is one request, or a pause.
type Step struct {
	Name    string
	Method  string // upper case; empty: the step is a pause
	Path    string // as written
	Expect  []int  // empty: 200 to 299
	Timeout time.Duration
	Pause   *Range

	path       template
	query      []pair
	headers    []Header
	json       *jsonValue
	form       []pair
	multipart  []formPart
	body       *template
	bodyFile   *fileRef
	when       *condition
	poll       *poll
	redirect   *Redirect // nil: the scenario's
	compressed *bool     // likewise
	set        []assignment
	save       []save
	check      []check
	push       []push
	pick       []draw // of pick and take
	at         position
}

// A pair is a key of a query with its value.
type pair struct {
	name  string
	value template
}

// A save keeps a part of the answer as a variable.
type save struct {
	variable string
	from     extractor
	at       position
}

// An assignment makes a variable before the request is sent.
type assignment struct {
	variable string
	value    template
	at       position
}

// A condition is an expression that must be true for a step to be done.
type condition struct {
	*expression
	at position
}

// A push puts a part of the answer, or a variable, into a pool.
type push struct {
	pool     string
	from     *extractor
	variable string
	at       position
}

// A draw makes a random member of a pool a variable.
type draw struct {
	variable, pool string
	take           bool // and takes it out of the pool
	at             position
}
