//go:build !linux

package probe

import "errors"

// Process would be the source that is the process pid: only Linux tells.
func Process(string, int) (Source, error) {
	return nil, errors.New("only on Linux does lt know how to ask a process; give --scrape instead")
}
