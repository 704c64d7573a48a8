//go:build unix

package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/fixtures/datalayer/datalayertest"
)

// TestServeOnPostgres runs the platform on a PostgreSQL of the test's own, twice: the rows of the first are there for the second.
func TestServeOnPostgres(t *testing.T) {
	pg, err := datalayertest.NewPostgres()
	if errors.Is(err, datalayertest.ErrNoPostgres) && os.Getenv("CI") == "" && os.Getenv("LT_REQUIRE_POSTGRES") == "" {
		t.Skip("SKIPPED SUITE: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	db, err := pg.NewDatabase()
	if err != nil {
		t.Fatal(err)
	}
	db += "&password=canary"
	for i, want := range []int{201, 409} { // the name is taken the second time
		s := startServe(t, "key", []string{envUpstreamKey + "=k"}, "datalayer", "--addr", "127.0.0.1:0", "--db", db, "--lame-duck", "1ms")
		if got := status(t, "POST", s.field(t, "data layer")+"/tools", "k", `{"name":"adder","schema_def":{}}`); got != want {
			t.Errorf("start %d: POST answers %d, want %d", i, got, want)
		}
		if err := s.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(t, s.Cmd); err != nil {
			t.Errorf("Ctrl-C: %v %s", err, &s.stderr)
		}
		if text := s.out + s.stderr.String(); strings.Contains(text, "canary") || !strings.Contains(text, "postgres://") {
			t.Errorf("shown: %s", text)
		}
	}
}
