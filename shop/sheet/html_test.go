package sheet

import (
	"testing"
)

func TestReadShopify_html(t *testing.T) {
	for markup, want := range map[string]string{
		"plain":                       "plain",
		"a < b":                       "a < b",
		"a &lt; b":                    "a < b",
		"<b>x</b> y":                  "x y",
		"one<br>two<BR/>three":        "one\ntwo\nthree",
		"<p>one</p>\n\n\n<p>two</p>":  "one\ntwo",
		"one<br><br><br>two\nthree":   "one\n\ntwo three",
		"salt &amp; pepper\nand oil":  "salt & pepper\nand oil",
		"x<script>if(a<b){}</script>": "x",
		"x<style>p{}":                 "x",
		"<div":                        "<div",
		"<!-- no --> yes":             "yes",
	} {
		if got := textOf(markup); got != want {
			t.Errorf("%q reads %q, want %q", markup, got, want)
		}
	}
}
