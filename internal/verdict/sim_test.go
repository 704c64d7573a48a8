package verdict

import (
	"os"
	"testing"
	"time"
)

// TestErrorRates has runs whose true P95 is the limit: about 5 of 100 may pass
// and 5 of 100 fail, and 90 of 100 of the intervals drawn beside it hold it. The
// bounds leave room for the luck of the draw, and for what blocks of a few seconds
// cannot see of a queue's memory.
func TestErrorRates(t *testing.T) {
	tests := []struct {
		name          string
		independent   bool
		window        time.Duration
		runs          int
		passes, fails int // at most, of 100
	}{
		{"independent, 20 s", true, 20 * time.Second, 400, 8, 8},
		{"independent, 60 s", true, 60 * time.Second, 200, 8, 8},
		{"queue at .6, 20 s", false, 20 * time.Second, 400, 13, 9},
		{"queue at .6, 60 s", false, 60 * time.Second, 200, 12, 9},
		{"queue at .6, 5 min", false, 5 * time.Minute, 80, 15, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Simulate(.6, tt.window, .95, tt.independent, tt.runs, 0)
			logRates(t, r)
			if r.Pass*100 > tt.passes*r.Runs || r.Fail*100 > tt.fails*r.Runs {
				t.Errorf("%d pass (at most %d in 100), %d fail (at most %d in 100)", r.Pass, tt.passes, r.Fail, tt.fails)
			}
			if r.Covered*100 < r.Runs*80 {
				t.Errorf("%d of %d intervals hold the truth", r.Covered, r.Runs)
			}
		})
	}
}

func logRates(t *testing.T, r Rates) {
	t.Helper()
	of := func(k, n int) float64 { return 100 * float64(k) / float64(max(n, 1)) }
	t.Logf("P%v, utilisation %v, %v: at the limit %.1f %% pass, %.1f %% fail; a fifth above %.0f %% pass; %.1f %% of the intervals hold the truth, %.0f %% have both bounds, half-width %.0f %%",
		100*r.Quantile, r.Utilisation, r.Window, of(r.Pass, r.Runs), of(r.Fail, r.Runs), of(r.Shown, r.Runs), of(r.Covered, r.Runs), of(r.Drawn, r.Runs), 100*r.HalfWidth)
}

// TestVerifyErrorRates is the table of docs/statistics.md in short, and with
// LT_SOAK=1 in full.
func TestVerifyErrorRates(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs the counted suites")
	}
	runs := 200
	if os.Getenv("LT_SOAK") != "" {
		runs = 2000
	}
	for _, utilisation := range []float64{.3, .6, .8} {
		for window, worst := range map[time.Duration]int{20 * time.Second: 28, time.Minute: 20, 5 * time.Minute: 16} {
			r := Simulate(utilisation, window, .95, false, runs, 1000)
			logRates(t, r)
			bound := 13 // of 100
			if utilisation > .7 {
				bound = worst
			}
			if r.Pass*100 > bound*r.Runs {
				t.Errorf("utilisation %v, %v: %d of %d pass at the limit, at most %d in 100 may", utilisation, window, r.Pass, r.Runs, bound)
			}
			if least := map[bool]int{true: 70, false: 80}[utilisation > .7]; r.Covered*100 < least*r.Runs {
				t.Errorf("utilisation %v, %v: %d of %d intervals hold the truth", utilisation, window, r.Covered, r.Runs)
			}
		}
	}
}

func TestBlockLength(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 10 * time.Second: time.Second, 20 * time.Second: 3 * time.Second,
		30 * time.Second: 5 * time.Second, time.Minute: 5 * time.Second, 5 * time.Minute: 5 * time.Second,
		10 * time.Minute: 10 * time.Second, time.Hour: time.Minute, 0: time.Second,
	} {
		if got := BlockLength(window); got != want {
			t.Errorf("%v: %v, want %v", window, got, want)
		}
	}
}
