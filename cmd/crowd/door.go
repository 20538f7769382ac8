//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const maxSDP = 64 << 10

// door speaks the HTTP half of WHIP (RFC 9725) and WHEP.
type door struct{ client *http.Client }

func newDoor() *door {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // it is one
	transport.MaxIdleConnsPerHost = 256
	return &door{client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// enter posts an offer and returns the session's address and the answer. key may be empty.
func (d *door) enter(ctx context.Context, address, key, offer string) (session, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(offer))
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Content-Type", "application/sdp")
	authorize(request, key)
	response, err := d.client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSDP))
	if err != nil {
		return "", "", fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusCreated {
		return "", "", fmt.Errorf("status %d", response.StatusCode)
	}
	location, err := response.Location()
	if err != nil {
		return "", "", fmt.Errorf("find session: %w", err)
	}
	return location.String(), string(body), nil
}

// leave ends a session. When the server is gone already there is nothing left to end.
func (d *door) leave(ctx context.Context, session, key string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, session, http.NoBody)
	if err != nil {
		return
	}
	authorize(request, key)
	if response, err := d.client.Do(request); err == nil {
		_ = response.Body.Close() // nothing is read
	}
}

func authorize(request *http.Request, key string) {
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
}

// hostOf returns the host of an address without its port.
func hostOf(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" {
		return "", fmt.Errorf("%q is not an http address", address)
	}
	return parsed.Hostname(), nil
}
