package smoke

import (
	"embed"
	"time"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// Schemas is the JSON Schema of smoke.json, made from the types (go test
// ./internal/run -update); docs/ has a copy.
//
//go:embed smoke.schema.json
var Schemas embed.FS

// Schema is the version of smoke.json. Readers ignore keys that they do not know.
const Schema = 1

// The files of a smoke's directory.
const (
	ResultFile   = "smoke.json"
	MarkdownFile = "blockers.md"
)

// A Result is smoke.json: what was found. What nobody knows is absent.
type Result struct {
	Schema     int               `json:"schema"`
	LT         string            `json:"lt"`
	RunID      string            `json:"run_id"`
	Target     string            `json:"target"`
	Direct     string            `json:"direct,omitempty"` // the upstream that was asked, too
	Reference  bool              `json:"reference,omitempty"`
	Contract   *ContractInfo     `json:"contract,omitempty"`
	Scenario   string            `json:"scenario,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	StartedAt  time.Time         `json:"started_at"`
	DurationS  float64           `json:"duration_s"`
	Seed       uint64            `json:"seed"`
	Safe       bool              `json:"safe,omitempty"` // only methods that read were sent
	Insecure   bool              `json:"insecure,omitempty"`
	Command    string            `json:"command,omitempty"`
	Verdict    verdict.Verdict   `json:"verdict"` // pass or fail
	ExitCode   *int              `json:"exit_code,omitempty"`
	Reasons    []string          `json:"reasons"`
	Requests   int               `json:"requests"`
	Failed     int               `json:"failed"`
	Rows       Rows              `json:"rows"`
	Coverage   Coverage          `json:"coverage"`
	AfterFixes AfterFixes        `json:"after_fixes"`
	Gate       Gate              `json:"gate"`
	Health     []Check           `json:"health"`
	Operations []Operated        `json:"operations"` // the gap table
	Blockers   []Blocker         `json:"blockers"`   // the worst first
	Changes    *Changes          `json:"changes,omitempty"`
	Load       *LoadRun          `json:"load,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
}

// ContractInfo is where the contract came from.
type ContractInfo struct {
	Source     string   `json:"source"`
	Title      string   `json:"title,omitempty"`
	Version    string   `json:"version,omitempty"`
	OpenAPI    string   `json:"openapi"`
	Operations int      `json:"operations"`
	Warnings   []string `json:"warnings,omitempty"`
}

// Rows is what was created on the target, and what is left there.
type Rows struct {
	Created int `json:"created"`
	Deleted int `json:"deleted"`
	Left    int `json:"left"`
}

// Coverage is how many of the expected operations were exercised, and work.
type Coverage struct {
	Operations int     `json:"operations"`
	Exercised  int     `json:"exercised"`
	Working    int     `json:"working"`
	Share      float64 `json:"share"` // exercised / operations, 0 to 1
}

// AfterFixes is how many operations would work if the blockers were gone.
type AfterFixes struct {
	Working    int `json:"working"`
	Operations int `json:"operations"`
}

// A Gate is what lets a smoke pass.
type Gate struct {
	MaxP0       int     `json:"max_p0"`
	MaxP1       int     `json:"max_p1"`
	MinCoverage float64 `json:"min_coverage"` // 0 to 1
}

// A State is what became of an operation.
type State string

// The states, the worst first.
const (
	NoAnswer      State = "no_answer"     // no connection, a timeout, an answer that broke off
	Missing       State = "missing"       // 404 of the router
	WrongMethod   State = "wrong_method"  // 405
	Unauthorised  State = "unauthorised"  // 401, 403
	Unimplemented State = "unimplemented" // 501
	Broken        State = "broken"        // 5xx
	Refused       State = "refused"       // another 4xx
	Failed        State = "failed"        // the answer is not what the scenario expects: a check, an extraction
	OffContract   State = "off_contract"  // status, content type or body not as documented
	Slow          State = "slow"          // right, after more than SlowAfter
	NotExercised  State = "not_exercised" // the reason says why
	Undocumented  State = "undocumented"  // answers, and no contract knows it (--probe)
	Present       State = "present"       // right
)

// SlowAfter is from when on a single right answer counts as slow.
const SlowAfter = time.Second

// Works reports whether the operation does what it should.
func (s State) Works() bool { return s == Present || s == Slow }

// A Fault is whose fault a failure is.
type Fault string

// The faults.
const (
	FaultAPI      Fault = "api"
	FaultScenario Fault = "scenario"
	FaultUnknown  Fault = "scenario or API: unknown"
	FaultNetwork  Fault = "network"
)

// Operated is a row of the gap table.
type Operated struct {
	Name           string   `json:"name"` // GET /agents/{id}
	Method         string   `json:"method"`
	Path           string   `json:"path"`
	OperationID    string   `json:"operation_id,omitempty"`
	State          State    `json:"state"`
	Fault          Fault    `json:"fault,omitempty"`
	Hop            hop.Hop  `json:"hop,omitempty"`
	HopEvidence    []string `json:"hop_evidence,omitempty"`
	Status         int      `json:"status,omitempty"`          // of the answer that decided
	UpstreamStatus int      `json:"upstream_status,omitempty"` // what the upstream answered the gateway
	Expected       []string `json:"expected,omitempty"`        // documented statuses of success
	Allow          string   `json:"allow,omitempty"`           // of a 405
	Reason         string   `json:"reason,omitempty"`          // one line
	TimeMS         *float64 `json:"time_ms,omitempty"`
	UpstreamMS     *float64 `json:"upstream_ms,omitempty"` // of that time, by the answer's headers
	Requests       int      `json:"requests"`
	Failed         int      `json:"failed"`
	Weight         float64  `json:"weight"`                 // its share of all requests, as far as known: of the load, the scenario, or alike
	Blocker        string   `json:"blocker,omitempty"`      // that it belongs to
	ExplainedBy    string   `json:"explained_by,omitempty"` // the operation whose failure keeps it from being exercised
	Steps          []string `json:"steps,omitempty"`        // of the scenario

	exemplar *Exchange
	pattern  string
	signs    []string // of signatures
	docs     []string // statuses that the contract documents
}

// A Check is one of the tests of health and readiness.
type Check struct {
	Name   string   `json:"name"`  // live, ready, startup, dns, tls, clock, credential
	State  string   `json:"state"` // ok, warning, failed, absent
	Text   string   `json:"text"`
	TimeMS *float64 `json:"time_ms,omitempty"`
}

// A Blocker is one cause that keeps operations from working.
type Blocker struct {
	ID        string    `json:"id"`       // B1
	Key       string    `json:"key"`      // the same in the next smoke, for the same cause
	Priority  string    `json:"priority"` // P0 breaks the gate by itself, P1, P2
	Title     string    `json:"title"`
	Endpoints []string  `json:"endpoints"`
	State     State     `json:"state"`
	Fault     Fault     `json:"fault"`
	Hop       hop.Hop   `json:"hop"`
	Evidence  []string  `json:"hop_evidence"`
	Status    int       `json:"status,omitempty"`
	Upstream  int       `json:"upstream_status,omitempty"`
	Message   string    `json:"message"`
	Pattern   string    `json:"pattern"` // the message with ids, times and numbers masked
	Requests  int       `json:"requests"`
	Failed    int       `json:"failed"`
	Share     float64   `json:"share"`                // of all requests that it breaks, with what it keeps from being sent
	AlsoFails []string  `json:"also_fails,omitempty"` // operations that cannot work because of it
	Hints     []string  `json:"hints,omitempty"`
	Exemplar  *Exchange `json:"exemplar,omitempty"`
}

// An Exchange is a request and its answer, kept for somebody to act on. Secrets
// are masked.
type Exchange struct {
	metric.Exemplar
	Direct *DirectExchange `json:"direct,omitempty"`
}

// A DirectExchange is the same request sent straight to the upstream.
type DirectExchange struct {
	metric.Exemplar
	Base string `json:"base"` // of the upstream
}

// Changes is what differs from an earlier smoke.
type Changes struct {
	Baseline string   `json:"baseline"`
	Fixed    []string `json:"fixed"` // titles of blockers
	New      []string `json:"new"`
	Still    []string `json:"still"`
	Coverage float64  `json:"coverage"` // of the earlier one
}

// LoadRun is what the run of --load came to.
type LoadRun struct {
	Dir       string   `json:"dir"`
	Requests  int64    `json:"requests"`
	Failed    int64    `json:"failed"`
	ErrorRate *float64 `json:"error_rate,omitempty"`
	P95       *float64 `json:"p95_ms,omitempty"`
}
