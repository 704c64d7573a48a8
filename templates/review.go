package templates

import "embed"

// Review is the go/no-go page, review.html.tmpl, the index of many runs,
// history.html.tmpl, and review.css, what both add to style.css.
//
//go:embed review.html.tmpl history.html.tmpl review.css
var Review embed.FS
