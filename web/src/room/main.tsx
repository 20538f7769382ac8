// Takes the room over from the server's shell once its words are there.
import "../styles/base.css";
import "./room.css";
import "./stage.css";
import "./picture.css";
import "./chat.css";
import "./shop.css";
import "./checkout.css";
import { render } from "preact";
import { readBoot } from "../lib/boot";
import { startI18n } from "../lib/i18n";
import { resumeCheckout } from "./checkout";
import { Page } from "./page";

await startI18n(readBoot().lang, {
  en: () => import("locale:room/en"),
  "zh-CN": () => import("locale:room/zh-CN"),
});
const app = document.getElementById("app");
if (app) {
  app.replaceChildren(); // the shell is not ours to hydrate
  render(<Page />, app);
}
resumeCheckout();
