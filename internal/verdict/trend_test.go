package verdict

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestTrendVectors holds the routines of trend and change to figures that scipy
// 1.10.1 (theilslopes, rankdata, norm; kendalltau as a cross-check of S),
// statsmodels 0.13.5 (acf) and the definitions' own double sums in numpy 1.24.2
// gave: of statsmodels' data sets (the Nile at Aswan, of G. W. Cobb, "The problem
// of the Nile", Biometrika 65 (1978) 243-251; sunspots; El Nino; US macroeconomic
// data), of corner cases and of drawn series.
func TestTrendVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/trend_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name                       string
		X, T                       []float64
		S, Variance, P, Inflation  float64
		Slope, Start, Low, High, K float64
		At                         int
		PettittP                   float64 `json:"pettitt_p"`
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 20 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			near := func(what string, got, want float64) {
				t.Helper()
				if math.Abs(got-want) > 1e-9*math.Max(1, math.Abs(want)) {
					t.Errorf("%s: %v, want %v", what, got, want)
				}
			}
			s, variance := MannKendall(v.X)
			near("S", s, v.S)
			near("variance", variance, v.Variance)
			near("p", TrendP(s, variance), v.P)
			near("inflation", Inflation(v.X), v.Inflation)
			line, slope := TheilSen(v.T, v.X, variance, .05)
			near("slope", line.Slope, v.Slope)
			near("start", line.Start, v.Start)
			near("low", slope.Low, v.Low)
			near("high", slope.High, v.High)
			at, k := Pettitt(v.X)
			near("at", float64(at), float64(v.At))
			near("K", k, v.K)
			near("Pettitt's p", PettittP(k, len(v.X), 1), v.PettittP)
		})
	}
}

// TestNile finds the known change of the Nile's level after 1898.
func TestNile(t *testing.T) {
	b, err := os.ReadFile("testdata/trend_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ X []float64 }
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	nile := vectors[0].X
	cuts := shifts(nile, func(float64, float64) bool { return true })
	if len(cuts) != 1 || 1871+cuts[0] != 1899 {
		t.Errorf("new levels from the indexes %v, want 28: the year 1899", cuts)
	}
}

func TestTrendOfNothing(t *testing.T) {
	for _, x := range [][]float64{nil, {1}, {1, 1}, {2, 2, 2, 2, 2, 2}} {
		s, v := MannKendall(x)
		if s != 0 || TrendP(s, v) != 1 || Inflation(x) != 1 || careful(x) < 1 {
			t.Errorf("%v: S %v, p %v, inflation %v, %v", x, s, TrendP(s, v), Inflation(x), careful(x))
		}
		if at, k := Pettitt(x); at != 0 || k != 0 || PettittP(k, max(len(x), 1), 1) != 1 {
			t.Errorf("%v: change at %d, K %v", x, at, k)
		}
		if got := shifts(x, func(a, b float64) bool { return true }); got != nil {
			t.Errorf("%v: shifts %v", x, got)
		}
	}
}
