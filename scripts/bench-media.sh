#!/usr/bin/env bash
# Measures the media engine beside a plain Pion relay and beside the floor, one after the other, each
# server alone on core 0 and the robots on core 1, and prints Markdown tables.
# docs/benchmarks.md says what the figures mean.
#
#   scripts/bench-media.sh [--quick] [--clip FILE --sound FILE] [--server BIN] [--out DIR] [--gro]
#
# --quick   two minutes instead of ten: fewer steps, shorter, no second tries, no profile
# --clip    H.264 Annex B, 30 pictures/s, key frame every 2 s; --sound Ogg Opus, one packet per page
# --server  a shopcast binary to measure instead of a fresh build
# --gro     robots take several datagrams as one, as if a network card had cut them: less of the
#           receivers' work is charged to servers that use UDP_SEGMENT
# --out     where results (JSON lines), logs and the profile are kept; default: a temporary directory
set -euo pipefail
cd "$(dirname "$0")/.."

quick='' gro='' clip='' sound='' server='' out=''
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 && shift ;;
	--gro) gro=--gro && shift ;;
	--clip) clip=$2 && shift 2 ;;
	--sound) sound=$2 && shift 2 ;;
	--server) server=$2 && shift 2 ;;
	--out) out=$2 && shift 2 ;;
	*) echo "bench-media: what is $1?" >&2 && exit 2 ;;
	esac
done
for tool in taskset curl; do
	command -v "$tool" >/dev/null || { echo "bench-media: $tool is missing" >&2 && exit 1; }
done
[ "$(nproc)" -ge 2 ] || { echo "bench-media: two cores are needed, one for the server and one for the robots" >&2 && exit 1; }

work=$(mktemp -d)
out=${out:-$(mktemp -d)}
mkdir -p "$out"
results=$out/results.json
: >"$results"
pid=''
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

seconds=12 baseline_steps='50 100 150 200 300 400' ours_steps='100 200 300 400 600 800 1000' floor_steps='100 200 400'
if [ -n "$quick" ]; then
	seconds=4 baseline_steps='100' ours_steps='100 400' floor_steps='100 400'
fi

echo "== building" >&2
mkdir -p "$work/bin"
if [ -z "$server" ]; then
	make build >&2
	server=bin/shopcast
fi
go build -o "$work/bin/" ./cmd/crowd ./cmd/crowd/baseline
crowd=$work/bin/crowd

if [ -z "$clip" ]; then
	command -v ffmpeg >/dev/null || { echo "bench-media: ffmpeg is missing, or name a --clip and a --sound" >&2 && exit 1; }
	echo "== making a clip: 720p30, key frame every 2 s, 1.2 Mbit/s and 0.3 Mbit/s of stamps" >&2
	clip=$work/clip.h264 sound=$work/clip.ogg
	ffmpeg -v error -f lavfi -i 'testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t' -t 20 \
		-c:v libx264 -preset veryfast -profile:v baseline -pix_fmt yuv420p -bf 0 -g 60 -keyint_min 60 -sc_threshold 0 \
		-b:v 1200k -maxrate 1200k -bufsize 1200k -x264-params slices=1:repeat-headers=1 -f h264 "$clip"
	ffmpeg -v error -f lavfi -i 'sine=frequency=220:sample_rate=48000' -t 20 -c:a libopus -b:a 64k -page_duration 20000 "$sound"
fi

# Words to put before a command. Not functions: in the background a function is a shell of its own,
# and $! would be that shell instead of the server.
on_server=(env GOMAXPROCS=1 taskset -c 0)
on_robots=(taskset -c 1)

# field NAME: the value of a string or number in the JSON line on standard input.
field() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\1/p"; }

# wait_for FILE: until the server has printed its line.
wait_for() {
	for _ in $(seq 100); do
		[ -s "$1" ] && return
		sleep 0.1
	done
	echo "bench-media: the server did not start:" >&2
	cat "$out"/*.log >&2
	exit 1
}

start_baseline() {
	"${on_server[@]}" "$work/bin/baseline" >"$work/line" 2>"$out/baseline.log" &
	pid=$!
	wait_for "$work/line"
	at=(--whip "$(field whip <"$work/line")" --whep "$(field whep <"$work/line")" --metrics "$(field metrics <"$work/line")")
}

start_ours() {
	local metrics=127.0.0.1:9464
	"${on_server[@]}" "$server" demo --no-clip --no-orders --json --listen 127.0.0.1:0 --udp 127.0.0.1:0 --metrics "$metrics" >"$work/line" 2>"$out/ours.log" &
	pid=$!
	wait_for "$work/line"
	local url
	url=$(field url <<<"$(sed 's/,"rooms".*//' "$work/line")")
	at=(--whip "$(field whip_url <"$work/line")" --key "$(field stage_key <"$work/line")" --whep "$url/whep/hq" --metrics "http://$metrics/metrics")
	profile=http://$metrics/debug/pprof/profile
}

stop_server() {
	kill "$pid"
	wait "$pid" 2>/dev/null || true
	pid=''
	: >"$work/line"
}

# measure SERVER LABEL VIEWERS MORE…: one run against a fresh server; its result is in $last.
measure() {
	local name=$1 label=$2 viewers=$3
	shift 3
	echo "== $name: $label, $viewers viewers" >&2
	"start_$name"
	# shellcheck disable=SC2086 # $gro is a word or nothing
	last=$("${on_robots[@]}" "$crowd" "${at[@]}" --pid "$pid" --clip "$clip" --sound "$sound" --server "$name" --label "$label" \
		--viewers "$viewers" --ramp 100 --duration "${seconds}s" --json $gro "$@" 2>"$out/crowd.log") || {
		cat "$out/crowd.log" >&2
		last=''
	}
	stop_server
	[ -z "$last" ] || echo "$last" >>"$results"
}

# climb SERVER STEPS…: more and more viewers until two steps in a row do not hold. A step that fails
# is tried once more: on a shared machine it may have been somebody else.
climb() {
	local name=$1 failed=0 step
	shift
	for step in "$@"; do
		measure "$name" steady "$step"
		if [ -z "$quick" ] && ! grep -q '"holds":true' <<<"$last"; then
			measure "$name" steady "$step"
		fi
		if grep -q '"holds":true' <<<"$last"; then failed=0; else failed=$((failed + 1)); fi
		[ "$failed" -lt 2 ] || break
	done
}

# profile_ours: where the time goes while 400 watch, measured apart so that it disturbs no figure.
profile_ours() {
	echo "== ours: profile" >&2
	start_ours
	"${on_robots[@]}" "$crowd" "${at[@]}" --clip "$clip" --sound "$sound" --viewers 400 --ramp 100 --duration 8s $gro >/dev/null 2>&1 &
	local robots=$!
	sleep 11
	curl -sf "$profile?seconds=5" -o "$out/ours.pprof" || true
	wait "$robots" || true
	stop_server
}

began=$SECONDS
# shellcheck disable=SC2086 # lists of numbers
{
	climb baseline $baseline_steps
	climb ours $ours_steps
}
for step in $floor_steps; do
	echo "== floor: $step receivers" >&2
	"${on_server[@]}" "$crowd" floor --clip "$clip" --sound "$sound" --viewers "$step" --drain-core 1 --label steady \
		--duration "${seconds}s" --json $gro >>"$results"
done
for name in baseline ours; do
	measure "$name" storm 200
	if [ -n "$quick" ] && [ "$name" = baseline ]; then
		continue
	fi
	measure "$name" loss 50 --loss 10 --loss-rtp-only
	measure "$name" silent 25 --silent
	measure "$name" silent 100 --silent
done
[ -n "$quick" ] || profile_ours

echo "== $((SECONDS - began)) s; results in $out" >&2
printf '%s, %d cores, Linux %s, %s\n\n' "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n1)" "$(nproc)" "$(uname -r)" "$(go env GOVERSION)"
"$crowd" table "$results"
if [ -s "$out/ours.pprof" ]; then
	printf '\n```\n'
	go tool pprof -top -nodecount 25 "$server" "$out/ours.pprof" 2>/dev/null
	printf '```\n'
fi
