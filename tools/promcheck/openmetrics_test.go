package promcheck

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// TestPrometheusReadsOpenMetrics reads lt's golden files with Prometheus' parser.
func TestPrometheusReadsOpenMetrics(t *testing.T) {
	files, err := filepath.Glob("../../report/testdata/*.openmetrics")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
		samples := 0
		for {
			entry, err := p.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: after %d samples: %v", file, samples, err)
			}
			if entry == textparse.EntrySeries {
				samples++
			}
		}
		if samples < 5 {
			t.Errorf("%s: %d samples", file, samples)
		}
	}
}
