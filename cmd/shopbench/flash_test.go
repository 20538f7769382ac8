//go:build unix

package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"shopcast/shop/refusal"
)

func TestParseReply(t *testing.T) {
	for frame, want := range map[string]reply{
		`{"t":"ok","id":"7","d":{"id":"ord_1","state":"reserved","lines":[]}}`:            {id: "7", answer: answer{State: "reserved"}},
		`{"t":"error","id":"8","d":{"code":"out_of_stock","message":"gone","field":"x"}}`: {id: "8", answer: answer{Code: "out_of_stock"}},
	} {
		got, is := parseReply([]byte(frame))
		if !is || got != want {
			t.Errorf("%s is %+v", frame, got)
		}
	}
	for _, news := range []string{`{"t":"product","d":{"id":"ok"}}`, `{"t":"okay","id":"1","d":{}}`, ``} {
		if got, is := parseReply([]byte(news)); is {
			t.Errorf("%s is an answer: %+v", news, got)
		}
	}
	if got, is := parseReply([]byte(`{"t":"ok","id":`)); !is || got.err == nil {
		t.Errorf("half an answer is %+v", got)
	}
}

func TestCount(t *testing.T) {
	made := func(delay time.Duration, state, code string, err error) attempt {
		return attempt{delay, answer{state, code}, err}
	}
	r := count(3, []attempt{
		made(5, "reserved", "", nil), made(2, "reserved", "", nil), made(9, "", string(refusal.CodeOutOfStock), nil),
		made(1, "", "busy", nil), made(1, "", "busy", nil), made(1, "expired", "", nil), made(1, "", "", errors.New("gone")),
		{},
	})
	if r.sockets != 3 || len(r.accepted) != 2 || r.accepted[0] != 2 || len(r.rejected) != 1 || len(r.unanswered) != 1 {
		t.Errorf("%+v", r)
	}
	if r.other["busy"] != 2 || r.other["expired"] != 1 || r.other["never asked"] != 1 {
		t.Errorf("others: %v", r.other)
	}
}

// A sale that sold one too many, or left an attempt without an answer, must not look
// like one that went well.
func TestReportFlash_SaysWhatWentWrong(t *testing.T) {
	var out strings.Builder
	b := &bench{sizes: sizes{units: 1, attempts: 3}, report: &report{out: &out}}
	b.reportFlash(flashResult{accepted: []time.Duration{1, 2}, other: map[string]int{"busy": 1}}, time.Millisecond, 2, errors.New("stock is off"))
	b.close()
	for _, want := range []string{
		"| busy | 1 |", "by stock | 2 and 2 | 1 | missed |", "or sold out | 2 | 3 | missed |", "| stock is off | books are right | missed |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestNewSite(t *testing.T) {
	s, err := newSite("http://localhost:8080")
	if err != nil || s.addr != "127.0.0.1:8080" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, base := range []string{"", "http://localhost", "::"} {
		if _, err := newSite(base); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}
