package report

import (
	"bytes"
	"context"
	"fmt"
	"math"
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
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs the counted suites")
	}
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
// at, where LT_ARTEFACTS names a directory for them.
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
	return &browser{ctx, os.Getenv("LT_ARTEFACTS")}
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
			if n := eval[float64](t, ctx, "document.querySelectorAll('.hero h1, #thresholds, #validity, #timeline, #spread, #endpoints, #failures, #run').length"); n != 8 && name != "empty" {
				t.Errorf("%v of 8 sections", n)
			}
		})
	}
}

func TestBrowserSortsAndPoints(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "failing")
	view(t, ctx, 1280, "light")
	order := "[...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[3].dataset.v).join()"
	before := eval[string](t, ctx, order)
	eval[any](t, ctx, "document.querySelectorAll('.sortable thead button')[2].click()")
	sorted := eval[string](t, ctx, order)
	if want := eval[string](t, ctx, "[...document.querySelectorAll('.sortable tbody tr')].map(r => +r.cells[3].dataset.v).sort((a, b) => b - a).join()"); sorted != want || sorted == before {
		t.Errorf("sorted by requests: %s, want %s", sorted, want)
	}
	if s := eval[string](t, ctx, "document.querySelectorAll('.sortable thead th')[3].getAttribute('aria-sort')"); s != "descending" {
		t.Errorf("aria-sort is %q", s)
	}
	eval[any](t, ctx, mouse+`point('response', 'mousemove', .4)`)
	if s := eval[string](t, ctx, "document.querySelector('#chart-users .legend b').textContent"); s != "100" {
		t.Errorf("at two fifths of the time the cursor shows %q users, want 100", s)
	}
	b.screenshot(t, ctx, "cursor")
}

// mouse moves over a chart that uPlot has drawn, at a share of its width.
const mouse = `const point = (id, type, share) => { const o = document.querySelector('#chart-' + id + ' .u-over'), r = o.getBoundingClientRect();
	const at = (type, x) => (type === 'mouseup' ? document : o).dispatchEvent(new MouseEvent(type, {bubbles: true, button: 0, movementX: 5, clientX: x, clientY: r.top + 20}));
	if (type === 'mousemove') at('mouseenter', r.left + r.width * share);
	at(type, r.left + r.width * share); };
`

func TestBrowserFilters(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "failing")
	view(t, ctx, 1280, "light")
	shown := "[...document.querySelectorAll('.sortable tbody tr')].filter(r => r.checkVisibility()).length"
	if n := eval[float64](t, ctx, shown); n != 13 {
		t.Errorf("%v endpoints before", n)
	}
	typed := `(() => { const i = document.querySelector('input[type=search]'); i.value = %q; i.dispatchEvent(new Event('input', {bubbles: true})); })()`
	eval[any](t, ctx, fmt.Sprintf(typed, "GOALS get"))
	if n := eval[float64](t, ctx, shown); n != 2 {
		t.Errorf("%v endpoints of goals that are got, want 2", n)
	}
	if s := eval[string](t, ctx, "document.querySelector('.filter output').textContent"); s != "2 of 13 endpoints" {
		t.Errorf("the filter says %q", s)
	}
	eval[any](t, ctx, "document.querySelectorAll('.sortable thead button')[2].click()")
	if n := eval[float64](t, ctx, shown); n != 2 {
		t.Errorf("%v endpoints when sorted", n)
	}
	eval[any](t, ctx, fmt.Sprintf(typed, ""))
	if n := eval[float64](t, ctx, shown); n != 13 {
		t.Errorf("%v endpoints after", n)
	}
}

func TestBrowserZooms(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "failing")
	view(t, ctx, 1280, "light")
	charts := eval[float64](t, ctx, "document.querySelectorAll('.charts .uplot').length")
	if charts != 5 {
		t.Fatalf("uPlot drew %v charts, want 5", charts)
	}
	box := "document.querySelector('#chart-heat .plot svg').getAttribute('viewBox')"
	whole := eval[string](t, ctx, box)
	eval[any](t, ctx, mouse+`point('users', 'mousemove', .5); point('users', 'mousedown', .5); point('users', 'mousemove', .75); point('users', 'mouseup', .75)`)
	if eval[bool](t, ctx, "document.querySelector('.reset').hidden") {
		t.Error("a drag did not zoom")
	}
	var x, y, width, height float64
	if _, err := fmt.Sscan(eval[string](t, ctx, box), &x, &y, &width, &height); err != nil || x < 4900 || x > 5100 || width < 2400 || width > 2600 {
		t.Errorf("%v: the map shows %v +%v of 10000 when the charts show the third quarter", err, x, width)
	}
	b.screenshot(t, ctx, "zoomed")
	eval[any](t, ctx, "document.querySelector('.reset').click()")
	if s := eval[string](t, ctx, box); s != whole || !eval[bool](t, ctx, "document.querySelector('.reset').hidden") {
		t.Errorf("after the reset the map shows %s, want %s", s, whole)
	}
}

func TestBrowserThemes(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "passing")
	ground := "getComputedStyle(document.body).backgroundColor"
	pixel := `[...document.querySelector('#chart-users canvas').toDataURL()].reduce((n, c) => (n * 31 + c.charCodeAt(0)) | 0, 0)`
	seen := map[string]bool{}
	inks := map[float64]bool{}
	for _, theme := range []string{"light", "dark"} {
		view(t, ctx, 1280, theme)
		seen[eval[string](t, ctx, ground)] = true
		inks[settled(t, ctx, pixel)] = true
	}
	if len(seen) != 2 || len(inks) != 2 {
		t.Errorf("the system's theme changes nothing: grounds %v, charts %v", seen, inks)
	}
	eval[any](t, ctx, "document.querySelector('.theme').click()") // light, on a dark system
	if !seen[eval[string](t, ctx, ground)] || eval[string](t, ctx, "getComputedStyle(document.documentElement).colorScheme") != "light" {
		t.Error("the button does not change the theme")
	}
	if ink := settled(t, ctx, pixel); !inks[ink] {
		t.Errorf("the charts of the light theme differ on a dark system")
	}
}

// settled is a value once two frames have not changed it.
func settled(t *testing.T, ctx context.Context, js string) float64 {
	t.Helper()
	frame := func() float64 {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[float64]("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r("+js+"))))", chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for last, n := frame(), 0; ; n++ {
		v := frame()
		if v == last || n == 50 {
			return v
		}
		last = v
	}
}

// TestBrowserIsAccessible asks axe-core, whose copy in testdata is under the
// Mozilla Public License 2.0, of every report in both themes.
func TestBrowserIsAccessible(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	for name := range fixtures() {
		t.Run(name, func(t *testing.T) {
			ctx := b.open(t, name)
			eval[any](t, ctx, string(axe)+";0")
			for theme, only := range map[string]string{"light": "", "dark": ", runOnly: ['color-contrast']"} {
				view(t, ctx, 1280, theme)
				v, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ['violations']`+only+`}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')).join('\n'))`, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatal(err)
				}
				if v != "" {
					t.Errorf("%s:\n%.3000s", theme, v)
				}
			}
			eval[any](t, ctx, "document.body.insertAdjacentHTML('beforeend', '<img src=data:,x>')")
			if n, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`axe.run({runOnly: ['image-alt']}).then(r => r.violations.length)`, chromedp.EvalAwaitPromise)); err != nil || n == 0 {
				t.Errorf("%v: axe finds nothing wrong with an image without a text: it finds nothing", err)
			}
		})
	}
}

// TestBrowserHolds300HostileStrings shows 300 strings that somebody else chose in
// every place of a report where such a string can stand.
func TestBrowserHolds300HostileStrings(t *testing.T) {
	evil := hostileStrings()
	if len(evil) < 300 {
		t.Fatalf("%d strings", len(evil))
	}
	b := newBrowser(t)
	const each = 100
	for from := 0; from < len(evil); from += each {
		part := evil[from:min(from+each, len(evil))]
		r := hostileWith(part)
		var page strings.Builder
		if err := HTML(&page, r, Options{}); err != nil {
			t.Fatal(err)
		}
		ctx := b.show(t, fmt.Sprintf("hostile %d", from), page.String())
		if n := eval[float64](t, ctx, "document.querySelectorAll('.sortable tbody tr').length"); n != float64(len(r.Endpoints)) {
			t.Errorf("%v of %d endpoints", n, len(r.Endpoints))
		}
		if n := eval[float64](t, ctx, "document.querySelectorAll('main > section h2').length"); n != 8 {
			t.Errorf("%v headings of sections, want 8", n)
		}
		if n := eval[float64](t, ctx, "document.querySelectorAll('img, iframe, object, embed, form, base, [onerror], [onload], [onclick], [onmouseover], [onfocus], link:not([rel=icon]), a:not([href^=\"#\"])').length"); n != 0 {
			t.Errorf("%v elements that lt does not write", n)
		}
		if n := eval[float64](t, ctx, "document.scripts.length"); n != 3 {
			t.Errorf("%v scripts, want 3", n)
		}
		for _, width := range []int64{360, 1280, 1920} {
			view(t, ctx, width, "light")
			if over := eval[float64](t, ctx, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
				t.Errorf("at %d px the page scrolls sideways by %v px", width, over)
			}
		}
	}
}

// TestBrowserOpensFast: an hour with 30 endpoints is under a megabyte, and open
// within a second on an idle machine; the test allows for a busy one.
func TestBrowserOpensFast(t *testing.T) {
	page := hour(t)
	if len(page) >= 1_000_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	b := newBrowser(t)
	ctx := b.show(t, "hour", page)
	ms := eval[float64](t, ctx, "performance.getEntriesByType('navigation')[0].loadEventEnd")
	t.Logf("%d bytes, loaded in %.0f ms", len(page), ms)
	if ms > 10_000 {
		t.Errorf("loaded in %.0f ms", ms)
	}
	b.screenshot(t, ctx, "hour")
}

// hour is the page of an hour's run of 30 endpoints, a point each five seconds.
func hour(t *testing.T) string {
	t.Helper()
	r := failing()
	r.Timeline = timeline(720, 20, 719, 100, func(s int) (float64, float64, float64) { return 1, .01, 1 + math.Sin(float64(s)/70)/2 })
	for i := range r.Timeline {
		r.Timeline[i].T, r.Timeline[i].Length = float64(5*i), 5
	}
	r.DurationS, r.PlannedS, r.Outages = 3600, 3600, nil
	for i := len(r.Endpoints); i < 30; i++ {
		e := r.Endpoints[i%11]
		e.Path += fmt.Sprintf("more/%d", i)
		e.Name = e.Method + " " + e.Path
		r.Endpoints = append(r.Endpoints, e)
	}
	var page strings.Builder
	if err := HTML(&page, dispersed(r), Options{}); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

func TestBrowserPrints(t *testing.T) {
	b := newBrowser(t)
	ctx := b.open(t, "failing")
	view(t, ctx, 1280, "dark") // paper is white all the same
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground(), func(p *devtools.PrintToPDFParams) { p.GenerateDocumentOutline = at(true) }))
	if err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF")) || pages < 3 {
		t.Errorf("a PDF of %d bytes and %d pages", len(pdf), pages)
	}
	for _, title := range []string{"FAIL", "What this run cannot show", "Thresholds", "Validity of the measurement", "What happened", "Distribution", "Endpoints", "Failures", "The run"} {
		if !bytes.Contains(pdf, []byte(title)) {
			t.Errorf("the PDF's outline has no %q", title)
		}
	}
	if b.dir != "" {
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(703, 900)); err != nil { // A4 without its margins
			t.Fatal(err)
		}
		b.screenshot(t, ctx, "paper")
		if err := os.WriteFile(filepath.Join(b.dir, "failing.pdf"), pdf, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if shut := eval[float64](t, ctx, "document.querySelectorAll('details.failure:not([open])').length"); shut != 0 {
		t.Errorf("%v failures are shut on paper", shut)
	}
}
