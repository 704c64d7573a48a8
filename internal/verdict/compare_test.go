package verdict

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict/sim"
)

// The references in testdata/compare-vectors.json were computed in Python with 40
// digits (mpmath): permutations by counting sums of whole numbers, the step-down
// procedure and Welch's interval from their definitions, Newcombe's interval from
// Wilson's formula, the bootstrap with a second implementation of the generator
// and by merging the blocks' values.
type vectors struct {
	Permutation []struct {
		A, B         []float64
		Above, Below float64
		Arrangements int
	}
	Stepdown []struct {
		Pairs []struct {
			A, B  []float64
			Floor float64
		}
		Above, Below []float64
	}
	Welch []struct {
		A, B             []float64
		Alpha, Low, High float64
	}
	Newcombe []struct {
		K1, N1, K2, N2, Alpha, Low, High float64
	}
	Bootstrap []struct {
		A, B         []vectorBlock
		Seed         uint64
		Resamples    int
		Q            float64
		QuantileSE   float64 `json:"quantile_se"`
		ThroughputSE float64 `json:"throughput_se"`
	}
}

type vectorBlock struct {
	Values  []int64 // in units of 512 ns, which histograms keep exactly
	Failed  int64
	Seconds float64
}

func loadVectors(t *testing.T) *vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/compare-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return v
}

func closeTo(t *testing.T, what string, i int, got, want float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > 1e-9 {
		t.Errorf("%s %d: %.15g, want %.15g", what, i, got, want)
	}
}

func enough(t *testing.T, n int) {
	t.Helper()
	if n < 20 {
		t.Errorf("only %d references", n)
	}
}

func TestPermutationVectors(t *testing.T) {
	v := loadVectors(t)
	enough(t, len(v.Permutation))
	for i, c := range v.Permutation {
		p := Permute([]Pair{{A: c.A, B: c.B}}, changeLevel)
		closeTo(t, "above", i, p.Above[0], c.Above)
		closeTo(t, "below", i, p.Below[0], c.Below)
		if p.Arrangements != c.Arrangements || !p.Exact {
			t.Errorf("%d: %d arrangements, exact %v, want %d", i, p.Arrangements, p.Exact, c.Arrangements)
		}
	}
}

func TestStepDownVectors(t *testing.T) {
	n := 0
	for i, c := range loadVectors(t).Stepdown {
		var pairs []Pair
		for _, p := range c.Pairs {
			pairs = append(pairs, Pair{p.A, p.B, p.Floor})
		}
		p := Permute(pairs, changeLevel)
		for k := range pairs {
			closeTo(t, "above", i, p.Above[k], c.Above[k])
			closeTo(t, "below", i, p.Below[k], c.Below[k])
			n++
		}
	}
	enough(t, n)
}

// TestPermutationOfManyRuns: of sides of five that do not overlap, one arrangement
// of 252 is as extreme; of more runs than can be arranged one by one, some are drawn.
func TestPermutationOfManyRuns(t *testing.T) {
	separate := Permute([]Pair{{A: []float64{1, 2, 3, 4, 5}, B: []float64{6, 7, 8, 9, 10}}}, changeLevel)
	closeTo(t, "separate", 0, separate.Above[0], 1.0/252)
	closeTo(t, "separate", 0, separate.Below[0], 1)
	var a, b []float64
	random := rand.New(rand.NewPCG(1, 2))
	for range 15 {
		a, b = append(a, random.NormFloat64()), append(b, random.NormFloat64()+1.5)
	}
	p := Permute([]Pair{{A: a, B: b}}, changeLevel)
	if p.Exact || p.Arrangements != sampled+1 || p.Above[0] < 1.0/sampled/2 || p.Above[0] > .01 {
		t.Errorf("15 runs on each side: %+v", p)
	}
	if again := Permute([]Pair{{A: a, B: b}}, changeLevel); again.Above[0] != p.Above[0] {
		t.Error("the drawn arrangements differ from call to call")
	}
	still := Permute([]Pair{{A: []float64{1, 1, 1, 1, 1}, B: []float64{1, 1, 1, 1, 1}}}, changeLevel)
	closeTo(t, "nothing varies", 0, still.Above[0], 1)
}

func TestWelchVectors(t *testing.T) {
	v := loadVectors(t)
	enough(t, len(v.Welch))
	for i, c := range v.Welch {
		in := Welch(c.A, c.B, c.Alpha)
		closeTo(t, "low", i, in.Low, c.Low)
		closeTo(t, "high", i, in.High, c.High)
	}
}

func TestNewcombeVectors(t *testing.T) {
	v := loadVectors(t)
	enough(t, len(v.Newcombe))
	for i, c := range v.Newcombe {
		in := Newcombe(c.K1, c.N1, c.K2, c.N2, c.Alpha)
		closeTo(t, "low", i, in.Low, c.Low)
		closeTo(t, "high", i, in.High, c.High)
	}
}

// TestNewcombePublished holds table II of Newcombe (1998), method 10, which has
// four digits.
func TestNewcombePublished(t *testing.T) {
	for i, c := range [][6]float64{
		{48, 80, 56, 70, .0524, .3339},
		{3, 10, 9, 10, .1705, .8090},
		{2, 7, 6, 7, .0582, .8062},
		{0, 29, 5, 56, -.0381, .1926},
		{0, 20, 0, 10, -.1611, .2775},
		{0, 10, 0, 10, -.2775, .2775},
		{0, 20, 10, 10, .6791, 1},
		{0, 10, 10, 10, .6075, 1},
	} {
		in := Newcombe(c[0], c[1], c[2], c[3], .025)
		if math.Abs(in.Low-c[4]) > 6e-5 || math.Abs(in.High-c[5]) > 6e-5 {
			t.Errorf("%d: %.4f to %.4f, want %.4f to %.4f", i, in.Low, in.High, c[4], c[5])
		}
	}
}

func TestBootstrapVectors(t *testing.T) {
	v := loadVectors(t)
	enough(t, len(v.Bootstrap))
	for i, c := range v.Bootstrap {
		var quantiles, rates [2][]float64
		for side, from := range [][]vectorBlock{c.A, c.B} {
			var blocks []Block
			for _, vb := range from {
				b := Block{Length: time.Duration(vb.Seconds * float64(time.Second)), Requests: int64(len(vb.Values)) + vb.Failed, Failed: vb.Failed}
				for _, v := range vb.Values {
					b.Response.Record(time.Duration(v * 512))
				}
				blocks = append(blocks, b)
			}
			r := NewResampled(blocks)
			for _, d := range Draws(len(blocks), c.Resamples, uint64(side+1), c.Seed) {
				quantiles[side] = append(quantiles[side], r.Quantile(d, c.Q))
				rates[side] = append(rates[side], r.Throughput(d))
			}
		}
		q, ok1 := BootstrapError(quantiles[0], quantiles[1])
		r, ok2 := BootstrapError(rates[0], rates[1])
		if !ok1 || !ok2 {
			t.Fatal(i, ok1, ok2)
		}
		closeTo(t, "quantile", i, q, c.QuantileSE)
		closeTo(t, "throughput", i, r, c.ThroughputSE)
	}
}

// runs are simulated runs of a queue that serves 100 requests/s: each at a speed
// of its own (sd is its relative standard deviation), slower by slow.
func simulated(seed uint64, n int, window time.Duration, slow, sd float64) []Evidence {
	random := rand.New(rand.NewPCG(seed, 99))
	out := make([]Evidence, n)
	for i := range out {
		out[i] = Simulated(sim.NewQueue(random.Uint64(), 100, .6, false).Next, window, nil)
		factor := slow * math.Exp(sd*random.NormFloat64())
		scaled := func(d *metric.Dist) (s metric.Dist) {
			d.ForEach(func(v time.Duration, n int64) {
				for range n {
					s.Record(time.Duration(float64(v) * factor))
				}
			})
			return s
		}
		out[i].Total.Response = metric.Dist{}
		for k := range out[i].Total.Blocks {
			b := &out[i].Total.Blocks[k]
			b.Response, b.Length = scaled(&b.Response), BlockLength(window)
			out[i].Total.Response.Merge(&b.Response)
		}
	}
	return out
}

// TestComparisonErrorRates is the short form of what `lt selftest stats` does: of
// simulated pairs that are alike at most 5 of 100 regress, and a target that is a
// quarter slower is found in at least 75 of 100. The bounds leave the luck of the
// draw its room.
func TestComparisonErrorRates(t *testing.T) { comparisonErrorRates(t, 40) }

func TestVerifyComparisonErrorRates(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY is not set")
	}
	comparisonErrorRates(t, 400)
}

func comparisonErrorRates(t *testing.T, pairs int) {
	const window = 60 * time.Second
	tests := []struct {
		name        string
		runs        int
		slow, sd    float64
		least, most float64 // regressed, share of the pairs
	}{
		{"alike, five runs", 5, 1, .03, 0, .05},
		{"alike, one run", 1, 1, 0, 0, .05},
		{"alike but for 3 % from run to run, one run", 1, 1, .03, 0, .05},
		{"a quarter slower, five runs", 5, 1.25, .03, .75, 1},
		{"half slower, five runs", 5, 1.5, .03, .95, 1},
		{"half slower, one run", 1, 1.5, 0, .3, 1},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			counts := map[Change]int{}
			for k := range pairs {
				seed := uint64(1000*i + k)
				c := Compare(simulated(2*seed, tt.runs, window, 1, tt.sd), simulated(2*seed+1, tt.runs, window, tt.slow, tt.sd))
				counts[c.Verdict]++
			}
			t.Logf("of %d pairs: %v", pairs, counts)
			// Four standard errors of a share of so many pairs.
			room := 4 * math.Sqrt(.05*.95/float64(pairs))
			if got := float64(counts[Regressed]) / float64(pairs); got < tt.least-room || got > tt.most+room {
				t.Errorf("%.1f %% regressed, want %.0f to %.0f", 100*got, 100*tt.least, 100*tt.most)
			}
		})
	}
}

// steady is a run of one endpoint whose response times are exactly ms, of which
// failed of a hundred fail.
func steady(ms float64, blocks, perBlock, failed int) Evidence {
	e := Evidence{Model: metric.Open, Complete: true, Window: time.Duration(blocks) * 5 * time.Second}
	s := Series{Name: "GET /a"}
	for k := range blocks {
		b := Block{Length: 5 * time.Second, Requests: int64(perBlock)}
		for i := range perBlock {
			if (i+k)%100 < failed {
				b.Failed++
				continue
			}
			b.Response.Record(time.Duration(ms * float64(time.Millisecond) * (1 + .01*float64((i*7+k*3)%10))))
		}
		s.Requests += b.Requests
		s.Failed += b.Failed
		s.Response.Merge(&b.Response)
		s.Blocks = append(s.Blocks, b)
	}
	s.Attempted, s.Succeeded = s.Requests, s.Requests-s.Failed
	e.Endpoints = []Series{s}
	s.Name = ""
	e.Total = s
	return e
}

func TestCompareWithinOneRun(t *testing.T) {
	find := func(c *Comparison, endpoint, name string) *Difference {
		for i := range c.Rows {
			if c.Rows[i].Endpoint == endpoint && c.Rows[i].Metric == name {
				return &c.Rows[i]
			}
		}
		t.Fatalf("no row %s %s", endpoint, name)
		return nil
	}
	base := steady(10, 12, 400, 0)
	c := Compare([]Evidence{base}, []Evidence{base})
	if c.Verdict != Same || c.Method != MethodBlocks || len(c.Rows) != 10 {
		t.Errorf("the same run twice: %s by %s, %d rows: %q", c.Verdict, c.Method, len(c.Rows), c.Reasons)
	}
	c = Compare([]Evidence{base}, []Evidence{steady(15, 12, 400, 0)})
	p95 := find(&c, "", "p95")
	if c.Verdict != Regressed || p95.Verdict != Regressed || math.Abs(*p95.Change-.5) > .01 || find(&c, "", "error_rate").Verdict != Same {
		t.Errorf("half slower: %+v: %q", p95, c.Reasons)
	}
	if p95.Detectable == nil || *p95.Detectable < .0999 || *p95.Detectable > .3 {
		t.Errorf("detectable %v", p95.Detectable)
	}
	c.Withhold("the machine was shared")
	if c.Verdict != Undecided || !strings.HasPrefix(c.Reasons[0], "the machine was shared") || find(&c, "", "error_rate").Verdict != Same {
		t.Errorf("withheld: %s: %q", c.Verdict, c.Reasons)
	}
	c = Compare([]Evidence{steady(15, 12, 400, 0)}, []Evidence{base})
	if c.Verdict != Improved {
		t.Errorf("faster: %s: %q", c.Verdict, c.Reasons)
	}
	c = Compare([]Evidence{base}, []Evidence{steady(10, 12, 400, 2)})
	if r := find(&c, "GET /a", "error_rate"); c.Verdict != Regressed || r.Verdict != Regressed || math.Abs(*r.Change-.02) > .002 {
		t.Errorf("2 %% more failures: %+v", r)
	}
	withheld := c
	withheld.Rows = slices.Clone(c.Rows)
	withheld.Withhold("the machine was shared")
	if n := len(withheld.Reasons); withheld.Verdict != Regressed || !strings.HasPrefix(withheld.Reasons[0], "error_rate ") || !slices.Contains(withheld.Reasons[1:n], "the machine was shared") {
		t.Errorf("a regression is told before what was withheld: %s: %q", withheld.Verdict, withheld.Reasons)
	}
	if r := find(&c, "", "p99"); r.New != nil || r.Verdict != Regressed || r.Change != nil {
		t.Errorf("a percentile among the failures is slower than anything: %+v", r)
	}
	c = Compare([]Evidence{base}, []Evidence{steady(10, 12, 3, 0)})
	if r := find(&c, "", "p95"); r.Verdict != Undecided || !strings.Contains(r.Reason, "too few requests: p95 needs 72") {
		t.Errorf("36 requests: %+v", r)
	}
	c = Compare([]Evidence{base}, []Evidence{steady(10, 4, 400, 0)})
	if r := find(&c, "", "p95"); r.Verdict != Undecided || !strings.Contains(r.Reason, "too short: 4 blocks") {
		t.Errorf("4 blocks: %+v", r)
	}
	if c := Compare([]Evidence{{}}, []Evidence{{}}); c.Verdict != Undecided {
		t.Errorf("nothing against nothing: %s", c.Verdict)
	}
}

// TestAnEndpointRegresses has thirteen endpoints, one of which is a third slower:
// five runs on each side find it, and call no other.
func TestAnEndpointRegresses(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	side := func(slow float64) (runs []Evidence) {
		for range 5 {
			var e Evidence
			for k := range 13 {
				ms := 10 * math.Exp(.03*random.NormFloat64())
				if k == 7 {
					ms *= slow
				}
				one := steady(ms, 12, 40, 0)
				s := one.Endpoints[0]
				s.Name = string(rune('a' + k))
				e.Window, e.Model, e.Endpoints = one.Window, one.Model, append(e.Endpoints, s)
				e.Total.Outcomes = map[metric.Class]int64{}
				e.Total.add(&s)
			}
			runs = append(runs, e)
		}
		return runs
	}
	c := Compare(side(1), side(4.0/3))
	if c.Verdict != Regressed || c.Arrangements != 252 {
		t.Errorf("%s of %d arrangements: %q", c.Verdict, c.Arrangements, c.Reasons)
	}
	for _, r := range c.Rows {
		if r.Endpoint != "" && (r.Verdict == Regressed) != (r.Endpoint == "h" && r.Unit == UnitMS && r.Metric != "p99") && r.Metric != "p99" {
			t.Errorf("%s %s: %s: %s", r.Endpoint, r.Metric, r.Verdict, r.Reason)
		}
	}
}

func TestThin(t *testing.T) {
	e := steady(10, 72, 10, 3)
	thin := Thin(e.Total.Blocks, MaxBlocks)
	if len(thin) != 36 || len(e.Total.Blocks) != 72 {
		t.Fatalf("%d blocks", len(thin))
	}
	var all Block
	for i := range thin {
		all.Requests += thin[i].Requests
		all.Failed += thin[i].Failed
		all.Response.Merge(&thin[i].Response)
		all.Length += thin[i].Length
	}
	if all.Requests != e.Total.Requests || all.Failed != e.Total.Failed || all.Response.Sum != e.Total.Response.Sum || all.Length != e.Window {
		t.Errorf("%+v", all)
	}
}

func TestSpread(t *testing.T) {
	s := SpreadOf([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	closeTo(t, "mean", 0, s.Mean, 5)
	closeTo(t, "sd", 0, s.SD, math.Sqrt(32.0/7))
	if s.Low != 2 || s.High != 9 || s.Runs != 8 {
		t.Errorf("%+v", s)
	}
}
