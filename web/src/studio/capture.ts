// Camera and microphone of this page: what is chosen, what they deliver, how loud
// it is. Knows nothing of publishing; air.ts takes the stream from here.

import { signal } from "@preact/signals";

/** Why there is no picture or sound from this machine. */
export type CaptureError = "insecure" | "denied" | "none" | "in_use" | "lost" | "other";

/** "closed" until the operator asks for the devices. */
export type CaptureState = "closed" | "opening" | "open" | "error";

export const captureState = signal<CaptureState>("closed");
export const captureError = signal<CaptureError | null>(null);
export const stream = signal<MediaStream | null>(null);
export const cameras = signal<MediaDeviceInfo[]>([]);
export const microphones = signal<MediaDeviceInfo[]>([]);
/** Device ids in use; empty = the browser's default. */
export const cameraID = signal("");
export const microphoneID = signal("");
export const cameraOn = signal(true);
export const microphoneOn = signal(true);
/** 0…1, ten times a second while the microphone is open. */
export const level = signal(0);

/** 720p30 is what the viewers' phones show; more only costs upstream bandwidth. */
const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

let stopMeter = () => {};

/** Opens the chosen devices, or those already open when nothing changed. */
export async function openCapture(): Promise<MediaStream | null> {
  if (captureState.value === "open" && stream.value) return stream.value;
  if (!navigator.mediaDevices?.getUserMedia) return failed("insecure");
  captureState.value = "opening";
  captureError.value = null;
  try {
    adopt(await ask());
    await listDevices();
    return stream.value;
  } catch (err) {
    return failed(reason(err));
  }
}

/** Changes one device while open; the caller swaps the published tracks. */
export async function chooseDevice(kind: "camera" | "microphone", id: string): Promise<MediaStream | null> {
  (kind === "camera" ? cameraID : microphoneID).value = id;
  if (captureState.value !== "open") return stream.value;
  // Some cameras cannot be opened twice, so the old tracks stop first.
  release();
  captureState.value = "closed";
  return openCapture();
}

/** Gives camera and microphone back; the recording light goes out. */
export function closeCapture(): void {
  release();
  captureState.value = "closed";
  captureError.value = null;
}

/** Turns picture or sound off without giving the device back: viewers see black, hear nothing. */
export function enableTracks(kind: "camera" | "microphone", on: boolean): void {
  (kind === "camera" ? cameraOn : microphoneOn).value = on;
  applyEnabled();
}

/** Fills the lists; names are empty until the operator has allowed the devices once. */
export async function listDevices(): Promise<void> {
  if (!navigator.mediaDevices?.enumerateDevices) return;
  const all = await navigator.mediaDevices.enumerateDevices();
  cameras.value = all.filter((d) => d.kind === "videoinput");
  microphones.value = all.filter((d) => d.kind === "audioinput");
}

/** Keeps the lists right while devices are plugged and unplugged. */
export function watchDevices(): () => void {
  const media = navigator.mediaDevices;
  if (!media) return () => {};
  const changed = () => void listDevices();
  media.addEventListener("devicechange", changed);
  changed();
  return () => media.removeEventListener("devicechange", changed);
}

async function ask(): Promise<MediaStream> {
  const want: MediaStreamConstraints = {
    video: { ...video, ...exact(cameraID.value) },
    audio: { ...audio, ...exact(microphoneID.value) },
  };
  try {
    return await navigator.mediaDevices.getUserMedia(want);
  } catch (err) {
    // A machine without one of the two still publishes the other.
    if (reason(err) !== "none") throw err;
    const kind = cameras.value.length === 0 && microphones.value.length > 0 ? "audio" : "video";
    return navigator.mediaDevices.getUserMedia({ [kind]: want[kind] });
  }
}

function exact(id: string): MediaTrackConstraints {
  return id ? { deviceId: { exact: id } } : {};
}

function adopt(next: MediaStream): void {
  stream.value = next;
  captureState.value = "open";
  for (const track of next.getTracks()) {
    const id = track.getSettings().deviceId ?? "";
    (track.kind === "video" ? cameraID : microphoneID).value = id;
    // Movement before sharpness: where bits or cycles are short, encoders shrink the picture.
    if (track.kind === "video") track.contentHint = "motion";
    track.addEventListener("ended", () => {
      if (stream.value === next) failed("lost");
    });
  }
  applyEnabled();
  stopMeter = meter(next);
}

function applyEnabled(): void {
  for (const track of stream.value?.getVideoTracks() ?? []) track.enabled = cameraOn.value;
  for (const track of stream.value?.getAudioTracks() ?? []) track.enabled = microphoneOn.value;
}

function release(): void {
  stopMeter();
  stopMeter = () => {};
  const old = stream.value;
  stream.value = null;
  for (const track of old?.getTracks() ?? []) track.stop();
}

function failed(why: CaptureError): null {
  release();
  captureState.value = "error";
  captureError.value = why;
  return null;
}

function reason(err: unknown): CaptureError {
  switch (err instanceof DOMException ? err.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "none";
    case "NotReadableError":
    case "AbortError":
      return "in_use";
    default:
      return "other";
  }
}

/** Measures loudness of the local microphone only; what viewers hear never passes an AudioContext. */
function meter(of: MediaStream): () => void {
  if (of.getAudioTracks().length === 0) return () => {};
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(of).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const s of samples) sum += s * s;
    const decibel = 20 * Math.log10(Math.sqrt(sum / samples.length) + 1e-9);
    // −60 dB is silence, 0 dB is clipping.
    level.value = Math.min(1, Math.max(0, (decibel + 60) / 60));
  }, 100);
  return () => {
    clearInterval(timer);
    level.value = 0;
    void context.close();
  };
}
