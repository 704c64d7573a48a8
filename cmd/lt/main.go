// Command lt load-tests API gateways and says, with evidence, whether a release
// may go.
package main

import "os"

func main() {
	os.Exit(execute(os.Args[1:], &environ{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
	}))
}
