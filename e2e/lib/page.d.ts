// What browser.mjs, peer.mjs and watch.mjs add to the pages of a test.
interface Window {
  peers: RTCPeerConnection[];
  RTCPeerConnection: typeof RTCPeerConnection;
  kept: {
    peer: RTCPeerConnection;
    videoSSRC(): Promise<number | undefined>;
    ssrc: number | undefined;
    negotiations: number;
  };
  noted: { at: number; width: number }[];
  gallery: {
    join(slug: string, moment?: { veteran: number; afterKeyMs: number }): Promise<import("./watch.mjs").Join>;
    leave(index: number): Promise<void>;
    behindMs(index: number, veteran: number): number;
    stats(index: number): Promise<{
      codec: string;
      ssrc: number;
      keys: number;
      decoded: number;
      dropped: number;
      freezes: number;
      frozenMs: number;
      plis: number;
      nacks: number;
    }>;
  };
}
