// A WHIP publisher inside a page: a moving canvas and a tone, as a small encoder would send.

/**
 * Publishes from the page and answers with the server's status. The page must be on
 * the server's origin, because its CSP lets it talk to no other.
 * @param {import("playwright-core").Page} page
 * @param {{whip_url: string, stage_key: string}} to
 * @param {{width: number, height: number}} size
 * @param {{codec?: "H264" | "VP8", standby?: boolean}} [options]
 */
export function publish(page, to, size, { codec = "H264", standby = false } = {}) {
  return page.evaluate(
    async ({ to, size, codec, standby }) => {
      const canvas = Object.assign(document.createElement("canvas"), size);
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      let n = 0;
      setInterval(() => {
        context.fillStyle = `hsl(${(n * 4) % 360} 60% 50%)`;
        context.fillRect(0, 0, size.width, size.height);
        context.fillStyle = "white";
        context.fillRect((n++ * 5) % size.width, 20, 40, 40);
      }, 40);
      const sound = new AudioContext();
      const tone = sound.createOscillator();
      const sink = sound.createMediaStreamDestination();
      tone.connect(sink);
      tone.start();

      const peer = new RTCPeerConnection();
      const video = peer.addTransceiver(canvas.captureStream(25).getVideoTracks()[0], {
        direction: "sendonly",
      });
      const wanted =
        RTCRtpSender.getCapabilities("video")?.codecs.filter((c) => c.mimeType === `video/${codec}`) ?? [];
      if (wanted.length > 0) video.setCodecPreferences(wanted);
      peer.addTransceiver(sink.stream.getAudioTracks()[0], { direction: "sendonly" });
      await peer.setLocalDescription();
      await new Promise((resolve) => {
        if (peer.iceGatheringState === "complete") return resolve(undefined);
        peer.addEventListener("icegatheringstatechange", () => {
          if (peer.iceGatheringState === "complete") resolve(undefined);
        });
      });
      const answer = await fetch(new URL(to.whip_url).pathname + (standby ? "?standby=1" : ""), {
        method: "POST",
        headers: { "content-type": "application/sdp", authorization: `Bearer ${to.stage_key}` },
        body: peer.localDescription?.sdp,
      });
      const text = await answer.text();
      if (answer.status === 201) await peer.setRemoteDescription({ type: "answer", sdp: text });
      return { status: answer.status, location: answer.headers.get("location"), text };
    },
    { to: { whip_url: to.whip_url, stage_key: to.stage_key }, size, codec, standby },
  );
}
