// Command dist builds lt's release: for each system a binary in an archive, an
// SBOM (CycloneDX) of what the binary is made of, and SHA256SUMS of them all. It
// needs Go and nothing else, and the same commit gives the same bytes.
//
//	go run ./dist [-out DIR] [-targets linux/amd64,...]      in tools/
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

const everyTarget = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

// documents go into each archive, beside the binary and the manual pages.
var documents = []string{"LICENSE", "README.md", "CHANGELOG.md"}

func main() {
	log.SetFlags(0)
	log.SetPrefix("dist: ")
	root := flag.String("root", "..", "the repository")
	out := flag.String("out", "../dist", "where the release goes; what is there is removed")
	targets := flag.String("targets", everyTarget, "GOOS/GOARCH, separated by commas")
	flag.Parse()
	if err := release(*root, *out, strings.Split(*targets, ",")); err != nil {
		log.Fatal(err)
	}
}

func release(root, out string, targets []string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "lt-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	// The host's own lt writes the manual pages.
	host := filepath.Join(work, "lt-host")
	if err := build(root, host); err != nil {
		return err
	}
	man := filepath.Join(work, "man")
	if b, err := exec.Command(host, "man", man).CombinedOutput(); err != nil {
		return fmt.Errorf("lt man: %w\n%s", err, b)
	}
	at, err := commitTime(root)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(host)
	if err != nil {
		return err
	}
	version := strings.TrimPrefix(strings.ReplaceAll(info.Main.Version, "+", "-"), "v")
	if version == "" || version == "(devel)" { // built without the version control's stamp
		version = "devel"
	}
	for _, target := range targets {
		goos, goarch, ok := strings.Cut(target, "/")
		if !ok {
			return fmt.Errorf("target %q: want GOOS/GOARCH", target)
		}
		bin := filepath.Join(work, target, "lt")
		if goos == "windows" {
			bin += ".exe"
		}
		if err := build(root, bin, "GOOS="+goos, "GOARCH="+goarch); err != nil {
			return err
		}
		name := fmt.Sprintf("lt_%s_%s_%s", version, goos, goarch)
		files := map[string]string{filepath.Base(bin): bin}
		for _, d := range documents {
			files[d] = filepath.Join(root, d)
		}
		pages, err := filepath.Glob(filepath.Join(man, "*.1"))
		if err != nil {
			return err
		}
		for _, p := range pages {
			files["man/"+filepath.Base(p)] = p
		}
		archive, write := name+".tar.gz", writeTar
		if goos == "windows" {
			archive, write = name+".zip", writeZip
		}
		if err := toFile(filepath.Join(out, archive), func(w io.Writer) error { return write(w, name, files, at) }); err != nil {
			return err
		}
		if err := toFile(filepath.Join(out, name+".cdx.json"), func(w io.Writer) error { return sbom(w, bin, at) }); err != nil {
			return err
		}
		log.Println(archive)
	}
	return sums(out)
}

// build builds lt as `make build` does.
func build(root, bin string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/lt")
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build for %v: %w\n%s", env, err, b)
	}
	return nil
}

// commitTime is the time that all files of the archives bear.
func commitTime(root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		cmd := exec.Command("git", "log", "-1", "--format=%ct")
		cmd.Dir = root
		b, err := cmd.Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("git log: %w (or set SOURCE_DATE_EPOCH)", err)
		}
		text = strings.TrimSpace(string(b))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(n, 0).UTC(), err
}

func sorted(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// mode is that of a file in an archive.
func mode(name string) fs.FileMode {
	if name == "lt" || name == "lt.exe" {
		return 0o755
	}
	return 0o644
}

func writeTar(w io.Writer, dir string, files map[string]string, at time.Time) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, name := range sorted(files) {
		b, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		h := &tar.Header{Name: dir + "/" + name, Mode: int64(mode(name)), Size: int64(len(b)), ModTime: at, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(b); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func writeZip(w io.Writer, dir string, files map[string]string, at time.Time) error {
	z := zip.NewWriter(w)
	for _, name := range sorted(files) {
		b, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: dir + "/" + name, Method: zip.Deflate, Modified: at}
		h.SetMode(mode(name))
		f, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	return z.Close()
}

// sbom lists the modules that a binary says it is made of.
func sbom(w io.Writer, bin string, at time.Time) error {
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		return err
	}
	type component struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
	}
	of := func(kind string, m debug.Module) component {
		if m.Replace != nil {
			m = *m.Replace
		}
		return component{kind, m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version}
	}
	parts := []component{{"library", "std", info.GoVersion, "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}}
	for _, d := range info.Deps {
		parts = append(parts, of("library", *d))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"metadata":   map[string]any{"timestamp": at.Format(time.RFC3339), "component": of("application", info.Main)},
		"components": parts,
	})
}

// sums writes SHA256SUMS, as sha256sum -c reads it.
func sums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(sum[:]), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(b.String()), 0o644)
}

func toFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
