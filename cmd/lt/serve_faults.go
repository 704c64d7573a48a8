package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/fixtures/faults"
)

// faultFlags are the flags of a server that can be made to fail.
type faultFlags struct{ profile, admin string }

func (f *faultFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.profile, "faults", "", "fail by order: `NAME|FILE` of a fault profile; built in are "+strings.Join(faults.Names(), ", "))
	cmd.Flags().StringVar(&f.admin, "admin", "", "`HOST:PORT` on loopback to change the faults at run time, at /faults (default off)")
}

// loadFaults reads the profile for one of the processes.
func loadFaults(name string, at ...faults.Process) (*faults.Profile, error) {
	p, err := faults.Load(name)
	if err != nil {
		return nil, hintf(usageErrorf("--faults: %w", err), "docs/faults.md tells of the built-in profiles and how to write one")
	}
	for _, process := range at {
		if p.At == process {
			return p, nil
		}
	}
	return nil, hintf(usageErrorf("--faults %s: this profile sits at the %s", name, p.At), "use `lt serve %s` or `lt serve all`", p.At)
}

// A faultServer is where the faults of this process's servers are set. Its zero value has none.
type faultServer struct {
	switches []*faults.Switch
	profile  *faults.Profile
	admin    net.Listener
	http     *http.Server
}

// open reads the profile and opens the admin listener, where the flags ask for them. The caller closes it.
func (f *faultFlags) open(at ...faults.Process) (*faultServer, error) {
	s := &faultServer{}
	if f.profile == "" && f.admin == "" {
		return s, nil
	}
	var err error
	if f.profile != "" {
		if s.profile, err = loadFaults(f.profile, at...); err != nil {
			return nil, err
		}
	}
	for _, process := range at {
		s.switches = append(s.switches, &faults.Switch{At: process})
	}
	if f.admin == "" {
		return s, nil
	}
	host, _, err := net.SplitHostPort(f.admin)
	if ip := net.ParseIP(host); err == nil && host != "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, hintf(usageErrorf("--admin %s: whoever reaches it can break the platform, so it listens on loopback only", f.admin), "write --admin 127.0.0.1:8010")
	}
	if s.admin, err = listenOn(f.admin, "--admin"); err != nil {
		return nil, err
	}
	s.http = &http.Server{Handler: faults.Admin(s.switches...), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	return s, nil
}

// wrap puts the faults before a server, and sets those of the profile when it is theirs.
func (s *faultServer) wrap(at faults.Process, server interface {
	Wrap(func(http.Handler) http.Handler)
},
) {
	for _, sw := range s.switches {
		if sw.At != at {
			continue
		}
		server.Wrap(sw.Handler)
		if s.profile != nil && s.profile.At == at {
			sw.Set(s.profile)
		}
	}
}

// tell says what is wrong by order, and begins to listen on the admin listener.
func (s *faultServer) tell(out io.Writer) {
	if s.profile != nil {
		fmt.Fprintf(out, "faults      %s at the %s: %s\n", s.profile.Name, s.profile.At, s.profile.About)
	}
	if s.http != nil {
		fmt.Fprintf(out, "admin       %s/faults\n", urlOf(s.admin))
		go func() { _ = s.http.Serve(s.admin) }() // close ends it
	}
}

func (s *faultServer) close() {
	if s.http != nil {
		_ = s.http.Close()
		_ = s.admin.Close()
	}
}
