#!/usr/bin/env bash
# Makes everything under cmd/shopcast/demo that is not text: the looping clip of
# the demo show (clip.h264, clip.ogg) and the product pictures (products/*.jpg).
# Needs ffmpeg with libx264, libopus and librsvg (Debian: apt-get install ffmpeg).
# The results are committed; run this only after changing a drawing or a number here.
set -euo pipefail
cd "$(dirname "$0")/.."

src=scripts/demo out=cmd/shopcast/demo
seconds=12 fps=25 gop=50      # the clip; every motion below has a period that divides it
video_bps=580000              # average; a key frame may borrow at most half a second of it

command -v ffmpeg >/dev/null || { echo "make-demo-assets: ffmpeg is missing (apt-get install ffmpeg)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ff() { ffmpeg -hide_banner -loglevel error -y "$@"; }

# layer NAME WIDTH: an SVG of the clip at twice its size, so that turning it stays smooth.
# librsvg hands out colours multiplied by their alpha; the overlay filter wants them plain.
layers=()
layer() {
	ff -width "$2" -keep_ar 1 -i "$src/clip/$1.svg" -frames:v 1 -vf format=gbrap,unpremultiply=inplace=1,format=rgba "$work/$1.png"
	layers+=(-loop 1 -framerate "$fps" -t "$seconds" -i "$work/$1.png")
}

make_video() {
	layer backdrop 1080; layer hand 200; layer torso 1080; layer head 640
	layer eyes-open 640; layer eyes-shut 640; layer mouth-smile 640; layer mouth-talk 640
	layer arm 1360; layer table 1080; layer glow 1400
	# Speech comes in phrases: the mouth moves fast, but only while the slow wave is up.
	local talk='gt(sin(2*PI*t*3.5)+0.6*sin(2*PI*t*2.25),0.15)*gt(sin(2*PI*t/4)+0.7,0)'
	local blink='lt(mod(t+0.9,4),0.13)+lt(mod(t+2.4,6),0.13)'
	local breath='6*sin(2*PI*t/4)'
	local graph="
		[1]rotate='2*PI*t/$seconds':c=none:bilinear=1[hand];
		[3][4]overlay=enable='not($blink)'[h1]; [h1][5]overlay=enable='$blink'[h2];
		[h2][6]overlay=enable='not($talk)'[h3]; [h3][7]overlay=enable='$talk'[h4];
		[h4]pad=iw:920:0:0:color=black@0,rotate='0.045*sin(2*PI*t/6)+0.02*sin(2*PI*t/3+1)':c=none[head];
		[8]rotate='0.13*sin(2*PI*t/6+0.6)+0.05*sin(2*PI*t/2)':c=none[arm];
		[0][hand]overlay=772:324[s1];
		[s1][10]overlay=x='-500+260*sin(2*PI*t/12)':y='-360+160*cos(2*PI*t/12)'[s2];
		[s2][2]overlay=x=0:y='$breath'[s3];
		[s3][head]overlay=x='220+5*sin(2*PI*t/6)':y='430+1.4*($breath)'[s4];
		[s4][9]overlay[s5];
		[s5][arm]overlay=x=80:y='620+$breath'[s6];
		[s6]scale=540:960:flags=area,noise=c0s=3:c0f=t,format=yuv420p[v]"
	local x264="keyint=$gop:min-keyint=$gop:scenecut=0:open-gop=0:repeat-headers=1:bframes=0:slices=1:sliced-threads=0"
	local pass
	for pass in 1 2; do
		ff "${layers[@]}" -filter_complex "$graph" -map '[v]' -r "$fps" -frames:v $((seconds * fps)) \
			-c:v libx264 -preset veryslow -tune animation -profile:v baseline -level:v 3.1 -pix_fmt yuv420p \
			-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv \
			-b:v "$video_bps" -maxrate 900000 -bufsize 450000 -x264-params "$x264" \
			-pass "$pass" -passlogfile "$work/x264" \
			-bsf:v 'filter_units=remove_types=6' -f h264 "$([ "$pass" = 2 ] && echo "$out/clip.h264" || echo /dev/null)"
	done
}

# note FREQUENCY START GAIN DECAY: a plucked sine that starts at START and rings on
# across the loop's seam, as its time is taken modulo the clip's length.
note() { printf '+%s*min(mod(t-%s+%s,%s)*60,1)*exp(-mod(t-%s+%s,%s)*%s)*sin(2*PI*%s*mod(t-%s+%s,%s))' \
	"$3" "$2" "$seconds" "$seconds" "$2" "$seconds" "$seconds" "$4" "$1" "$2" "$seconds" "$seconds"; }
# pad FREQUENCY START: a sine that swells and fades over 4 s, into the next chord.
pad() { printf '+0.035*pow(sin(PI*min(mod(t-%s+%s,%s)/4,1)),2)*(sin(2*PI*%s*t)+0.3*sin(4*PI*%s*t))' \
	"$2" "$seconds" "$seconds" "$1" "$1"; }

# Four chords of three seconds (C, A minor, F, G; all with soft added notes) under a slow arpeggio.
# The right ear hears the arpeggio a little later and softer, which is the whole room.
make_audio() {
	local left='' right='' chord=0 line at i f
	while read -r line; do
		at=$((chord * 3)); i=0
		for f in $line; do
			if [ "$i" -lt 4 ]; then
				left+=$(pad "$f" "$at"); right+=$(pad "$(awk "BEGIN{print $f+0.25}")" "$at")
			else
				at=$(awk "BEGIN{print $chord*3+($i-4)*0.75}")
				left+=$(note "$f" "$at" 0.075 2.6); right+=$(note "$f" "$(awk "BEGIN{print $at+0.02}")" 0.06 2.4)
			fi
			i=$((i + 1))
		done
		chord=$((chord + 1))
	done <<-CHORDS
		130.75 196 329.75 392 523.25 659.25 784 987.75
		110 220 261.75 329.75 440 523.25 659.25 784
		87.25 174.5 261.75 349.25 523.25 698.5 659.25 440
		98 196 293.75 392 587.25 493.75 440 392
	CHORDS
	# Three rounds are encoded and the middle one is kept, so that the coder's state
	# at the end fits its state at the start. One packet per page: simple to read.
	ff -f lavfi -i "aevalsrc=exprs='0$left|0$right':s=48000:d=$((seconds * 3))" \
		-af 'lowpass=f=3200,aecho=0.9:0.7:90|170:0.22|0.14,volume=2.2dB,alimiter=limit=0.7' \
		-c:a libopus -b:a 48000 -vbr constrained -application audio -frame_duration 20 "$work/long.ogg"
	ff -ss "$seconds" -i "$work/long.ogg" -frames:a $((seconds * 50)) -c copy -map_metadata -1 -fflags +bitexact -page_duration 20000 "$out/clip.ogg"
}

# The product pictures: every drawing gets the shared light and letters put in, then becomes a JPEG.
make_pictures() {
	local svg
	for svg in "$src"/products/*.svg; do
		sed -e "/<!--common-->/{r $src/products/common.svgfrag" -e 'd}' "$svg" >"$work/product.svg"
		ff -width 1600 -keep_ar 1 -i "$work/product.svg" -frames:v 1 \
			-vf 'scale=800:800:flags=area,noise=c0s=2:c0f=u,format=yuvj420p' -q:v 3 -map_metadata -1 -fflags +bitexact \
			"$out/products/$(basename "$svg" .svg).jpg"
	done
}

# report prints what a publisher will rely on, and fails when it does not hold.
report() {
	local video packets
	video=$(ffprobe -v error -count_frames -show_entries stream=profile,has_b_frames,nb_read_frames -of csv=p=0 "$out/clip.h264")
	packets=$(ffprobe -v error -count_packets -show_entries stream=nb_read_packets -of csv=p=0 "$out/clip.ogg")
	echo "clip.h264: $video ($(stat -c %s "$out/clip.h264") bytes); clip.ogg: $packets packets ($(stat -c %s "$out/clip.ogg") bytes)"
	[ "$video" = "Constrained Baseline,0,$((seconds * fps))" ] && [ "$packets" = $((seconds * 50)) ] ||
		{ echo "make-demo-assets: the clip is not what it must be" >&2; exit 1; }
}

mkdir -p "$out/products"
[ $# -gt 0 ] || set -- pictures audio video
for part in "$@"; do "make_$part"; done # make-demo-assets.sh [pictures] [audio] [video]
report
