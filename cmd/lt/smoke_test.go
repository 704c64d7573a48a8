package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/fixtures/datalayer"
	"github.com/seed-42693903/lt/fixtures/faults"
	"github.com/seed-42693903/lt/fixtures/gateway"
	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/smoke"
)

const smokeKey, smokeUpstreamKey = "canary-of-the-callers-0f3b9a", "canary-of-the-gateway-77aa1c"

// startPlatform starts the reference platform in this process.
func startPlatform(t *testing.T, profile string) (gatewayURL, datalayerURL string) {
	t.Helper()
	serve := func(at faults.Process, s interface {
		Wrap(func(http.Handler) http.Handler)
		Serve(context.Context, net.Listener) error
		Close() error
	},
	) string {
		if profile != "" {
			p, err := faults.Load(profile)
			if err != nil {
				t.Fatal(err)
			}
			if p.At == at {
				s.Wrap(p.Handler)
			}
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, ln) }()
		t.Cleanup(func() {
			cancel()
			if err := errors.Join(<-ended, s.Close()); err != nil {
				t.Error(err)
			}
		})
		return "http://" + ln.Addr().String()
	}
	dl, err := datalayer.New(datalayer.Config{DB: "sqlite:" + filepath.Join(t.TempDir(), "lt.db"), Key: smokeUpstreamKey, Drain: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	datalayerURL = serve(faults.Datalayer, dl)
	upstream, err := url.Parse(datalayerURL)
	if err != nil {
		t.Fatal(err)
	}
	gw, err := gateway.New(gateway.Config{
		Upstream: upstream, UpstreamKey: smokeUpstreamKey, Drain: time.Second,
		Consumers: []gateway.Consumer{{Name: "test", Key: smokeKey, Role: "developer", Tier: "enterprise"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return serve(faults.Gateway, gw), datalayerURL
}

// ltSmoke runs lt in this process and reads what the smoke found; nil: nothing.
func ltSmoke(t *testing.T, key string, args ...string) (code int, r *smoke.Result, said string) {
	t.Helper()
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	env := &environ{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string {
		return map[string]string{"LT_API_KEY": key, "DIRECT": smokeUpstreamKey}[name]
	}}
	code = execute(append(args, "--out", out), env)
	said = stdout.String() + stderr.String()
	dirs, _ := filepath.Glob(filepath.Join(out, "smoke-*"))
	if len(dirs) == 0 {
		return code, nil, said
	}
	r, err := smoke.Load(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	// No credential stands in any file or on any line.
	_ = filepath.WalkDir(dirs[0], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			t.Errorf("%s: %v, %d bytes", path, err, len(b))
		}
		if bytes.Contains(b, []byte(smokeKey)) || bytes.Contains(b, []byte(smokeUpstreamKey)) {
			t.Errorf("a key stands in %s", path)
		}
		return nil
	})
	if strings.Contains(said, smokeKey) || strings.Contains(said, smokeUpstreamKey) {
		t.Errorf("a key was printed:\n%s", said)
	}
	return code, r, said
}

// workload writes the built-in workload api with texts replaced.
func workload(t *testing.T, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile("../../scenarios/builtin/api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(replace...).Replace(string(b))
	if text == string(b) {
		t.Fatal("nothing was replaced")
	}
	path := filepath.Join(t.TempDir(), "workload.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// endpoints are those of all blockers, in order of their names.
func endpoints(r *smoke.Result) (names []string) {
	for _, b := range r.Blockers {
		names = append(names, b.Endpoints...)
	}
	slices.Sort(names)
	return names
}

// theFour are the endpoints that the seeds' report found broken, without and with
// the slash at the end.
var (
	theFour      = []string{"GET /api/v1/agents/{id}", "PATCH /api/v1/agents/{id}", "POST /api/v1/goals", "POST /api/v1/tasks"}
	theFourSlash = []string{"GET /api/v1/agents/{id}", "PATCH /api/v1/agents/{id}", "POST /api/v1/goals/", "POST /api/v1/tasks/"}
)

// TestSmokeOfAPlatformThatWorks: no finding, all of it exercised, and nothing left
// behind but what cannot be deleted.
func TestSmokeOfAPlatformThatWorks(t *testing.T) {
	at, _ := startPlatform(t, "")
	code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at)
	if code != exitPass || r == nil || len(r.Blockers) != 0 || r.Coverage.Share != 1 || r.Coverage.Working != r.Coverage.Operations || r.Coverage.Operations < 45 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if r.Rows.Created < 7 || r.Rows.Left != 1 { // an event, which nothing deletes
		t.Errorf("rows %+v", r.Rows)
	}
	code, r, said = ltSmoke(t, smokeKey, "smoke", "--target", at, "--workload", "api")
	if code != exitPass || len(r.Blockers) != 0 || r.Coverage.Share != 1 || r.Coverage.Operations != 12 {
		t.Errorf("the workload: exit code %d\n%s", code, said)
	}
	code, r, said = ltSmoke(t, smokeKey, "smoke", "--target", at, "--safe")
	if code != exitPass || r.Rows.Created != 0 || r.Coverage.Share == 1 {
		t.Errorf("--safe: exit code %d, rows %+v\n%s", code, r.Rows, said)
	}
	for _, o := range r.Operations {
		if o.Method != "GET" && (o.Requests != 0 || o.State != smoke.NotExercised || !strings.Contains(o.Reason, "--safe")) {
			t.Errorf("--safe: %s: %d requests, %s: %s", o.Name, o.Requests, o.State, o.Reason)
		}
	}
	if code, _, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--safe", "--min-coverage", "100%"); code != exitContract || !strings.Contains(said, "coverage") {
		t.Errorf("--min-coverage: exit code %d\n%s", code, said)
	}
}

// TestSmokeOfDay3 finds the four endpoints of the seeds' report, and nothing else.
func TestSmokeOfDay3(t *testing.T) {
	at, direct := startPlatform(t, "week9-day3")
	check := func(t *testing.T, code int, r *smoke.Result, said string, four []string, want hop.Hop) {
		t.Helper()
		if code != exitContract || r == nil || !slices.Equal(endpoints(r), four) || len(r.Blockers) != 4 {
			t.Fatalf("exit code %d, want %d and exactly %q\n%s", code, exitContract, four, said)
		}
		for _, b := range r.Blockers {
			if b.Hop != want || len(b.Evidence) == 0 || b.Fault != smoke.FaultAPI || b.Priority != "P0" || b.Exemplar == nil || b.Exemplar.TraceID == "" {
				t.Errorf("%s: hop %s (%q), fault %s, %s; want %s", b.Title, b.Hop, b.Evidence, b.Fault, b.Priority, want)
			}
			if strings.Contains(b.Title, "POST /api/v1/tasks") && want != hop.Unknown && (!strings.Contains(b.Title, "405 behind a 500") || b.Upstream != 405) {
				t.Errorf("%s, %d behind %d: want 405 behind a 500", b.Title, b.Upstream, b.Status)
			}
			if strings.Contains(b.Title, "POST /api/v1/goals") && len(b.AlsoFails) < 2 {
				t.Errorf("%s explains %q", b.Title, b.AlsoFails)
			}
		}
		for _, o := range r.Operations {
			if !o.State.Works() && o.Blocker == "" && (o.State != smoke.NotExercised || !slices.Contains(four, o.ExplainedBy)) {
				t.Errorf("%s: %s, explained by %q: %s", o.Name, o.State, o.ExplainedBy, o.Reason)
			}
		}
		if r.AfterFixes.Working != r.AfterFixes.Operations {
			t.Errorf("after the fixes %+v", r.AfterFixes)
		}
	}
	code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at)
	check(t, code, r, said, theFour, hop.Upstream)
	code, day3, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--workload", "api")
	check(t, code, day3, said, theFourSlash, hop.Upstream)

	// The gate may allow them.
	if code, _, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--max-p0", "4"); code != exitPass {
		t.Errorf("--max-p0 4: exit code %d\n%s", code, said)
	}

	// A proxy takes the help headers away: only the upstream itself can tell.
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(res *http.Response) error {
		for _, name := range []string{"X-Upstream-Status", "Server-Timing"} {
			res.Header.Del(name)
		}
		return nil
	}
	bare := httptest.NewServer(proxy)
	defer bare.Close()
	code, r, said = ltSmoke(t, smokeKey, "smoke", "--target", bare.URL)
	check(t, code, r, said, theFour, hop.Unknown)
	mapping := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(mapping, []byte("# the data layer's paths\nPOST /api/v1/tasks=/plans/tasks\n/api/v1/data/=/\n/api/v1/=/\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	code, r, said = ltSmoke(t, smokeKey, "smoke", "--target", bare.URL, "--direct", direct, "--direct-key", smokeUpstreamKey, "--direct-map", mapping)
	check(t, code, r, said, theFour, hop.Upstream)
	for _, b := range r.Blockers {
		if b.Exemplar.Direct == nil || b.Exemplar.Direct.Status != b.Upstream {
			t.Errorf("%s: the upstream's own answer is not shown", b.Title)
		}
		if strings.HasPrefix(b.Title, "POST /api/v1/goals") && !strings.Contains(strings.Join(b.Hints, " "), "goal_id") {
			t.Errorf("%s: hints %q, want the key that the handler reads", b.Title, b.Hints)
		}
	}

	// The load does not start over it.
	code, r, said = ltSmoke(t, smokeKey, "run", "ci", "--smoke-first", "--target", at, "-d", "30s", "--no-preflight")
	if code != exitContract || r == nil || strings.Contains(said, "PASS") || len(r.Blockers) != 4 {
		t.Errorf("--smoke-first: exit code %d\n%s", code, said)
	}

	// Fixed: the baseline says so.
	before := filepath.Join(t.TempDir(), "smoke.json")
	if code, _, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--json", before); code != exitContract {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	fixed, _ := startPlatform(t, "")
	code, r, said = ltSmoke(t, smokeKey, "smoke", "--target", fixed, "--baseline", before)
	if code != exitPass || r.Changes == nil || len(r.Changes.Fixed) != 4 || len(r.Changes.New)+len(r.Changes.Still) != 0 {
		t.Errorf("--baseline: exit code %d, %+v\n%s", code, r.Changes, said)
	}
}

// TestSmokeOfDay2: every route of the API is missing at the gateway, health is there.
func TestSmokeOfDay2(t *testing.T) {
	at, _ := startPlatform(t, "week9-day2")
	code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at)
	if code != exitContract || r == nil || len(r.Blockers) != 1 || r.Blockers[0].Hop != hop.Gateway || r.Coverage.Share != 1 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	missing := 0
	for _, o := range r.Operations {
		want := smoke.Present
		if strings.HasPrefix(o.Path, "/api/v1/") {
			want = smoke.Missing
			missing++
		}
		if o.State != want || want == smoke.Missing && o.Hop != hop.Gateway {
			t.Errorf("%s: %s at %s, want %s", o.Name, o.State, o.Hop, want)
		}
	}
	if missing < 40 || missing != len(r.Blockers[0].Endpoints) {
		t.Errorf("%d routes are missing, %d in the blocker", missing, len(r.Blockers[0].Endpoints))
	}
	// Without a key it is one finding, not a hundred.
	code, r, said = ltSmoke(t, "", "smoke", "--target", at)
	if code != exitContract || len(r.Blockers) != 1 || r.Blockers[0].Key != "credential" || !strings.Contains(said, "LT_API_KEY") {
		t.Errorf("without a key: exit code %d\n%s", code, said)
	}
	if code, r, said := ltSmoke(t, smokeKey+"x", "smoke", "--target", at); code != exitContract || len(r.Blockers) != 1 {
		t.Errorf("with a wrong key: exit code %d\n%s", code, said)
	}
}

// TestSmokeNamesTheWrongIDField: only where the workload uses it.
func TestSmokeNamesTheWrongIDField(t *testing.T) {
	at, _ := startPlatform(t, "week9-ids")
	if code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--workload", "api"); code != exitPass || len(r.Blockers) != 0 {
		t.Errorf("goal_id: exit code %d\n%s", code, said)
	}
	if code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at); code != exitPass || len(r.Blockers) != 0 {
		t.Errorf("the contract: exit code %d\n%s", code, said)
	}
	code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--workload", workload(t, "$.goal_id", "$.id"))
	if code != exitContract || len(r.Blockers) != 1 || r.Blockers[0].Fault != smoke.FaultScenario || r.Blockers[0].Hop != hop.Client {
		t.Fatalf("id: exit code %d\n%s", code, said)
	}
	if m := r.Blockers[0].Message; !strings.Contains(m, "404 on an id that this run created") || !strings.Contains(m, "two id fields, goal_id and id") || !strings.Contains(m, "uses id") {
		t.Errorf("message %q", m)
	}
	if want := []string{"GET /api/v1/goals/{id}", "PATCH /api/v1/goals/{id}"}; !slices.Equal(endpoints(r), want) {
		t.Errorf("endpoints %q, want %q", endpoints(r), want)
	}
}

// TestSmokeBlamesTheScenario where it sends what the contract forbids.
func TestSmokeBlamesTheScenario(t *testing.T) {
	at, _ := startPlatform(t, "")
	code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", at, "--workload", workload(t, `"active", "idle", "busy", "suspended"`, `"inactive", "paused"`))
	if code != exitContract || r == nil || !slices.Equal(endpoints(r), []string{"PATCH /api/v1/agents/{id}"}) {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if b := r.Blockers[0]; b.Fault != smoke.FaultScenario || b.Hop != hop.Client || b.Status != 422 || !strings.Contains(b.Message, "status") {
		t.Errorf("%+v", b)
	}
}

// TestSmokeOfNothing ends as a run against nothing does.
func TestSmokeOfNothing(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	code, r, said := ltSmoke(t, smokeKey, "smoke", "--target", dead.URL)
	if code != exitNotReady || r != nil || !strings.Contains(said, "nothing answers at") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	bare := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer bare.Close()
	code, _, said = ltSmoke(t, smokeKey, "smoke", "--target", bare.URL)
	if code != exitUsage || !strings.Contains(said, "--openapi") {
		t.Errorf("without a contract: exit code %d\n%s", code, said)
	}
}

// TestSmokeUsage reports every mistake at once.
func TestSmokeUsage(t *testing.T) {
	code, _, said := ltSmoke(t, "", "smoke", "--users", "3", "--max-p0", "-1", "--min-coverage", "200", "--direct", "nowhere", "--openapi", "/not/there", "--load")
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"--users is for lt run", "--max-p0", "--min-coverage", "--direct", "--openapi", "--load needs a scenario"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing is said of %s:\n%s", want, said)
		}
	}
}
