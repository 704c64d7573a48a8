package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/fixtures/datalayer"
	"github.com/seed-42693903/lt/fixtures/faults"
	"github.com/seed-42693903/lt/fixtures/gateway"
	"github.com/seed-42693903/lt/internal/text"
)

const (
	defaultGateway   = "127.0.0.1:8009"
	defaultDatalayer = "127.0.0.1:8001"
	envAPIKey        = "LT_API_KEY"
	envUpstreamKey   = "LT_UPSTREAM_KEY"
)

// hangupIgnored is read before anything else touches signals: a server under nohup outlives its terminal, another does not.
var hangupIgnored = signal.Ignored(syscall.SIGHUP)

func newServeCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve gateway|datalayer|all",
		Short: "Run the reference platform, or one half of it",
		Long: `The reference platform is a small API gateway in front of a data layer that
keeps its rows in SQLite or PostgreSQL. It is there to aim lt at.

Keys come from LT_API_KEY (to call the gateway) and LT_UPSTREAM_KEY (the
gateway's own, to call the data layer). One that is not set is made and shown.`,
		Example: "  lt serve all\n  lt serve datalayer --db sqlite:lt-datalayer.db\n  lt serve gateway --upstream http://127.0.0.1:8001",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return hintf(usageErrorf("lt serve %s: there is no such server", args[0]), "use gateway, datalayer or all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newServeGatewayCmd(env), newServeDatalayerCmd(env), newServeAllCmd(env))
	return cmd
}

func newServeGatewayCmd(env *environ) *cobra.Command {
	var addr, upstream string
	var o serveOptions
	var faulty faultFlags
	var lifeline bool
	cmd := &cobra.Command{
		Use: "gateway", Short: "Run the gateway in front of a data layer", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if lifeline {
				return serveLifeline(env, gatewayChild)
			}
			return serveGateway(env, addr, upstream, o, faulty)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", defaultGateway, "`HOST:PORT` to listen on; without a host, 127.0.0.1")
	cmd.Flags().StringVar(&upstream, "upstream", "http://"+defaultDatalayer, "`URL` of the data layer")
	o.add(cmd)
	faulty.add(cmd)
	addLifelineFlag(cmd, &lifeline)
	return cmd
}

func newServeDatalayerCmd(env *environ) *cobra.Command {
	var addr, db string
	var o serveOptions
	var faulty faultFlags
	var lifeline bool
	cmd := &cobra.Command{
		Use: "datalayer", Short: "Run the data layer", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if lifeline {
				return serveLifeline(env, datalayerChild)
			}
			return serveDatalayer(env, addr, db, o, faulty)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", defaultDatalayer, "`HOST:PORT` to listen on; without a host, 127.0.0.1")
	cmd.Flags().StringVar(&db, "db", "sqlite:lt-datalayer.db", "`DATABASE`: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
	o.add(cmd)
	faulty.add(cmd)
	addLifelineFlag(cmd, &lifeline)
	return cmd
}

func newServeAllCmd(env *environ) *cobra.Command {
	var addr, datalayerAddr, db string
	var o serveOptions
	var faulty faultFlags
	cmd := &cobra.Command{
		Use: "all", Short: "Run gateway and data layer in one process", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return serveAll(env, addr, datalayerAddr, db, o, faulty) },
	}
	cmd.Flags().StringVar(&addr, "addr", defaultGateway, "`HOST:PORT` of the gateway; without a host, 127.0.0.1")
	cmd.Flags().StringVar(&datalayerAddr, "datalayer-addr", defaultDatalayer, "`HOST:PORT` of the data layer")
	cmd.Flags().StringVar(&db, "db", "", "`DATABASE`: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME (default a throw-away file)")
	o.add(cmd)
	faulty.add(cmd)
	return cmd
}

// serveOptions are those of every server.
type serveOptions struct {
	lameDuck time.Duration
	verbose  bool
}

func (o *serveOptions) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&o.lameDuck, "lame-duck", 0, "how long to go on, not ready, when told to stop: `DURATION`")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "log every request, not only those that fail by a server's fault")
}

// check says what is wrong with what was given.
func (o *serveOptions) check() error {
	if o.lameDuck < 0 {
		return usageErrorf("--lame-duck %s: a time of 0 or more is meant", o.lameDuck)
	}
	return nil
}

func (o *serveOptions) log(env *environ) *slog.Logger {
	if o.verbose {
		return logTo(env.Stderr, slog.LevelDebug)
	}
	return logTo(env.Stderr, slog.LevelWarn)
}

func addLifelineFlag(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "lifeline", false, "be a child of lt: take the configuration from stdin and live as long as it")
	if err := cmd.Flags().MarkHidden("lifeline"); err != nil {
		panic(err) // the flag was defined the line before
	}
}

func serveGateway(env *environ, addr, upstream string, o serveOptions, faulty faultFlags) error {
	if err := o.check(); err != nil {
		return err
	}
	fails, err := faulty.open(faults.Gateway)
	if err != nil {
		return err
	}
	defer fails.close()
	ln, err := listenOn(addr, "--addr")
	if err != nil {
		return err
	}
	defer ln.Close()
	upstreamKey := env.Getenv(envUpstreamKey)
	if upstreamKey == "" {
		return hintf(usageErrorf("%s is not set", envUpstreamKey),
			"it is the data layer's key, which `lt serve datalayer` shows; `lt serve all` needs none")
	}
	key, shown, err := keyFor(env, envAPIKey, ln)
	if err != nil {
		return err
	}
	gw, err := newGateway(gateway.Config{UpstreamKey: upstreamKey, LameDuck: o.lameDuck, Log: o.log(env)}, upstream, key)
	if err != nil {
		return usageErrorf("%w", err)
	}
	fails.wrap(faults.Gateway, gw)
	fails.tell(env.Stdout)
	fmt.Fprintf(env.Stdout, "gateway     %s\nupstream    %s\nkey         %s\n", urlOf(ln), upstream, shown)
	return serveUntilSignal(env, served{gw, ln})
}

func serveDatalayer(env *environ, addr, db string, o serveOptions, faulty faultFlags) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := datalayer.CheckDB(db); err != nil {
		return usageErrorf("--db: %w", err)
	}
	fails, err := faulty.open(faults.Datalayer)
	if err != nil {
		return err
	}
	defer fails.close()
	ln, err := listenOn(addr, "--addr")
	if err != nil {
		return err
	}
	defer ln.Close()
	key, shown, err := keyFor(env, envUpstreamKey, ln)
	if err != nil {
		return err
	}
	dl, err := datalayer.New(datalayer.Config{DB: db, Key: key, LameDuck: o.lameDuck, Log: o.log(env)})
	if err != nil {
		return hintf(err, "--db sqlite:PATH or postgres://... says where the database is")
	}
	fails.wrap(faults.Datalayer, dl)
	fails.tell(env.Stdout)
	fmt.Fprintf(env.Stdout, "data layer  %s\ndatabase    %s\nkey         %s\n", urlOf(ln), datalayer.ShowDB(db), shown)
	return serveUntilSignal(env, served{dl, ln})
}

func serveAll(env *environ, addr, datalayerAddr, db string, o serveOptions, faulty faultFlags) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if db != "" {
		if err := datalayer.CheckDB(db); err != nil {
			return usageErrorf("--db: %w", err)
		}
	}
	fails, err := faulty.open(faults.Gateway, faults.Datalayer)
	if err != nil {
		return err
	}
	defer fails.close()
	front, err := listenOn(addr, "--addr")
	if err != nil {
		return err
	}
	defer front.Close()
	behind, err := listenOn(datalayerAddr, "--datalayer-addr")
	if err != nil {
		return err
	}
	defer behind.Close()
	key, shown, err := keyFor(env, envAPIKey, front)
	if err != nil {
		return err
	}
	upstreamKey := env.Getenv(envUpstreamKey)
	if upstreamKey == "" {
		upstreamKey = newKey()
	}
	database := datalayer.ShowDB(db)
	if db == "" {
		scratch, err := datalayer.NewScratch()
		if err != nil {
			return hintf(err, "--db sqlite:PATH keeps the database elsewhere")
		}
		defer func() { err = errors.Join(err, scratch.Remove()) }()
		db = scratch.DB()
		database = db + " (removed at the end)"
	}
	dl, err := datalayer.New(datalayer.Config{DB: db, Key: upstreamKey, Log: o.log(env)})
	if err != nil {
		return hintf(err, "--db sqlite:PATH or postgres://... says where the database is")
	}
	defer dl.Close()
	gw, err := newGateway(gateway.Config{UpstreamKey: upstreamKey, LameDuck: o.lameDuck, Log: o.log(env)}, urlOf(behind), key)
	if err != nil {
		return err
	}
	fails.wrap(faults.Gateway, gw)
	fails.wrap(faults.Datalayer, dl)
	fails.tell(env.Stdout)
	base, assign, header := urlOf(front), envAPIKey+"="+key+" ", key
	if env.Getenv(envAPIKey) != "" {
		assign, header = "", "$"+envAPIKey // it stands in the caller's environment, and nowhere else
	}
	fmt.Fprintf(env.Stdout, `gateway     %s
data layer  %s
database    %s
key         %s

Try:
  %s%s run light --target %s
  curl -i %s/health/ready
  curl -H "X-API-Key: %s" "%s/api/v1/agents/?limit=5"

Ctrl-C stops.
`, base, urlOf(behind), database, shown, assign, commandName(), base, base, header, base)
	return serveUntilSignal(env, served{gw, front}, served{dl, behind})
}

// commandName is how a shell beside this one calls this lt: by its name where that finds it, else by its file, which `go run` and
// bin/lt are called by.
func commandName() string {
	exe, err := os.Executable()
	if err != nil {
		return "lt"
	}
	if found, err := exec.LookPath("lt"); err == nil {
		a, errA := os.Stat(found)
		b, errB := os.Stat(exe)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return "lt"
		}
	}
	return text.Quote(exe)
}

// newGateway makes a gateway with one consumer, as the reference platform has for load tests.
func newGateway(cfg gateway.Config, upstream, key string) (*gateway.Server, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	cfg.Upstream, cfg.Version = u, version()
	cfg.Consumers = []gateway.Consumer{{Name: "load-test", Key: key, Role: "developer", Tier: "enterprise"}}
	return gateway.New(cfg)
}

func logTo(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// newKey makes a key of 32 random bytes.
func newKey() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	return "lt_" + base64.RawURLEncoding.EncodeToString(random)
}

// keyFor is the key of a server on ln, and what may be shown of it: one that the environment gives stays there.
func keyFor(env *environ, name string, ln net.Listener) (key, shown string, err error) {
	if key := env.Getenv(name); key != "" {
		return key, "$" + name, nil
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return "", "", hintf(usageErrorf("%s is not set, and %s can be reached from other machines", name, ln.Addr()),
			"set %s to a key of your own; a key is made and shown on loopback addresses only", name)
	}
	key = newKey()
	return key, key, nil
}

// listenOn listens on loopback unless addr names another host.
func listenOn(addr, flag string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, hintf(usageErrorf("%s %q: not an address", flag, addr), "write HOST:PORT, such as %s", defaultGateway)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, hintf(fmt.Errorf("%s %s is in use", flag, addr), "%s 127.0.0.1:0 takes a free port", flag)
	}
	if err != nil {
		return nil, hintf(fmt.Errorf("%s %s: %w", flag, addr, err), "%s HOST:PORT must be an address of this machine", flag)
	}
	return ln, nil
}

// urlOf is how this machine reaches ln.
func urlOf(ln net.Listener) string {
	addr := ln.Addr().String()
	for _, any := range []string{"0.0.0.0:", "[::]:"} {
		if port, ok := strings.CutPrefix(addr, any); ok {
			addr = "127.0.0.1:" + port
		}
	}
	return "http://" + addr
}

// A service is a server that drains when its context ends, and stops at once when it is closed.
type service interface {
	Serve(ctx context.Context, ln net.Listener) error
	Close() error
}

// served is a service and where it is served.
type served struct {
	service
	ln net.Listener
}

// serveUntilSignal serves until a signal comes or one service fails; then each drains, in the given order. A second signal
// stops all at once. It closes the services.
func serveUntilSignal(env *environ, list ...served) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !hangupIgnored {
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)

	ended := make(chan struct{}, len(list))
	results := make([]chan error, len(list))
	stops := make([]context.CancelFunc, len(list))
	for i, s := range list {
		var ctx context.Context
		ctx, stops[i] = context.WithCancel(context.Background())
		defer stops[i]()
		results[i] = make(chan error, 1)
		go func() {
			results[i] <- s.Serve(ctx, s.ln)
			ended <- struct{}{}
		}()
	}
	closeAll := func() (errs []error) {
		for _, s := range list {
			errs = append(errs, s.Close())
		}
		return errs
	}

	select {
	case <-signals:
		fmt.Fprintln(env.Stderr, "lt: stopping when the requests under way have ended; press Ctrl-C again to stop at once")
	case <-ended:
	}
	drained := make(chan struct{})
	impatient := make(chan struct{})
	go func() {
		defer close(impatient)
		select {
		case <-signals:
			closeAll()
		case <-drained:
		}
	}()
	var errs []error
	for i := range list {
		stops[i]()
		errs = append(errs, <-results[i])
	}
	close(drained)
	<-impatient
	return errors.Join(append(errs, closeAll()...)...)
}
