// What browser.mjs adds to every page of a test.
interface Window {
  peers: RTCPeerConnection[];
  RTCPeerConnection: typeof RTCPeerConnection;
}
