package client

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/seed-42693903/lt/internal/metric"
)

// TestChangesTable: what changesTable says of a block is what a decoder finds: one
// that changes nothing means the same a second time.
func TestChangesTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[bool]int{}
	for range 3000 {
		var block bytes.Buffer
		enc := hpack.NewEncoder(&block)
		if r.IntN(3) == 0 {
			enc.SetMaxDynamicTableSize(uint32(r.IntN(2)) * 100)
		}
		changes := false
		if block.Len() > 0 {
			changes = true
		}
		for range 1 + r.IntN(6) {
			f := hpack.HeaderField{Name: []string{":status", "server", "x-own", strings.Repeat("n", 200)}[r.IntN(4)], Value: strings.Repeat("v", r.IntN(400)), Sensitive: r.IntN(8) > 0}
			_ = enc.WriteField(f)
		}
		dec := hpack.NewDecoder(4096, func(hpack.HeaderField) {})
		if _, err := dec.Write(block.Bytes()); err != nil {
			t.Fatal(err)
		}
		// The first entry that was added can be named afterwards.
		if _, err := dec.Write([]byte{0xbe}); err == nil {
			changes = true
		}
		got := changesTable(block.Bytes())
		if changes && !got {
			t.Fatalf("% x: said to change nothing", block.Bytes())
		}
		seen[got]++
	}
	if seen[true] < 100 || seen[false] < 100 {
		t.Errorf("%v", seen)
	}
}

// TestH2RecallsTheRightHead: answers whose headers differ, alike or change the
// table, are told apart, whatever came before.
func TestH2RecallsTheRightHead(t *testing.T) {
	bodies := []string{"hello", "hello", "hello!", "hello", "", "hello"}
	n := 0
	p := newH2Peer(t, func(c *h2peerConn, id uint32) bool {
		body := bodies[n%len(bodies)]
		status := "200"
		if n%7 == 6 {
			status = "503"
		}
		n++
		c.answer(id, status, body)
		return true
	})
	c := newConn(t, p.url(), func(o *Options) { o.HTTP2 = true })
	for i := range 200 {
		req := get(t)
		req.Keep = i%5 == 4
		resp, s := do(t.Context(), c, req)
		checkSample(t, s, resp)
		want := metric.OK
		if i%7 == 6 {
			want = metric.Status
		}
		if s.Outcome != want {
			t.Fatalf("exchange %d: %+v: %v", i, s, resp.Err)
		}
		if req.Keep && string(resp.Body) != bodies[i%len(bodies)] {
			t.Errorf("exchange %d: %q", i, resp.Body)
		}
		resp.Release()
	}
}
