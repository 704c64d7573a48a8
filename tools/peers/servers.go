package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The targets that the generators aim at. nginx answers what is static, plain and
// over TLS; the stub of this program answers what needs an id, or has to wait.
type targets struct {
	plain, tls  string // of nginx
	stub        string // answers at once
	wait        string // answers after a second
	version     string // of nginx
	stop        func()
	certificate string
}

const nginxConf = `daemon off;
worker_processes 1;
error_log stderr error;
pid %[1]s/nginx.pid;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server {
    listen 127.0.0.1:%[2]d;
    listen 127.0.0.1:%[3]d ssl http2;
    ssl_certificate %[1]s/cert.pem;
    ssl_certificate_key %[1]s/key.pem;
    http2_max_requests 1000000000;
    http2_recv_timeout 600s;
    default_type text/plain;
    location / { return 200 "%[4]s"; }
  }
}
`

// startTargets starts nginx and the stub on core serverCore.
func startTargets(dir string) (*targets, error) {
	cert := filepath.Join(dir, "cert.pem")
	if err := selfSigned(cert, filepath.Join(dir, "key.pem")); err != nil {
		return nil, err
	}
	plain, tlsPort, stub, wait := freePort(), freePort(), freePort(), freePort()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConf, dir, plain, tlsPort, strings.Repeat("x", 200))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var started []*exec.Cmd
	stop := func() {
		for _, c := range started {
			c.Process.Signal(os.Interrupt)
			c.Wait()
		}
	}
	start := func(name string, args ...string) error {
		c := exec.Command("taskset", append([]string{"-c", serverCore, name}, args...)...)
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			return err
		}
		started = append(started, c)
		return nil
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	for _, c := range [][]string{
		{nginx, "-p", dir, "-c", conf},
		{self, "-stub", "127.0.0.1:" + strconv.Itoa(stub)},
		{self, "-stub", "127.0.0.1:" + strconv.Itoa(wait), "-wait", "1s"},
	} {
		if err := start(c[0], c[1:]...); err != nil {
			stop()
			return nil, err
		}
	}
	for _, port := range []int{plain, tlsPort, stub, wait} {
		if err := answers(port); err != nil {
			stop()
			return nil, err
		}
	}
	version, _ := exec.Command(nginx, "-v").CombinedOutput()
	url := func(scheme string, port int) string { return fmt.Sprintf("%s://127.0.0.1:%d/", scheme, port) }
	return &targets{
		plain: url("http", plain), tls: url("https", tlsPort), stub: url("http", stub), wait: url("http", wait),
		version: strings.TrimSpace(strings.TrimPrefix(string(version), "nginx version: ")), stop: stop, certificate: cert,
	}, nil
}

func answers(port int) error {
	var err error
	for range 100 {
		var c net.Conn
		if c, err = net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			c.Close()
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func selfSigned(cert, key string) error {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		return err
	}
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), 0o600)
}

// stubAnswer is what the stub says of everything: an id by each name that the api
// workload looks for.
const stubBody = `{"id":"5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab","goal_id":"6f3a1c9e-1a2b-4c3d-8e4f-0123456789ab","task_id":"7f3a1c9e-1a2b-4c3d-8e4f-0123456789ab","name":"Ada 7","status":"active"}`

// serveStub answers on address: POST with 201, DELETE with 204, anything else
// with 200.
func serveStub(address string, wait time.Duration) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	answer := func(status, body string) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	ok, created, gone := answer("200 OK", stubBody), answer("201 Created", stubBody), []byte("HTTP/1.1 204 No Content\r\n\r\n")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			size := 2048
			if wait > 0 {
				size = 256
			}
			r := bufio.NewReaderSize(c, size)
			for {
				line, err := r.ReadSlice('\n')
				if err != nil {
					return
				}
				say := ok
				switch line[0] {
				case 'P':
					if line[1] == 'O' {
						say = created
					}
				case 'D':
					say = gone
				}
				length := 0
				for {
					h, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(h) <= 2 {
						break
					}
					if name, value, found := strings.Cut(string(h), ":"); found && textproto.CanonicalMIMEHeaderKey(name) == "Content-Length" {
						length, _ = strconv.Atoi(strings.TrimSpace(value))
					}
				}
				if _, err := r.Discard(length); err != nil {
					return
				}
				time.Sleep(wait)
				if _, err := c.Write(say); err != nil {
					return
				}
			}
		}()
	}
}
