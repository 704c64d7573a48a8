package verdict

import "testing"

func TestMetricsAreWhatIsRead(t *testing.T) {
	for _, m := range Metrics() {
		th, err := ParseThreshold(m.Example)
		if err != nil || th.Metric != m.Name || th.Unit != m.Unit || m.About == "" {
			t.Errorf("%+v: %+v, %v", m, th, err)
		}
	}
	limits := map[string]string{"ms": "500", "ratio": "0.5", "per_s": "5", "count": "5"}
	for _, k := range K6Spellings() {
		want, _, _, ok := lookup(k.LT)
		if !ok {
			t.Fatalf("%+v: lt has no such metric", k)
		}
		th, err := ParseThreshold(k.K6 + "<" + limits[want.unit])
		if k.LT == "checks" {
			th, err = ParseThreshold(k.K6 + ">" + limits[want.unit])
		}
		if err != nil || th.Metric != k.LT {
			t.Errorf("%+v is read as %q: %v", k, th.Metric, err)
		}
	}
}
