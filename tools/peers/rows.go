package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A row is one kind of work.
type row struct {
	key    string
	title  string
	goal   string
	memory bool // peak memory is what counts
	tools  func(*bench) []tool
}

// A tool is one generator's way to do a row's work.
type tool struct {
	name string
	args []string
	// cores and procs are those of a single core where they are zero.
	cores string
	procs int
	count func(b *bench, out string) (requests float64, note string, err error)
}

type bench struct {
	lt, dir string
	*targets
	length time.Duration
}

const users = 64

func (b *bench) seconds() string { return strconv.Itoa(int(b.length.Seconds())) }

var rows = []row{
	{key: "get", title: "GET of 200 bytes, HTTP/1.1 keep-alive, 64 users, closed loop", goal: "lt >= 1.0 x wrk, never under 0.9", tools: func(b *bench) []tool {
		return []tool{
			b.ltRun("lt", b.plain), b.wrk(b.plain), b.h2load("h2load", b.plain, users, 1, "--h1"), b.fortio(b.plain), b.hey(b.plain), b.k6("get.js", b.plain, users),
		}
	}},
	{key: "post", title: "POST of 1 KB of JSON, static, HTTP/1.1 keep-alive, 64 users", goal: "lt >= 1.0 x wrk, never under 0.85", tools: func(b *bench) []tool {
		body := filepath.Join(b.dir, "body.json")
		return []tool{
			b.ltRun("lt", b.plain, "-X", "POST", "-H", "Content-Type: application/json", "--body", "@"+body),
			b.wrk(b.plain, "-s", filepath.Join(b.dir, "post.lua")),
			b.h2load("h2load", b.plain, users, 1, "--h1", "-d", body, "-H", "Content-Type: application/json"),
			b.fortio(b.plain, "-payload-file", body, "-content-type", "application/json"),
			b.hey(b.plain, "-m", "POST", "-D", body, "-T", "application/json"),
			b.k6("post.js", b.plain, users),
		}
	}},
	{key: "tls", title: "GET of 200 bytes, HTTP/1.1 over TLS, 64 users", goal: "lt >= 0.8 x wrk", tools: func(b *bench) []tool {
		return []tool{b.ltRun("lt", b.tls, "-k"), b.wrk(b.tls), b.h2load("h2load", b.tls, users, 1, "--h1"), b.fortio(b.tls, "-k"), b.hey(b.tls), b.k6("get.js", b.tls, users)}
	}},
	{key: "h2-64x1", title: "GET of 200 bytes, HTTP/2 over TLS, 64 connections with a stream each", goal: "lt >= 0.8 x h2load", tools: func(b *bench) []tool {
		return []tool{
			b.ltRun("lt", b.tls, "-k", "--http", "2"), b.h2load("h2load", b.tls, users, 1), b.fortio(b.tls, "-k", "-h2", "-stdclient"),
			b.hey(b.tls, "-h2"), b.k6("get.js", b.tls, users),
		}
	}},
	{key: "h2-1x64", title: "GET of 200 bytes, HTTP/2 over TLS, one connection with 64 streams", goal: "lt >= 0.8 x h2load", tools: func(b *bench) []tool {
		return []tool{b.ltRun("lt", b.tls, "-k", "--http", "2", "--connections", "1"), b.h2load("h2load", b.tls, 1, users)}
	}},
	{key: "api", title: "The `api` workload without think time, 64 users, against a stub that answers at once", goal: "lt >= 0.5 x its own static GET of the stub, >= 8 x k6", tools: func(b *bench) []tool {
		flow := b.ltScenario("lt", "api.yaml")
		return []tool{flow, b.ltRun("lt, static GET", b.stub), b.k6("api.js", b.stub, users)}
	}},
	{key: "cores", title: "GET of 200 bytes, 64 users: one core and two", goal: "lt at GOMAXPROCS=2 >= 0.9 x at 1", tools: func(b *bench) []tool {
		one, two := b.ltRun("lt, GOMAXPROCS=1", b.plain), b.ltRun("lt, GOMAXPROCS=2", b.plain)
		two.cores, two.procs = "0,1", 2
		one.cores = "0,1"
		return []tool{two, one}
	}},
	{key: "waiting", title: "5,000 users that each wait 1 s for their answer", goal: "lt <= 80 MB resident at most", memory: true, tools: func(b *bench) []tool {
		n := 5000
		return []tool{
			b.ltUsers("lt", n, b.wait), b.wrkUsers(n, b.wait), b.h2load("h2load", b.wait, n, 1, "--h1"),
			b.fortioUsers(n, b.wait), b.heyUsers(n, b.wait),
		}
	}},
}

func (b *bench) ltRun(name, url string, more ...string) tool {
	return tool{name: name, args: append([]string{b.lt, "run", url, "-u", strconv.Itoa(users), "-d", b.length.String(), "--no-thresholds", "--seed", "1", "-q", "--out", b.dir + "/results"}, more...), count: ltCount}
}

func (b *bench) ltScenario(name, file string) tool {
	return tool{name: name, args: []string{b.lt, "run", file, "--target", b.stub, "--api-key", "env:PEERS_KEY", "-u", strconv.Itoa(users), "--spawn-rate", "1000/s", "-d", b.length.String(), "--no-thresholds", "-q", "--out", b.dir + "/results"}, count: ltCount}
}

func (b *bench) ltUsers(name string, n int, url string) tool {
	t := b.ltRun(name, url, "--spawn-rate", "2500/s")
	t.args[slices.Index(t.args, "-u")+1] = strconv.Itoa(n)
	t.args[slices.Index(t.args, "-d")+1] = (2 * b.length).String()
	return t
}

// ltCount takes every request that was sent from the run's own result.
func ltCount(b *bench, _ string) (float64, string, error) {
	text, err := os.ReadFile(filepath.Join(b.dir, "results", "latest", "result.json"))
	if err != nil {
		return 0, "", err
	}
	var r struct {
		Warmup struct{ Requests, Failed float64 }
		Totals struct{ Requests, Failed float64 }
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return 0, "", err
	}
	if failed := r.Warmup.Failed + r.Totals.Failed; failed > 0 {
		return 0, "", fmt.Errorf("lt: %v requests failed", failed)
	}
	return r.Warmup.Requests + r.Totals.Requests, "", nil
}

func (b *bench) wrk(url string, more ...string) tool {
	return tool{name: "wrk", args: append(append([]string{"wrk", "-t1", "-c" + strconv.Itoa(users), "-d" + b.seconds() + "s"}, more...), url), count: counted(`(\d+) requests in`)}
}

func (b *bench) wrkUsers(n int, url string) tool {
	return tool{name: "wrk", args: []string{"wrk", "-t1", "-c" + strconv.Itoa(n), "-d10s", "--timeout", "10s", url}, count: counted(`(\d+) requests in`)}
}

func (b *bench) h2load(name, url string, connections, streams int, more ...string) tool {
	args := append([]string{"h2load", "-t1", "-c" + strconv.Itoa(connections), "-m" + strconv.Itoa(streams), "-D", b.seconds()}, more...)
	return tool{name: name, args: append(args, url), count: counted(`requests: \d+ total, \d+ started, (\d+) done`)}
}

func (b *bench) fortio(url string, more ...string) tool {
	args := append([]string{"fortio", "load", "-qps", "0", "-c", strconv.Itoa(users), "-t", b.length.String(), "-loglevel", "warning"}, more...)
	return tool{name: "fortio", args: append(args, url), count: counted(`Code 200 : (\d+) `)}
}

func (b *bench) fortioUsers(n int, url string) tool {
	t := b.fortio(url, "-timeout", "10s")
	t.args[slices.Index(t.args, "-c")+1] = strconv.Itoa(n)
	t.args[slices.Index(t.args, "-t")+1] = (2 * b.length).String()
	return t
}

func (b *bench) hey(url string, more ...string) tool {
	args := append([]string{"hey", "-c", strconv.Itoa(users), "-z", b.length.String()}, more...)
	return tool{name: "hey", args: append(args, url), count: heyCount}
}

func (b *bench) heyUsers(n int, url string) tool {
	return tool{name: "hey", args: []string{"hey", "-c", strconv.Itoa(n), "-z", (2 * b.length).String(), url}, count: heyCount}
}

var heyStatus = regexp.MustCompile(`\[\d+\]\s+(\d+) responses`)

func heyCount(_ *bench, out string) (float64, string, error) {
	sum := 0.0
	for _, m := range heyStatus.FindAllStringSubmatch(out, -1) {
		n, _ := strconv.ParseFloat(m[1], 64)
		sum += n
	}
	return sum, "", nil
}

func (b *bench) k6(script, url string, vus int) tool {
	return tool{
		name: "k6",
		args: []string{"k6", "run", "-q", "--no-usage-report", "--insecure-skip-tls-verify", "--vus", strconv.Itoa(vus), "--duration", b.length.String(), "--summary-export", "k6.json", "-e", "TARGET=" + url, script},
		count: func(b *bench, _ string) (float64, string, error) {
			text, err := os.ReadFile(filepath.Join(b.dir, "k6.json"))
			if err != nil {
				return 0, "", err
			}
			var r struct {
				Metrics map[string]struct{ Count float64 }
			}
			err = json.Unmarshal(text, &r)
			return r.Metrics["http_reqs"].Count, "", err
		},
	}
}

// counted finds the number of requests in a tool's output.
func counted(pattern string) func(*bench, string) (float64, string, error) {
	re := regexp.MustCompile(pattern)
	return func(_ *bench, out string) (float64, string, error) {
		m := re.FindStringSubmatch(out)
		if m == nil {
			return 0, "", fmt.Errorf("says nothing like %q:\n%s", pattern, out)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		return n, "", err
	}
}

func installed(t tool) bool {
	_, err := exec.LookPath(t.args[0])
	return err == nil
}

// row measures a row, and writes its table.
func (b *bench) row(w io.Writer, r row, rounds int) error {
	var tools []tool
	for _, t := range r.tools(b) {
		if installed(t) {
			tools = append(tools, t)
		}
	}
	samples := make([][]sample, len(tools))
	for round := range rounds {
		for i, t := range tools {
			cores, procs := t.cores, max(t.procs, 1)
			if cores == "" {
				cores = generatorCore
			}
			out, s, err := b.run(cores, procs, t.args[0], t.args[1:]...)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", strings.Join(t.args, " "), err, out)
			}
			n, note, err := t.count(b, out)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", t.name, err, out)
			}
			s.requests, s.note = n, note
			samples[i] = append(samples[i], s)
			fmt.Fprintf(os.Stderr, "%s round %d: %-18s %9.0f per CPU-s, %9.0f requests, %5.2f CPU-s, %5.1f MiB\n", r.key, round+1, t.name, s.requests/s.cpu, s.requests, s.cpu, s.rss)
		}
	}
	figure := func(i int, of func(sample) float64) (mid, low, high float64) {
		var x []float64
		for _, s := range samples[i] {
			x = append(x, of(s))
		}
		return median(x), slices.Min(x), slices.Max(x)
	}
	fmt.Fprintf(w, "\n### %s\n\nGoal: %s. `make bench-peers ROWS=%s`\n\n", r.title, r.goal, r.key)
	if r.memory {
		fmt.Fprint(w, "| tool | peak resident, MiB | requests/s |\n|---|---:|---:|\n")
		for i, t := range tools {
			mid, low, high := figure(i, func(s sample) float64 { return s.rss })
			rate, _, _ := figure(i, func(s sample) float64 { return s.requests / s.wall })
			fmt.Fprintf(w, "| %s | %.0f (%.0f-%.0f) | %.0f |\n", t.name, mid, low, high, rate)
		}
	} else {
		fmt.Fprint(w, "| tool | requests per CPU-second | lt is x times that, round by round | µs CPU per request | peak resident, MiB |\n|---|---:|---:|---:|---:|\n")
		for i, t := range tools {
			mid, low, high := figure(i, func(s sample) float64 { return s.requests / s.cpu })
			rss, _, _ := figure(i, func(s sample) float64 { return s.rss })
			ratio := ""
			if i > 0 {
				var x []float64
				for k := range samples[i] {
					ours, his := samples[0][k], samples[i][k]
					x = append(x, ours.requests/ours.cpu/(his.requests/his.cpu))
				}
				ratio = fmt.Sprintf("**%.2f** (%.2f-%.2f)", median(x), slices.Min(x), slices.Max(x))
			}
			fmt.Fprintf(w, "| %s | %s (%s-%s) | %s | %.2f | %.0f |\n", t.name, thousands(mid), thousands(low), thousands(high), ratio, 1e6/mid, rss)
		}
	}
	fmt.Fprint(w, "\nCommands:\n\n```\n")
	for _, t := range tools {
		line := strings.Join(t.args, " ")
		line = strings.NewReplacer(b.lt, "lt", b.dir+"/", "", b.dir, ".").Replace(line)
		if t.procs > 1 {
			line = "GOMAXPROCS=" + strconv.Itoa(t.procs) + " " + line
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprint(w, "```\n")
	return nil
}

func thousands(x float64) string { return fmt.Sprintf("%.1fk", x/1000) }

func (b *bench) version(name string) string {
	args := map[string][]string{
		"lt": {b.lt, "version"}, "wrk": {"wrk", "-v"}, "h2load": {"h2load", "--version"}, "fortio": {"fortio", "version"}, "k6": {"k6", "version"},
	}[name]
	if args == nil {
		return ""
	}
	out, _ := exec.Command(args[0], args[1:]...).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	line, _, _ = strings.Cut(line, " [")
	if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, name) {
		line = name + " " + line
	}
	return line
}
