package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

func ExampleConn_Exchange() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", r.Header.Get("X-Name"))
	}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.New(client.Options{Target: target, Clock: metric.NewClock()})
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := c.NewConn()
	defer conn.Close()

	wire, err := client.AppendRequest(nil, "GET", "/hello", target.Host, []client.Header{{Name: "X-Name", Value: "user 7"}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req := &client.Request{Wire: wire, Keep: true}
	var resp client.Response
	defer resp.Release()
	var s metric.Sample
	for range 2 {
		conn.Exchange(context.Background(), req, &resp, &s)
		fmt.Printf("%s %d %q reused=%v\n", s.Outcome, s.Status, resp.Body, s.Reused)
	}
	// Output:
	// ok 200 "hello, user 7" reused=false
	// ok 200 "hello, user 7" reused=true
}
