package run

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/verdict"
)

// finished is a whole run on disk: 40 s of two endpoints with n requests a second
// each. change edits its plan.
func finished(t *testing.T, n int, change func(*Plan)) *Source {
	t.Helper()
	p := testPlan(40 * time.Second)
	p.ScenarioDigest, p.Environment = "sha256:aa", Environment{Host: "h", CPUs: 2, OS: "linux/amd64", Class: "linux/amd64/2"}
	p.Labels = map[string]string{"commit": "4f2a91c"}
	if change != nil {
		change(p)
	}
	d, j := newTestRun(t, p)
	record(t, j, p, 42, n, nil, 41)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	r := j.Result()
	code := 0
	r.ExitCode = &code
	if err := d.WriteJSON(ResultFile, r); err != nil {
		t.Fatal(err)
	}
	return reopen(t, d.Path)
}

func reopen(t *testing.T, path string) *Source {
	t.Helper()
	s, err := Open(filepath.Base(path), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestABaselineShowsWhatItsRunDid: stored and read again, a run has the same
// figures, and compared with itself none of them differs.
func TestABaselineShowsWhatItsRunDid(t *testing.T) {
	src := finished(t, 40, nil)
	if src.Edited != "" {
		t.Fatal(src.Edited)
	}
	store := Store{Dir: filepath.Join(t.TempDir(), "kept")}
	path, err := store.Set("main/light", src, "tester", testStart, false)
	if err != nil {
		t.Fatal(err)
	}
	back := reopen(t, path)
	if back.Edited != "" || back.Result.RunID != src.Result.RunID || len(back.Result.Timeline) != 0 {
		t.Errorf("%+v", back.Result)
	}
	if len(back.Evidence.Endpoints) != 2 || back.Evidence.Window != src.Evidence.Window {
		t.Fatalf("%d endpoints, window %v", len(back.Evidence.Endpoints), back.Evidence.Window)
	}
	for i := range src.Evidence.Endpoints {
		a, b := &src.Evidence.Endpoints[i], &back.Evidence.Endpoints[i]
		if a.Requests != b.Requests || a.Failed != b.Failed || a.Succeeded != b.Succeeded || a.Warmup != b.Warmup || len(a.Blocks) != len(b.Blocks) {
			t.Errorf("%+v, want %+v", b, a)
		}
		for _, q := range []float64{.01, .5, .95, .99, 1} {
			if a.Response.Quantile(q) != b.Response.Quantile(q) {
				t.Errorf("quantile %v: %v, want %v", q, b.Response.Quantile(q), a.Response.Quantile(q))
			}
		}
		if a.Response.Sum != b.Response.Sum {
			t.Errorf("sum %v, want %v", b.Response.Sum, a.Response.Sum)
		}
	}
	c, err := Compare([]*Source{back}, []*Source{src}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Rows {
		if d.Change == nil || *d.Change != 0 {
			t.Errorf("%s %s: %s", d.Endpoint, d.Metric, d.Reason)
		}
	}
	if !strings.Contains(strings.Join(c.Notes, "\n"), "run-to-run spread unknown: 1 run on a side") || c.Regressed() || !c.Gates {
		t.Errorf("%q", c.Notes)
	}

	// The file is a document with sorted keys that ends in a line break, and the same
	// run gives the same bytes.
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := store.Set("main/light", src, "tester", testStart, false)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(again); !bytes.Equal(raw, b) || !bytes.HasSuffix(raw, []byte("}\n")) {
		t.Error("the same run gave other bytes")
	}
	last := ""
	for _, line := range strings.Split(string(raw), "\n") {
		if key, _, ok := strings.Cut(line, `": `); ok && strings.HasPrefix(line, ` "`) {
			if key < last {
				t.Errorf("%s stands after %s", key, last)
			}
			last = key
		}
	}
	if len(raw) > 200<<10 {
		t.Errorf("%d bytes for two endpoints", len(raw))
	}
}

func TestStore(t *testing.T) {
	src := finished(t, 2, nil)
	store := Store{Dir: filepath.Join(t.TempDir(), "kept")}
	if all, bad := store.List(); len(all)+len(bad) != 0 {
		t.Error(all, bad)
	}
	for _, name := range []string{"main", "a/b", "release-4.1"} {
		if _, err := store.Set(name, src, "tester", testStart, false); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "..", "a/../b", "/a", "a/", "latest", "a b", ".hidden", strings.Repeat("x", 65), "a//b", "ends."} {
		if _, err := store.Set(name, src, "tester", testStart, false); err == nil || !strings.Contains(err.Error(), "is no name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	var names []string
	all, bad := store.List()
	for _, b := range all {
		names = append(names, b.Name)
	}
	if diff := cmp.Diff([]string{"a/b", "main", "release-4.1"}, names); diff != "" || len(bad) > 0 {
		t.Error(diff, bad)
	}
	for _, ref := range []string{"main", "a/b", filepath.Join(store.Dir, "main.json")} {
		path, err := Find("nowhere", ref, store)
		if err != nil || !IsBaseline(path) {
			t.Errorf("%s: %s, %v", ref, path, err)
		}
		if r, err := Load(path); err != nil || r.RunID != "test" {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if found, err := FindAll("nowhere", "a", store); err != nil || len(found) != 1 {
		t.Errorf("a: %q, %v", found, err)
	}
	if _, err := Find("nowhere", "other", store); err == nil || !strings.Contains(err.Error(), `no run "other"`) {
		t.Error(err)
	}
	if err := store.Remove("main"); err != nil {
		t.Error(err)
	}
	if err := store.Remove("main"); err == nil || !strings.Contains(err.Error(), "there is no baseline") {
		t.Error(err)
	}

	// What is damaged is said, and takes no part.
	path := filepath.Join(store.Dir, "a", "b.json")
	raw, _ := os.ReadFile(path)
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(`"requests": `), []byte(`"requests": 7`), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	edited := reopen(t, path)
	if _, err := Compare([]*Source{edited}, []*Source{src}, true); err == nil || !strings.Contains(err.Error(), "b.json takes no part: its file was edited") {
		t.Error(err)
	}
	// How it is spelled is not what it says.
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	compact, _ := json.Marshal(tree)
	if err := os.WriteFile(path, compact, 0o666); err != nil {
		t.Fatal(err)
	}
	if s := reopen(t, path); s.Edited != "" {
		t.Error(s.Edited)
	}
	if err := os.WriteFile(path, raw[:len(raw)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, bad := store.List(); len(bad) != 1 {
		t.Error(bad)
	}
}

func TestWhatIsCompared(t *testing.T) {
	base := finished(t, 40, nil)
	compare := func(force bool, change func(*Plan), then func(*Source)) (*Comparison, error) {
		s := finished(t, 40, change)
		s.Ref = "other"
		if then != nil {
			then(s)
		}
		return Compare([]*Source{base}, []*Source{s}, force)
	}
	refused := map[string]func(*Plan){
		"another scenario": func(p *Plan) { p.ScenarioDigest = "sha256:bb" },
		"another load":     func(p *Plan) { p.Profile = load.Users(12, 5, 40*time.Second) },
	}
	for why, change := range refused {
		if _, err := compare(false, change, nil); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
		c, err := compare(true, change, nil)
		if err != nil || c.Gates || !strings.Contains(strings.Join(c.Notes, "\n"), "compared by force: "+why) {
			t.Errorf("%s, forced: %v, %+v", why, err, c)
		}
	}
	for why, change := range map[string]func(*Plan){
		"another class of runner (linux/amd64/2, and big)": func(p *Plan) { p.Environment.Class = "big" },
		"another processor (unknown, and Fast CPU)":        func(p *Plan) { p.Environment.CPU = "Fast CPU" },
	} {
		c, err := compare(false, change, nil)
		if err != nil || c.Gates || !strings.Contains(strings.Join(c.Notes, "\n"), why) {
			t.Errorf("%s: %v, %+v", why, err, c)
		}
	}
	withheld := func(what, why string, then func(*Source)) {
		t.Helper()
		c, err := compare(false, nil, then)
		if err != nil {
			t.Fatal(err)
		}
		if c.Verdict != verdict.Undecided || len(c.Withheld) != 1 || !strings.Contains(c.Withheld[0], why) {
			t.Errorf("%s: %s, %q", what, c.Verdict, c.Withheld)
		}
	}
	withheld("shared", "shared machine", func(s *Source) { s.Result.Notes = []string{"shared machine: the hypervisor took up to 12 %"} })
	withheld("invalid", "the generator was measured", func(s *Source) { s.Result.Generator.Valid = false })
	withheld("late", "iterations started late", func(s *Source) { s.Result.Generator.StartDelay = &StartDelay{P99: 300} })
	c, err := compare(false, nil, func(s *Source) { s.Result.Complete = false })
	if err != nil || c.Gates || !strings.Contains(strings.Join(c.Notes, "\n"), "it is partial") {
		t.Errorf("partial: %v, %q", err, c.Notes)
	}
	_, err = compare(true, nil, func(s *Source) {
		s.Edited = "somebody was here"
	})
	if err == nil || !strings.Contains(err.Error(), "other takes no part: somebody was here") {
		t.Error(err)
	}
}

// TestSharedMachineInTurns: five runs of each side that take turns on a shared
// machine are judged; five after five are not.
func TestSharedMachineInTurns(t *testing.T) {
	one := finished(t, 40, nil)
	side := func(from, step time.Duration) (out []*Source) {
		for i := range verdict.EnoughRuns {
			s, r := *one, *one.Result
			r.StartedAt, r.Notes = testStart.Add(from+time.Duration(i)*step), []string{"shared machine: work waited"}
			s.Result = &r
			out = append(out, &s)
		}
		return out
	}
	c, err := Compare(side(0, 2*time.Minute), side(time.Minute, 2*time.Minute), false)
	if err != nil || c.Verdict != verdict.Same || len(c.Withheld) != 0 || !strings.Contains(strings.Join(c.Notes, "\n"), "took turns") {
		t.Errorf("in turns: %v, %s, %q, %q", err, c.Verdict, c.Withheld, c.Reasons)
	}
	c, err = Compare(side(0, time.Minute), side(time.Hour, time.Minute), false)
	if err != nil || c.Verdict != verdict.Undecided || len(c.Withheld) != 1 {
		t.Errorf("one after the other: %v, %s, %q", err, c.Verdict, c.Withheld)
	}
}

func TestAnEditedRunIsKnown(t *testing.T) {
	src := finished(t, 5, nil)
	path := filepath.Join(src.Path, ResultFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, edit := range map[string][2]string{
		"the totals":    {`"failed": 0`, `"failed": 1`},
		"the run":       {`"model": "closed"`, `"model": "open"`},
		"the endpoints": {`"method": "POST"`, `"method": "PUT"`},
	} {
		text := bytes.Replace(raw, []byte(edit[0]), []byte(edit[1]), 1)
		if bytes.Equal(text, raw) {
			t.Fatalf("%s: nothing to edit", what)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		if s := reopen(t, src.Path); !strings.Contains(s.Edited, "disagree on "+what) {
			t.Errorf("%s: %q", what, s.Edited)
		}
	}
}

// FuzzBaseline: whatever stands in a store, reading it ends in an error or in
// evidence that can be compared.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"kind":"lt baseline","schema":1,"name":"x","result":{"schema":1},"evidence":[{"name":"GET /","blocks":[{"n":1,"histogram":"AAAA"}]}]}`))
	f.Add([]byte(`{"kind":"lt baseline","schema":1,"result":{"schema":1},"window_s":1e300,"evidence":[{"blocks":[{"length_s":-1,"requests":-5}]}]}`))
	f.Add([]byte(`{"kind":"lt baseline"}`))
	f.Add([]byte(`[]`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(dir, "x.json")
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Skip()
		}
		if !IsBaseline(path) {
			return
		}
		s, err := Open("x", path)
		if err != nil {
			return
		}
		s.Edited = ""
		if _, err := Compare([]*Source{s}, []*Source{s}, false); err != nil {
			t.Error(err)
		}
	})
}
