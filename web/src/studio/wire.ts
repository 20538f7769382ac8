// The studio's one socket and one player, made once at the start.

import { serverNow } from "../lib/clock";
import { createPlayer, type Player } from "../lib/player";
import type { Socket } from "../lib/socket";
import { goLive, stage } from "../lib/work/live";
import { setupAir, stageChanged } from "./air";

/** The socket. */
export const socket: Socket = goLive("studio", {
  onWelcome: (w) => {
    player.onWelcome(w.stage);
    stageChanged(w.stage);
  },
  onPush: (m) => {
    player.onPush(m);
    if (m.t === "stage") stageChanged(m.d);
  },
});

/** What viewers see. */
export const player: Player = createPlayer(socket);

setupAir({
  endpoint: "/whip",
  ticket: async (takeOver) =>
    (await socket.call("stage.ticket", { take_over: takeOver }, { timeoutMs: 8000 })).bearer,
  stage: () => stage.value,
  serverNow,
});
