// The desk's one socket.

import type { Socket } from "../lib/socket";
import { goLive } from "../lib/work/live";

/** The socket. */
export const socket: Socket = goLive("desk");
