//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Loopback stands for the world: the canary's address is a stranger's, home is
// the only private one.
var (
	canaryAddr = netip.MustParseAddr("127.0.0.1")
	homeAddr   = netip.MustParseAddr("127.0.0.9")
)

// hostile are URLs that lead, or try to lead, to the canary on port %d.
var hostile = []string{
	// The address itself, in every dress.
	"http://127.0.0.1:%d/", "http://127.0.0.1:%d", "HTTP://127.0.0.1:%d/", "http://127.0.0.1:%d/?x=127.0.0.9", "http://127.0.0.1:%d/#127.0.0.9",
	"http://[::ffff:127.0.0.1]:%d/", "http://[::ffff:7f00:1]:%d/", "http://[0:0:0:0:0:ffff:127.0.0.1]:%d/", "http://[0:0:0:0:0:ffff:7f00:0001]:%d/", "http://[::FFFF:127.0.0.1]:%d/",
	"http://[0000:0000:0000:0000:0000:ffff:7f00:0001]:%d/", "http://[::127.0.0.1]:%d/", "http://[64:ff9b::127.0.0.1]:%d/", "http://[2002:7f00:1::]:%d/", "http://[::1]:%d/",
	"http://[::1%%25lo]:%d/", "http://[fe80::1%%25lo]:%d/", "http://[::ffff:127.0.0.1%%25lo]:%d/", "http://[::]:%d/", "http://0.0.0.0:%d/",
	// Numbers that some resolvers read as addresses.
	"http://2130706433:%d/", "http://0x7f000001:%d/", "http://0x7F.0.0.1:%d/", "http://017700000001:%d/", "http://0177.0.0.1:%d/",
	"http://0177.0.0.01:%d/", "http://127.1:%d/", "http://127.0.1:%d/", "http://0:%d/", "http://127.0.0.1.:%d/",
	"http://0x7f.1:%d/", "http://00000177.00000000.0.1:%d/", "http://4294967297:%d/", "http://127.0.0.001:%d/", "http://127.000.000.1:%d/",
	"http://٣:%d/", "http://①②⑦.⓪.⓪.①:%d/", "http://１２７.０.０.１:%d/", "http://127。0。0。1:%d/", "http://127%%2e0%%2e0%%2e1:%d/",
	// User names, and what looks like a harmless host.
	"http://127.0.0.9@127.0.0.1:%d/", "http://home:pw@127.0.0.1:%d/", "http://home.test:80@127.0.0.1:%d/", "http://@127.0.0.1:%d/", "http://home.test%%40127.0.0.1:%d/",
	"http://127.0.0.1:%d@home.test.evil.test/", "http://home.test\\@127.0.0.1:%d/", "http://127.0.0.1:%d\\@home.test/", "http://home.test#@127.0.0.1:%d/", "http://home.test?@127.0.0.1:%d/",
	"http://home.test/@127.0.0.1:%d/", "http://home.test;127.0.0.1:%d/", "http://127.0.0.1:%d#.home.test/", "http://127.0.0.1:%d?.home.test/", "http://home.test%%00.evil.test:%d/",
	"http://home.test\t.evil.test:%d/", "http://home.test .evil.test:%d/", "http://home.test\r\nHost: evil.test:%d/", "http:127.0.0.1:%d/", "http:///127.0.0.1:%d/",
	"http://http://127.0.0.1:%d/", "//127.0.0.1:%d/", "http:////127.0.0.1:%d/", "http://[127.0.0.1]:%d/", "http://127.0.0.1:0%d/",
	// Names whose answers lead there.
	"http://evil.test:%d/", "http://EVIL.test:%d/", "http://evil.test.:%d/", "http://localhost.evil.test:%d/", "http://127.0.0.9.evil.test:%d/",
	"http://mapped.test:%d/", "http://both.test:%d/", "http://second.test:%d/", "http://many.test:%d/", "http://rebind.test:%d/",
	"http://xn--80ak6aa92e.test:%d/", "http://еvil.test:%d/", "http://home.test.evil.test:%d/", "http://home-test:%d/", "http://never.test:%d/",
	"https://evil.test:%d/", "https://127.0.0.1:%d/", "https://[::ffff:127.0.0.1]:%d/", "ftp://127.0.0.1:%d/", "gopher://127.0.0.1:%d/",
}

// world is the resolver of the table: whatever it does not know is the canary.
func world() func(context.Context, string) ([]netip.Addr, error) {
	var rebinds atomic.Int64
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "home.test":
			return []netip.Addr{homeAddr}, nil
		case "mapped.test":
			return []netip.Addr{netip.AddrFrom16(canaryAddr.As16())}, nil
		case "both.test":
			return []netip.Addr{canaryAddr, homeAddr}, nil
		case "second.test":
			return []netip.Addr{homeAddr, canaryAddr}, nil
		case "many.test":
			return []netip.Addr{homeAddr, homeAddr, homeAddr, homeAddr, netip.AddrFrom16(canaryAddr.As16())}, nil
		case "rebind.test": // home to whoever asks first, the canary's afterwards
			if rebinds.Add(1) == 1 {
				return []netip.Addr{homeAddr}, nil
			}
			return []netip.Addr{canaryAddr}, nil
		case "never.test":
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return []netip.Addr{canaryAddr}, nil
	}
}

// aim runs lt in this process, in that world.
func aim(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(append([]string{"run"}, args...), &environ{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" },
		Lookup: world(), Public: func(a netip.Addr) bool { return a != homeAddr },
	})
	return code, errs.String()
}

func TestNothingReachesAStranger(t *testing.T) {
	t.Chdir(t.TempDir())
	canary, seen := newCanary(t)
	port := canary.Addr().(*net.TCPAddr).Port
	if len(hostile) < 80 {
		t.Fatalf("%d URLs", len(hostile))
	}
	for _, form := range hostile {
		url := fmt.Sprintf(strings.ReplaceAll(form, "%d", "%[1]d"), port)
		for _, args := range [][]string{{url, "-d", "1s"}, {"smallest.yaml", "--target", url}} {
			if err := os.WriteFile("smallest.yaml", []byte("load: {users: 1, duration: 1s}\npersonas: {one: {tasks: [{name: t, steps: [{get: /}]}]}}\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			code, stderr := aim(t, args...)
			if code != 2 && code != 3 {
				t.Errorf("%q: exit code %d\n%s", args, code, stderr)
			}
		}
	}
	// Without a preflight, too; and what the client is told when the name changes
	// its address in between is what was checked.
	for _, url := range []string{"http://127.0.0.1:%d/", "http://second.test:%d/", "http://evil.test:%d/"} {
		if code, stderr := aim(t, fmt.Sprintf(url, port), "-d", "1s", "--no-preflight"); code != 2 || !strings.Contains(stderr, "public address (127.0.0.1)") {
			t.Errorf("%s: exit code %d\n%s", url, code, stderr)
		}
	}
	if n := seen.Load(); n != 0 {
		t.Fatalf("%d connections reached the canary", n)
	}

	// The canary sings when it is confirmed, and for a light load.
	if aim(t, fmt.Sprintf("http://127.0.0.1:%d/", port), "-d", "1s", "--confirm-target", "127.0.0.1"); seen.Load() == 0 {
		t.Error("a confirmed target got nothing: the canary hears nothing at all")
	}
	before := seen.Load()
	if aim(t, fmt.Sprintf("http://evil.test:%d/", port), "-d", "1s", "--rate", "5/s"); seen.Load() == before {
		t.Error("a light load on a public address was refused")
	}
	before = seen.Load()
	if code, _ := aim(t, fmt.Sprintf("http://evil.test:%d/", port), "-d", "1s", "--rate", "51/s", "--confirm-target", "home.test"); code != 2 || seen.Load() != before {
		t.Errorf("confirming another host: exit code %d, %d connections", code, seen.Load()-before)
	}
}

// newCanary is a listener that counts who connects, and hangs up.
func newCanary(t *testing.T) (canary net.Listener, seen *atomic.Int64) {
	t.Helper()
	canary, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { canary.Close() })
	seen = new(atomic.Int64)
	go func() {
		for {
			c, err := canary.Accept()
			if err != nil {
				return
			}
			seen.Add(1)
			c.Close()
		}
	}()
	return canary, seen
}

// atHome serves h at the only private address of that world.
func atHome(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	home, err := net.Listen("tcp4", homeAddr.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = home
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// No redirect leads to a stranger, whether the scenario follows redirects or not,
// and whether it names the stranger's hosts or not.
func TestNoRedirectReachesAStranger(t *testing.T) {
	t.Chdir(t.TempDir())
	canary, seen := newCanary(t)
	port := canary.Addr().(*net.TCPAddr).Port
	offered := make([]atomic.Int64, len(hostile))
	var next atomic.Int64
	server := atHome(t, func(w http.ResponseWriter, _ *http.Request) {
		i := int(next.Add(1)) % len(hostile)
		offered[i].Add(1)
		w.Header().Set("Location", fmt.Sprintf(strings.ReplaceAll(hostile[i], "%d", "%[1]d"), port))
		w.WriteHeader([]int{301, 302, 303, 307, 308}[i%5])
	})
	strangers := "[127.0.0.1, \"::ffff:127.0.0.1\", \"::ffff:7f00:1\", \"0.0.0.0\", \"0\", \"2130706433\", evil.test, evil.test., localhost.evil.test, mapped.test, both.test, second.test, many.test, rebind.test, home-test]"
	for name, keys := range map[string]string{
		"never":                       "redirect: never\n",
		"same origin":                 "redirect: same-origin\n",
		"anywhere":                    "redirect: follow 5\n",
		"anywhere, strangers allowed": "redirect: follow 5\nallow_targets: " + strangers + "\n",
	} {
		for i := range offered {
			offered[i].Store(0)
		}
		text := keys + "load: {users: 2, duration: 2s}\nheaders: {Authorization: Bearer hush-hush}\npersonas: {one: {tasks: [{name: t, steps: [{post: /, json: {a: 1}}]}]}}\n"
		if err := os.WriteFile("redirect.yaml", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		code, stderr := aim(t, "redirect.yaml", "--target", server.URL, "--no-preflight")
		if code == 0 || seen.Load() != 0 {
			t.Errorf("%s: exit code %d, %d connections reached the canary\n%s", name, code, seen.Load(), stderr)
		}
		for i := range offered {
			if offered[i].Load() == 0 {
				t.Errorf("%s: no redirect to %s was met", name, hostile[i])
			}
		}
	}
}

// The preflight says that it is the redirect that leads nowhere, not the target.
func TestPreflightOfARedirect(t *testing.T) {
	t.Chdir(t.TempDir())
	server := atHome(t, http.RedirectHandler("http://evil.test/", http.StatusFound).ServeHTTP)
	text := "redirect: follow 5\nallow_targets: [evil.test]\nload: {users: 2, duration: 1s}\npersonas: {one: {tasks: [{get: /a}]}}\n"
	if err := os.WriteFile("redirect.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stderr := aim(t, "redirect.yaml", "--target", server.URL)
	if code != 3 || !strings.Contains(stderr, "GET /a leads where nothing answers: 127.0.0.1 is a public address") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// Where a redirect may lead to another host, it takes no credential there.
func TestARedirectTakesNoCredential(t *testing.T) {
	t.Chdir(t.TempDir())
	var mu sync.Mutex
	var met []string
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		met = append(met, fmt.Sprint(r.Header))
	}))
	defer stranger.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(stranger.URL, "http://"), ":")
	server := atHome(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(fmt.Sprint(r.Header), "hush-hush") {
			t.Errorf("home got no credential: %v", r.Header)
		}
		w.Header().Set("Set-Cookie", "session=hush-hush")
		w.Header().Set("Location", "http://evil.test:"+port+"/")
		w.WriteHeader(http.StatusFound)
	})
	text := "redirect: follow 5\nallow_targets: [evil.test]\nload: {rate: 10/s, duration: 1s}\nheaders: {Authorization: Bearer hush-hush}\npersonas: {one: {tasks: [{name: t, steps: [{get: /, headers: {X-Session: hush-hush}}]}]}}\n"
	if err := os.WriteFile("redirect.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stderr := aim(t, "redirect.yaml", "--target", server.URL, "--api-key", "hush-hush", "-H", "Cookie: a=hush-hush", "--no-thresholds")
	if code != 0 || len(met) == 0 {
		t.Fatalf("exit code %d, %d requests reached the other host\n%s", code, len(met), stderr)
	}
	for _, headers := range met {
		if strings.Contains(headers, "hush-hush") {
			t.Fatalf("a credential went to another host: %s", headers)
		}
	}
}

func TestPrivate(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.1.1": true,
		"169.254.1.1": false, "169.254.169.254": false, "::ffff:169.254.169.254": false, "fd00:ec2::254": false, "fe80::1": true, "fd00::1": true, "::ffff:10.0.0.1": true, "0.0.0.0": true, "::": true,
		"8.8.8.8": false, "172.32.0.1": false, "192.0.2.1": false, "100.64.0.1": false, "::ffff:8.8.8.8": false, "2001:db8::1": false,
		"64:ff9b::10.0.0.1": false, "2002:a00:1::": false, "::10.0.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
	} {
		if got := private(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: private %v, want %v", addr, got, want)
		}
	}
}
