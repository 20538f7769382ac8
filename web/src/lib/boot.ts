// What the server wrote into the page as <script type="application/json" id="boot">.
// The content security policy allows no inline script, so data is all a shell may carry.
import type { BrandInfo, Product, ShowInfo } from "./protocol";

export type Lang = "en" | "zh-CN";

/** The data island of every page. A face fills in what it has; the rest keeps its empty form. */
export interface Boot {
  face: string;
  lang: Lang;
  /** Signed visit ticket of a room page; goes into hello. */
  ticket: string;
  /** Room token of the link; POST /visit turns it into a fresh ticket. */
  token: string;
  room: { slug: string; name: string; distributor: string };
  brand: BrandInfo;
  show: ShowInfo;
  products: Product[];
}

const empty: Boot = {
  face: "",
  lang: "en",
  ticket: "",
  token: "",
  room: { slug: "", name: "", distributor: "" },
  brand: { name: "", currency: "CNY", exponent: 2, providers: [] },
  show: { id: "", title: "", state: "draft", started_ms: 0, ended_ms: 0, pinned: "" },
  products: [],
};

/** boot is the page's data island, read once. T adds a face's own fields. */
export function readBoot<T extends object = object>(): Boot & Partial<T> {
  const text = globalThis.document?.getElementById("boot")?.textContent ?? "{}";
  const given = JSON.parse(text) as Partial<Boot> & Partial<T>;
  return {
    ...empty,
    ...given,
    lang: given.lang === "zh-CN" ? "zh-CN" : "en",
    room: { ...empty.room, ...given.room },
    brand: { ...empty.brand, ...given.brand },
    show: { ...empty.show, ...given.show },
  };
}
