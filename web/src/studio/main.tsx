// The studio: where HQ runs the show.

import "./studio.css";
import { render } from "preact";
import { readBoot } from "../lib/boot";
import { startI18n } from "../lib/i18n";
import { Toasts } from "../lib/ui";
import { Connection } from "../lib/work/connection";
import { brand } from "../lib/work/live";
import { TopBar } from "./bar";
import { Rundown } from "./rundown";
import { Side } from "./side";
import { Stage } from "./stage";
import { socket } from "./wire";

function Studio() {
  return (
    <div class="studio">
      <TopBar />
      <Connection socket={socket} />
      <main class="floor">
        <Rundown />
        <Stage />
        <Side />
      </main>
      <Toasts />
    </div>
  );
}

const boot = readBoot();
if (!brand.value.name) brand.value = boot.brand;
await startI18n(boot.lang, {
  en: () => import("locale:studio/en"),
  "zh-CN": () => import("locale:studio/zh-CN"),
});
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<Studio />, root);
}
