// The desk: a distributor's own room, orders and commission, on their phone.

import "./desk.css";
import { render } from "preact";
import { readBoot } from "../lib/boot";
import { startI18n, t } from "../lib/i18n";
import { Spinner, Toasts } from "../lib/ui";
import { Connection } from "../lib/work/connection";
import { brand, ready } from "../lib/work/live";
import { DeskChat } from "./chat";
import { Head } from "./head";
import { Orders } from "./orders";
import { RoomCard } from "./room";
import { Sums } from "./sums";
import { socket } from "./wire";

function Desk() {
  return (
    <div class="desk">
      <Head />
      <Connection socket={socket} />
      {ready.value ? (
        <main class="desk-grid">
          <div class="desk-lead">
            <Sums />
            <RoomCard />
            <a class="desk-export" href="/desk/export">
              {t("desk.export")}
            </a>
          </div>
          <Orders />
          <DeskChat />
        </main>
      ) : (
        <Spinner label={t("work.loading")} />
      )}
      <Toasts />
    </div>
  );
}

const boot = readBoot();
if (!brand.value.name) brand.value = boot.brand;
await startI18n(boot.lang, {
  en: () => import("locale:desk/en"),
  "zh-CN": () => import("locale:desk/zh-CN"),
});
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<Desk />, root);
}
