package importer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// fuzz imports what the fuzzer makes. Whatever that is, lt says what is wrong with
// it, or makes a run of it whose figures agree with each other.
func fuzz(f *testing.F, format string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)*2/3]))
		f.Add([]byte(strings.ReplaceAll(s, "1", "9999999999")))
		f.Add([]byte(strings.ReplaceAll(s, ",", ",-")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		im, err := Open([]string{path}, Options{Format: format})
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a word")
			}
			return
		}
		if im.span() > time.Hour {
			t.Skip("right, and long")
		}
		p := &run.Plan{Schema: run.Schema}
		im.Plan(p)
		n, end, c := int64(0), time.Duration(0), run.NewCollector(p)
		err = im.Replay(func(s *metric.Snapshot) error {
			if s.Offset != end && im.summary == nil {
				t.Fatalf("an interval starts at %v, after one that ends at %v", s.Offset, end)
			}
			end = s.Offset + s.Length
			total := s.Totals()
			n += total.Requests
			if total.Failed < 0 || total.Failed > total.Requests {
				t.Fatalf("%d of %d failed", total.Failed, total.Requests)
			}
			if total.Response.Count+total.Failures.Count != total.Requests && im.summary == nil {
				t.Fatalf("%d requests, and %d times", total.Requests, total.Response.Count+total.Failures.Count)
			}
			return nil
		})
		if err != nil || n != im.requests || n <= 0 {
			t.Fatalf("%d of %d requests: %v", n, im.requests, err)
		}
		b, err := json.Marshal(c.Result())
		if err != nil {
			t.Fatal(err)
		}
		var r run.Result
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzImportK6(f *testing.F)        { fuzz(f, "k6", k6Text) }
func FuzzImportK6Summary(f *testing.F) { fuzz(f, "k6-summary", k6SummaryText, k6SummaryNewText) }
func FuzzImportJTL(f *testing.F)       { fuzz(f, "jmeter", jtlText) }
func FuzzImportLocust(f *testing.F)    { fuzz(f, "locust", statsText, historyText, failuresText) }

func FuzzImportVegeta(f *testing.F) {
	fuzz(f, "vegeta", vegetaText, "1772359200500000000,200,5000000,10,20,,aGk=,a,0,GET,http://t.test/items,\n")
}

func FuzzImportHistogramLog(f *testing.F) {
	h := hdr.NewPacked(1, int64(time.Hour), 3)
	for i := range int64(100) {
		_ = h.RecordValue(i * i * 1000)
	}
	b, err := h.Encode()
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "hdr", "#[StartTime: 1772355600.000 (seconds since epoch)]\n\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"+
		"Tag=a b,0.000,1.000,9.801,"+string(b)+"\n1.000,1.000,9.801,"+string(b)+"\n")
}
