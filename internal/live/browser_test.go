package live

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/seed-42693903/lt/internal/metric"
)

// newBrowser is a headless Chromium. Without one the suite is skipped, loudly,
// unless this is where it has to run.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs the counted suites")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chromium-browser"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	switch {
	case path != "":
	case os.Getenv("CI") != "" || os.Getenv("LT_REQUIRE_BROWSER") != "":
		t.Fatal("no chromium or google-chrome in PATH, and this is where the browser suite has to run: install chromium")
	default:
		t.Skip("SKIPPED SUITE: browser tests of the live view: no chromium or google-chrome in PATH; install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, // tests run as root in containers; the page is lt's own
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-gpu", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// tab opens a server's page. Errors in it, and requests to elsewhere, are errors
// of t.
func tab(t *testing.T, browser context.Context, s *Server) context.Context {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	var mu sync.Mutex
	var wrong []string
	own := 0
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, fmt.Sprintf(format, args...))
	}
	err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			note("exception: %+v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			note("console.%s", e.Type)
		case *log.EventEntryAdded:
			note("log %s: %s", e.Entry.Level, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if strings.HasPrefix(e.Request.URL, s.URL()) {
				mu.Lock()
				own++
				mu.Unlock()
			} else if !strings.HasPrefix(e.Request.URL, "data:") {
				note("request: %s", e.Request.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range wrong {
			t.Errorf("%.300s", s)
		}
		if own == 0 {
			t.Error("the listener saw no request for the page itself: it sees none")
		}
		cancel()
		closeTab()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate(s.URL())); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func view(t *testing.T, ctx context.Context, width int64, theme string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// wants waits for a script's value. A page that is being loaded does not have
// the element yet, which is an exception there.
func wants(t *testing.T, ctx context.Context, js, want string) {
	t.Helper()
	got, err := "", error(nil)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got, err = chromedp.Run(ctx, chromedp.Evaluate[string](js)); err == nil && got == want {
			return
		}
	}
	t.Fatalf("%s is %q (%v), want %q", js, got, err, want)
}

func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("LT_ARTEFACTS")
	if dir == "" {
		return
	}
	time.Sleep(time.Second) // transitions
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	requests = "document.getElementById('s-total').textContent"
	// ink tells whether a chart has drawn lines, by the pixels of its canvas in the colour of a series.
	ink = `(() => { const c = document.querySelector('#g-time canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 250) seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return String(seen.size > 3); })()`
)

func TestBrowserShowsARun(t *testing.T) {
	browser := newBrowser(t)
	s, f := serve(t, "127.0.0.1:0", aRun())
	f.limit = 1000
	first := tab(t, browser, s)
	feed(t, s, 0, 20)
	s.Judged([]Threshold{{"p95 < 500ms", "28 ms", "pass"}, {"error_rate < 1%", "0.92 %", "inconclusive"}, {"error_rate{GET /api/v1/agents/{id}} < 0.1%", "0.92 %", "fail"}})
	feed(t, s, 20, 30)
	wants(t, first, requests, "30 of 3,465 failed")
	wants(t, first, ink, "true")
	wants(t, first, "document.getElementById('s-p95').textContent", "39.0")
	wants(t, first, "document.querySelector('#endpoints tbody tr').cells[1].textContent", "3,465")
	wants(t, first, "document.querySelector('#failures tbody').textContent", "status 503GET /api/v1/agents/{id}30")
	wants(t, first, "[...document.querySelectorAll('#thresholds .pill')].map(p => p.textContent).join()", "holds,not proven yet,broken")

	second := tab(t, browser, s) // sees what the first does
	wants(t, second, requests, "30 of 3,465 failed")
	wants(t, second, ink, "true")
	eval[any](t, first, "location.reload()")
	wants(t, first, "document.readyState === 'complete' ? "+requests+" : ''", "30 of 3,465 failed")
	feed(t, s, 30, 31)
	for _, ctx := range []context.Context{first, second} {
		wants(t, ctx, requests, "30 of 3,595 failed")
	}

	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1280} {
			view(t, first, width, theme)
			wants(t, first, "String(document.documentElement.scrollWidth - document.documentElement.clientWidth <= 0)", "true")
			screenshot(t, first, fmt.Sprintf("live-%d-%s", width, theme))
		}
	}

	view(t, first, 1280, "light")
	eval[any](t, first, "document.getElementById('pause').click()")
	wants(t, second, "document.getElementById('phase').textContent", "paused")
	wants(t, second, "document.getElementById('pause').textContent", "Resume")
	wants(t, first, "String(document.getElementById('edited').textContent.startsWith('Edited by hand'))", "true")
	screenshot(t, first, "live-paused")
	eval[any](t, second, "document.getElementById('pause').click()")
	wants(t, first, "document.getElementById('phase').textContent", "measuring")
	set := func(n string) {
		eval[any](t, first, "document.getElementById('to').value = '"+n+"'; document.querySelector('#set button').click()")
	}
	set("77")
	wants(t, second, "document.getElementById('s-target').textContent", "of 77 wanted")
	eval[any](t, first, "document.getElementById('stop').click()") // asks
	wants(t, first, "document.getElementById('stop').textContent", "Really stop?")
	eval[any](t, first, "document.getElementById('stop').click()")
	wants(t, second, "document.getElementById('phase').textContent", "stopping")
	if told := strings.Join(f.heard(), ", "); told != "pause, resume, set 77, stop" {
		t.Errorf("the load was told: %s", told)
	}

	s.Finish("pass", []byte("<!doctype html><link rel=icon href=data:,><title>report</title><h1>PASS</h1>"))
	for _, ctx := range []context.Context{first, second} {
		wants(t, ctx, "document.querySelector('h1') ? document.querySelector('h1').textContent : ''", "PASS")
	}
	began := time.Now()
	s.Farewell(t.Context())
	if d := time.Since(began); d >= farewell {
		t.Errorf("the report was fetched, and still lt waited %v", d)
	}
}

func TestBrowserTellsWhyNot(t *testing.T) {
	browser := newBrowser(t)
	r := aRun()
	r.Model = metric.Open
	s, f := serve(t, "127.0.0.1:0", r)
	f.limit = 50
	ctx, cancel := chromedp.NewContext(browser) // the browser logs a refused request: no errors are asked for here
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(s.URL())); err != nil {
		t.Fatal(err)
	}
	feed(t, s, 0, 2)
	wants(t, ctx, "document.querySelector('#set label').textContent", "Iterations/s")
	wants(t, ctx, "String(document.getElementById('to').disabled)", "false")
	eval[any](t, ctx, "document.getElementById('to').value = '51'; document.querySelector('#set button').click()")
	wants(t, ctx, "document.getElementById('problem').textContent", "51 is too many")
	s.Close()
	wants(t, ctx, "document.getElementById('phase').textContent", "not connected")
	wants(t, ctx, requests, "1 of 202 failed") // what it has stays
}
