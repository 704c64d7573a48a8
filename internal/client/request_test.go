package client

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAppendRequest(t *testing.T) {
	agent := "User-Agent: " + userAgent() + "\r\n"
	for _, tt := range []struct {
		method, target, host string
		headers              []Header
		body                 string
		want                 string
	}{
		{"GET", "/a?b=c", "h:80", nil, "", "GET /a?b=c HTTP/1.1\r\nHost: h:80\r\n" + agent + "\r\n"},
		{"POST", "/", "h", []Header{{"X-API-Key", "k\xc3\xa9y"}, {"x", ""}}, "{}", "POST / HTTP/1.1\r\nHost: h\r\nX-API-Key: k\xc3\xa9y\r\nx: \r\n" + agent + "Content-Length: 2\r\n\r\n{}"},
		{"PUT", "*", "h", []Header{{"user-agent", "me"}, {"host", "other"}}, "", "PUT * HTTP/1.1\r\nHost: other\r\nuser-agent: me\r\nContent-Length: 0\r\n\r\n"},
		{"DELETE", "/", "h", []Header{{"Content-Length", "1"}, {"User-Agent", "me"}}, "x", "DELETE / HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\nContent-Length: 1\r\n\r\nx"},
	} {
		got, err := AppendRequest([]byte("before"), tt.method, tt.target, tt.host, tt.headers, []byte(tt.body))
		if err != nil || string(got) != "before"+tt.want {
			t.Errorf("%q, %v, want %q", got, err, tt.want)
		}
	}
}

func TestAppendRequestRefuses(t *testing.T) {
	header := func(name, value string) []Header { return []Header{{"Good", "x"}, {name, value}} }
	type args struct {
		method, target, host string
		headers              []Header
	}
	tests := []args{
		{"", "/", "h", nil},
		{"G T", "/", "h", nil},
		{"GET\r\n", "/", "h", nil},
		{"G(T", "/", "h", nil},
		{"GET", "", "h", nil},
		{"GET", "/a b", "h", nil},
		{"GET", "/\u00e9", "h", nil},
		{"GET", "/", "", nil},
		{"GET", "/", "h\r\nX: y", nil},
		{"GET", "/", "a b", nil},
		{"GET", "/", "h", header("", "x")},
		{"GET", "/", "h", header("X:", "y")},
		{"GET", "/", "h", header("X Y", "z")},
		{"GET", "/", "h", header("Content-Length", "7")},
		{"GET", "/", "h", header("transfer-encoding", "gzip")},
		{"GET", "/", "h", []Header{{"Host", "a"}, {"host", "b"}}},
	}
	for _, bad := range []string{"\r", "\n", "\r\n", "\x00", "\x7f", "\x1b"} {
		tests = append(tests, args{"GET" + bad, "/", "h", nil}, args{"GET", "/" + bad, "h", nil}, args{"GET", "/", "h" + bad, nil},
			args{"GET", "/", "h", header("X"+bad, "y")}, args{"GET", "/", "h", header("X", "secret"+bad)}, args{"GET", "/", "h", header("Host", "h"+bad)})
	}
	for _, a := range tests {
		got, err := AppendRequest([]byte("before"), a.method, a.target, a.host, a.headers, nil)
		if err == nil || string(got) != "before" {
			t.Errorf("%+v: %q, %v", a, got, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}

// FuzzAppendRequest: whatever is accepted is exactly one request, as meant.
func FuzzAppendRequest(f *testing.F) {
	f.Add("GET", "/a?b=c", "h:80", "X-Api-Key", "k", []byte(nil))
	f.Add("POST", "/", "h", "Content-Length", "2", []byte("{}"))
	f.Add("GET", "/ HTTP/1.1\r\nX: y", "h", "X", "y\r\nZ: w", []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, method, target, host, name, value string, body []byte) {
		wire, err := AppendRequest(nil, method, target, host, []Header{{name, value}}, body)
		if err != nil {
			return
		}
		line, rest, _ := bytes.Cut(wire, []byte("\r\n"))
		if string(line) != fmt.Sprintf("%s %s HTTP/1.1", method, target) {
			t.Fatalf("request line %q", line)
		}
		head, _, _ := bytes.Cut(rest, []byte("\r\n\r\n"))
		if n := bytes.Count(head, []byte("\n")); n > 3 {
			t.Fatalf("%d header lines in %q", n+1, wire)
		}
		r := bufio.NewReader(bytes.NewReader(wire))
		req, err := http.ReadRequest(r)
		if err != nil {
			return // net/http is choosy about targets, hosts and methods
		}
		got, err := io.ReadAll(req.Body)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%q: body %q, %v, want %q", wire, got, err, body)
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Fatalf("%q: more than one request", wire)
		}
	})
}

func TestAppendRequestAllocates(t *testing.T) {
	headers := []Header{{"X-API-Key", "abcdef"}, {"Content-Type", "application/json"}}
	body := []byte(`{"name": "x"}`)
	buf := make([]byte, 0, 1024)
	n := testing.AllocsPerRun(100, func() {
		if _, err := AppendRequest(buf, "POST", "/api/v1/agents", "127.0.0.1:8009", headers, body); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
