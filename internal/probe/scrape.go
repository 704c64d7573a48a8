package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxPage is the most that is read of a page of metrics.
const maxPage = 16 << 20

// known are the metrics that tell a figure, the best first: of each figure the
// first one that a page has is taken, summed over its labels.
var known = []struct {
	figure  string
	metrics []string
}{
	{Memory, []string{
		"process_resident_memory_bytes", "process_working_set_bytes", "container_memory_working_set_bytes",
		"jvm_memory_used_bytes", "nodejs_heap_size_used_bytes", "go_memstats_heap_inuse_bytes",
	}},
	{Goroutines, []string{"go_goroutines"}},
	{Threads, []string{"process_threads", "process_num_threads", "jvm_threads_live_threads", "jvm_threads_current", "go_threads"}},
	{Connections, []string{
		"hikaricp_connections", "go_sql_open_connections", "pg_stat_activity_count", "tomcat_connections_current_connections",
		"nginx_connections_active", "http_server_active_connections", "gateway_upstream_connections",
	}},
	{FDs, []string{"process_open_fds", "process_files_open_files", "process_open_handles"}},
}

// A page is a source that is a page of metrics in Prometheus' text format.
type page struct {
	name   string
	url    string
	client *http.Client
}

// Page is the source at u. name may be empty: then it is the host and the path,
// but for /metrics. Redirects are not followed and no credentials are sent.
func Page(name string, u *url.URL, secure *tls.Config) Source {
	if name == "" {
		name = u.Host + strings.TrimSuffix(u.Path, "/metrics")
	}
	return &page{name, u.String(), &http.Client{
		Transport:     &http.Transport{TLSClientConfig: secure, MaxIdleConns: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (p *page) Name() string { return p.name }

func (p *page) Read(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1")
	res, err := p.client.Do(req)
	if err != nil {
		var u *url.Error // whose text has the URL once more, and its query
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d", res.StatusCode)
	}
	figures, err := parse(io.LimitReader(res.Body, maxPage))
	if err == nil && len(figures) == 0 {
		err = errors.New("it has no metric that lt knows, such as process_resident_memory_bytes, go_goroutines or process_open_fds")
	}
	return figures, err
}

// parse reads a page of metrics and finds the known figures in it. Lines that it
// cannot read are left out.
func parse(r io.Reader) (map[string]float64, error) {
	wanted := map[string]bool{}
	for _, k := range known {
		for _, m := range k.metrics {
			wanted[m] = true
		}
	}
	sums := map[string]float64{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if name, v, ok := sample(line); ok && wanted[name] {
			sums[name] += v
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	out := map[string]float64{}
	for _, k := range known {
		for _, m := range k.metrics {
			if v, ok := sums[m]; ok && !math.IsInf(v, 0) {
				out[k.figure] = v
				break
			}
		}
	}
	return out, nil
}

// sample reads one line of the text format: name{labels} value [time]. ok is
// false for comments and for what is none.
func sample(line string) (name string, value float64, ok bool) {
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, "{ \t")
	if end <= 0 || line[0] == '#' {
		return "", 0, false
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		close := labelsEnd(rest)
		if close < 0 {
			return "", 0, false
		}
		rest = rest[close+1:]
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return "", 0, false
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return "", 0, false
	}
	return name, value, true
}

// labelsEnd is the place of the brace that ends the labels; -1: there is none.
func labelsEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '}' && !quoted:
			return i
		}
	}
	return -1
}

// ParseURL reads the URL of a page of metrics.
func ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("want a URL such as http://127.0.0.1:8009/metrics")
	case u.User != nil:
		return nil, errors.New("a user or password in it would end up in reports")
	}
	u.Path = cmp.Or(strings.TrimSuffix(u.Path, "/"), "/metrics")
	return u, nil
}
