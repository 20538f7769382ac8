// Sign-in and set-up: one entry, the page is chosen by the boot's face.

import "./account.css";
import { render } from "preact";
import { readBoot } from "../lib/boot";
import { startI18n } from "../lib/i18n";
import { takeToken } from "./api";
import { Setup } from "./setup";
import { SignIn } from "./signin";

const boot = readBoot<{ next: string }>();
const token = takeToken();
await startI18n(boot.lang, {
  en: () => import("locale:account/en"),
  "zh-CN": () => import("locale:account/zh-CN"),
});
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(
    boot.face === "setup" ? <Setup token={token} /> : <SignIn token={token} next={boot.next ?? ""} />,
    root,
  );
}
