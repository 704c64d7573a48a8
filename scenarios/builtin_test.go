package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

// Every file of the folder is listed, loads, and brings the default workload.
func TestBuiltin(t *testing.T) {
	var got []string
	for _, info := range Builtin() {
		got = append(got, info.Kind+" "+info.Name)
		if info.Description == "" {
			t.Errorf("%s has no description", info.Name)
		}
		s, err := Load(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != info.Name || len(s.Personas) == 0 {
			t.Errorf("%s: name %q, %d personas", info.Name, s.Name, len(s.Personas))
		}
		if info.Kind == KindScenario && s.Workload != "api" {
			t.Errorf("%s: workload %q", info.Name, s.Workload)
		}
		if len(s.Env()) != 0 {
			t.Errorf("%s needs the environment: %v", info.Name, s.Env())
		}
	}
	want := []string{
		"scenario light", "scenario normal", "scenario peak", "scenario endurance", "scenario spike", "scenario step", "scenario ci",
		"workload api", "workload health", "workload platform",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBuiltinLoads(t *testing.T) {
	const s, m = time.Second, time.Minute
	users := func(n float64, ramp, whole, warmup time.Duration) load.Profile {
		return load.Profile{
			Model: metric.Closed, Stages: []load.Stage{{Duration: ramp, Target: n}, {Duration: whole - ramp, Target: n}},
			Warmup: warmup, GracefulStop: load.DefaultGracefulStop,
		}
	}
	staged := func(stages ...load.Stage) load.Profile {
		return load.Profile{Model: metric.Closed, Staged: true, Stages: stages, GracefulStop: load.DefaultGracefulStop}
	}
	var step []load.Stage
	for n := 10.0; n <= 100; n += 10 {
		step = append(step, load.Stage{Duration: 2 * s, Target: n}, load.Stage{Duration: 58 * s, Target: n})
	}
	for name, want := range map[string]load.Profile{
		"light":     users(10, 5*s, 5*m, 14500*time.Millisecond),
		"normal":    users(100, 10*s, 10*m, 19900*time.Millisecond),
		"peak":      users(500, 10*s, 15*m, 19980*time.Millisecond),
		"endurance": users(200, 10*s, 60*m, 19950*time.Millisecond),
		"ci":        users(20, 1*s, 60*s, 6950*time.Millisecond),
		"step":      staged(step...),
		"spike": staged(
			load.Stage{Duration: 10 * s, Target: 10}, load.Stage{Duration: 50 * s, Target: 10},
			load.Stage{Duration: 4900 * time.Millisecond, Target: 500}, load.Stage{Duration: 115100 * time.Millisecond, Target: 500},
			load.Stage{Duration: 9800 * time.Millisecond, Target: 10}, load.Stage{Duration: 110200 * time.Millisecond, Target: 10},
		),
	} {
		sc, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sc.Load.Profile()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		own := 2
		if name == "endurance" {
			own = 4 // drift too
		}
		if len(sc.Thresholds) != own || (len(sc.Load.Thresholds) == 1) != (name == "peak") {
			t.Errorf("%s has the thresholds %v, and of its load %v", name, sc.Thresholds, sc.Load.Thresholds)
		}
	}
}

func TestThink(t *testing.T) {
	for name, want := range map[string][3]time.Duration{
		"light": {time.Second, 2 * time.Second, 3 * time.Second},
		"ci":    {100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond},
	} {
		s, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		script := compiled(t, s, "http://127.0.0.1:1", nil)
		lo, mean, hi := script.Think()
		if got := [3]time.Duration{lo, mean, hi}; got != want {
			t.Errorf("%s thinks %v, want %v", name, got, want)
		}
		if n := script.IterationRequests(); n != 1 {
			t.Errorf("%s: %v requests an iteration", name, n)
		}
		if n := script.StartRequests(); n != 0.5 {
			t.Errorf("%s: %v requests at the start", name, n)
		}
	}
	// Personas that think differently: the one that thinks less weighs more.
	s := parsed(t, `
personas:
  quick: {think: 1s, tasks: [{get: /a}]}
  slow: {think: 3s, tasks: [{steps: [{get: /a}, {get: /b}, {pause: 1s}, {get: /c}]}]}
`)
	script := compiled(t, s, "http://127.0.0.1:1", nil)
	if _, mean, _ := script.Think(); mean != 1500*time.Millisecond {
		t.Errorf("mean think time %v, want 1.5s: two users start 4 iterations in 3 s", mean)
	}
	if n := script.IterationRequests(); n != 1.5 {
		t.Errorf("%v requests an iteration, want 1.5", n)
	}
}

func TestUnknown(t *testing.T) {
	_, err := Load("peek")
	var unknown *UnknownError
	if !errors.As(err, &unknown) || unknown.Nearest != "peak" {
		t.Fatalf("Load = %v", err)
	}
	want := "unknown scenario `peek`, did you mean `peak`? there is light, normal, peak, endurance, spike, step, ci, api, health, platform, or a YAML file"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if _, err := Load("no/such.yaml"); err == nil || errors.As(err, &unknown) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of a file that is not there = %v", err)
	}
}

// A file's workload is a built-in or a file beside it, never one elsewhere.
func TestWorkloadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("users.yaml", "auth: bearer\nload: {users: 99, duration: 9m}\npersonas: {a: {tasks: [{get: /a}]}}\n")
	s, err := Load(write("mine.yaml", "workload: users.yaml\nload: {users: 3, duration: 1m}\nthresholds: ['p95{GET /a} < 1s']\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "mine" || s.Load.Users != 3 || s.Auth.Kind != "bearer" || s.Personas[0].Name != "a" {
		t.Errorf("scenario %+v", s)
	}
	for text, want := range map[string]string{
		"workload: ../users.yaml": "bad.yaml:1:11: the workload `../users.yaml` is no built-in and no file in the scenario's folder",
		"workload: helth":         "bad.yaml:1:11: there is no workload `helth`, did you mean `health`?",
		"workload: light":         "light has no personas: it cannot be a workload; there is api, health, platform",
		"workload: other.yaml":    "bad.yaml:1:11: the workload `other.yaml` is not in the scenario's folder",
		"workload: users.yaml\nthresholds: ['p95{GET /b} < 1s']": "bad.yaml:2:14: the threshold's scope `GET /b` matches no endpoint",
	} {
		_, err := Load(write("bad.yaml", text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	s, err := Load("health")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Describe()
	if got.Name != "health" || len(got.Personas) != 1 || got.Personas[0].Tasks[0].Steps[0] != "GET /health/live" || got.Personas[0].Tasks[1].Weight != 5 {
		t.Errorf("%+v", got)
	}
}

// Every file of testdata/good loads and compiles, with the files that it names.
func TestGood(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.yaml")
	if len(files) < 4 {
		t.Fatalf("only %d files", len(files))
	}
	for _, file := range files {
		s, err := Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		compiled(t, s, "http://127.0.0.1:1", func(o *CompileOptions) {
			o.Env = func(string) (string, bool) { return "x", true }
			o.Trace = true
		})
	}
}
