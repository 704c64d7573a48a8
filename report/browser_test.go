package report

import (
	"bytes"
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
	devtools "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the path of a browser. Without one the suite is skipped, loudly,
// unless this is where it has to run.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chromium-browser"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" || os.Getenv("LT_REQUIRE_BROWSER") != "" {
		t.Fatal("no chromium or google-chrome in PATH, and this is where the browser suite has to run: install chromium")
	}
	t.Skip("SKIPPED SUITE: browser tests of the HTML report: no chromium or google-chrome in PATH; install chromium")
	return ""
}

// A browser is one headless Chromium. It takes screenshots, which are to be looked
// at, where LT_SCREENSHOTS names a directory for them.
type browser struct {
	ctx context.Context
	dir string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := chromium(t)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, // tests run as root in containers; the pages are lt's own
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-gpu", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // a newer Chromium's events, which it does not know
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{ctx, os.Getenv("LT_SCREENSHOTS")}
}

// open shows a fixture's report in a new tab. What goes wrong in it is an error
// of t when the tab closes, which the test's end does.
func (b *browser) open(t *testing.T, fixture string) context.Context {
	t.Helper()
	return b.show(t, fixture, render(t, "html", fixture, Options{}))
}

// show is open for any page.
func (b *browser) show(t *testing.T, fixture, html string) context.Context {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, closeTab := chromedp.NewContext(b.ctx)
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	var mu sync.Mutex
	var wrong []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, fmt.Sprintf(format, args...))
	}
	loaded := false
	err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			note("exception: %+v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			note("console.%s", e.Type)
		case *log.EventEntryAdded:
			note("log %s: %s", e.Entry.Level, e.Entry.Text)
		case *devtools.EventJavascriptDialogOpening:
			note("dialog: %s", e.Message)
		case *network.EventRequestWillBeSent:
			mu.Lock()
			first := !loaded && e.Request.URL == "file://"+file
			loaded = loaded || first
			mu.Unlock()
			if !first && !strings.HasPrefix(e.Request.URL, "data:") {
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
			t.Errorf("%s: %.300s", fixture, s)
		}
		if !loaded {
			t.Errorf("%s: the listener saw no request for the page itself: it sees none", fixture)
		}
		cancel()
		closeTab()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+file)); err != nil {
		t.Fatalf("open %s: %v", fixture, err)
	}
	return ctx
}

// view sets the window and the theme.
func view(t *testing.T, ctx context.Context, width int64, theme string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
	if err != nil {
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

func (b *browser) screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if b.dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBrowserReports(t *testing.T) {
	b := newBrowser(t)
	for name := range fixtures() {
		t.Run(name, func(t *testing.T) {
			ctx := b.open(t, name)
			for _, theme := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1280, 1920} {
					view(t, ctx, width, theme)
					if over := eval[float64](t, ctx, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
						t.Errorf("at %d px the page scrolls sideways by %v px", width, over)
					}
					b.screenshot(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, theme))
				}
			}
			if got, want := eval[string](t, ctx, "getComputedStyle(document.querySelector('section')).borderTopStyle"), "solid"; got != want {
				t.Errorf("the page's own style does not apply: border %q", got)
			}
			if n := eval[float64](t, ctx, "document.querySelectorAll('.hero h1, #thresholds, #validity, #timeline, #endpoints, #failures, #run').length"); n != 7 {
				t.Errorf("%v of 7 sections", n)
			}
		})
	}
}

func TestBrowserSortsAndPoints(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "failing")
	view(t, ctx, 1280, "light")
	order := "[...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[2].dataset.v).join()"
	before := eval[string](t, ctx, order)
	eval[any](t, ctx, "document.querySelectorAll('.sortable thead button')[2].click()")
	sorted := eval[string](t, ctx, order)
	if want := eval[string](t, ctx, "[...document.querySelectorAll('.sortable tbody tr')].map(r => +r.cells[2].dataset.v).sort((a, b) => b - a).join()"); sorted != want || sorted == before {
		t.Errorf("sorted by requests: %s, want %s", sorted, want)
	}
	if s := eval[string](t, ctx, "document.querySelectorAll('.sortable thead th')[2].getAttribute('aria-sort')"); s != "descending" {
		t.Errorf("aria-sort is %q", s)
	}
	eval[any](t, ctx, `(() => { const p = document.querySelector('#chart-response .plot'), r = p.getBoundingClientRect();
		p.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: r.left + r.width * .4, clientY: r.top + 20})); })()`)
	if s := eval[string](t, ctx, "document.querySelector('#chart-users .legend b').textContent"); s != "100" {
		t.Errorf("at two fifths of the time the cursor shows %q users, want 100", s)
	}
	b.screenshot(t, ctx, "cursor")
}

func TestBrowserPrints(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "failing")
	view(t, ctx, 1280, "dark") // paper is white all the same
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
	if err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF")) || pages < 3 {
		t.Errorf("a PDF of %d bytes and %d pages", len(pdf), pages)
	}
	if shut := eval[float64](t, ctx, "document.querySelectorAll('details.failure:not([open])').length"); shut != 0 {
		t.Errorf("%v failures are shut on paper", shut)
	}
}
