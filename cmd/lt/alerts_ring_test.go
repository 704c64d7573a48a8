//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestVerifyAlertsRing has a real Prometheus scrape the reference gateway: when
// its data layer degrades, a rule made from a baseline rings, and a real
// Alertmanager delivers it.
func TestVerifyAlertsRing(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("counted suite: make verify")
	}
	prometheus, alertmanager := program(t, "prometheus"), program(t, "prometheus-alertmanager", "alertmanager")
	ownTemp(t)
	dir := t.TempDir()
	admin := freeAddress(t)
	s := startServe(t, "Ctrl-C", nil, "all", "--addr", "127.0.0.1:0", "--datalayer-addr", "127.0.0.1:0", "--admin", admin)
	base, key := s.field(t, "gateway"), s.field(t, "key")
	load := []string{"run", "ci", "--target", base, "--no-thresholds", "-q"}
	loading := func(duration string) *started {
		t.Setenv("LT_API_KEY", key)
		return start(t, append(load, "-d", duration)...)
	}
	calm := loading("15s")
	if code := calm.exit(30 * time.Second); code != 0 {
		t.Fatalf("the baseline: exit %d\n%s", code, &calm.stderr)
	}
	rules := lt(t, "alerts", filepath.Dir(calm.latest("result.json")), "--scrape", base+"/metrics", "--match", "job=gateway", "--for", "3s", "--window", "30s", "-o", dir)
	if out, err := rules.CombinedOutput(); err != nil || strings.Contains(string(out), "measures nothing") {
		t.Fatalf("%v\n%s", err, out)
	}

	var mu sync.Mutex
	rung := map[string]string{} // alert -> route
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range message.Alerts {
			rung[a.Labels["alertname"]] = a.Labels["route"]
		}
	}))
	defer hook.Close()
	gateway := strings.TrimPrefix(base, "http://")
	watcher, bell := freeAddress(t), freeAddress(t)
	files := map[string]string{
		"alertmanager.yml": fmt.Sprintf("route: {receiver: hook, group_wait: 1s, group_interval: 1s}\nreceivers: [{name: hook, webhook_configs: [{url: %q}]}]\n", hook.URL),
		"prometheus.yml": fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yml]\n"+
			"alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\nscrape_configs: [{job_name: gateway, static_configs: [{targets: [%q]}]}]\n", bell, gateway),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	daemon(t, alertmanager, "--config.file="+filepath.Join(dir, "alertmanager.yml"), "--storage.path="+filepath.Join(dir, "am"), "--web.listen-address="+bell, "--cluster.listen-address=")
	daemon(t, prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+watcher)

	put, err := http.NewRequest(http.MethodPut, "http://"+admin+"/faults", strings.NewReader("degrading?period=60s&base=500ms"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(put)
	if err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("faults: %v %v", answer, err)
	}
	answer.Body.Close()
	// Slow answers slow users down: more of them, so that a window sees enough.
	load = append(load, "-u", "60")
	slow := loading("5m")
	slow.until("the alert", func() bool {
		mu.Lock()
		defer mu.Unlock()
		_, ok := rung["LatencyP95AboveBaseline"]
		return ok
	})
	mu.Lock()
	t.Logf("rung: %v", rung)
	if rung["NoMeasurements"] != "" {
		t.Error("the target was measured, and NoMeasurements rang")
	}
	mu.Unlock()
	_ = slow.Process.Signal(os.Interrupt)
	slow.exit(10 * time.Second)
}

// program is the path of the first of these programs that is installed.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	skipSuite(t, names[0]+" is not installed")
	return ""
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// daemon runs a program to the end of the test.
func daemon(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	out, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(out.Name())
			t.Logf("%s says:\n%s", filepath.Base(name), b)
		}
		out.Close()
	})
}
