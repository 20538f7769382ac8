// Inline icons, drawn on a 24-unit grid with currentColor; decorative, so the
// control that holds one carries the words.
const paths = {
  bag: "M6.5 8h11l1 12h-13zM9 8V6.5a3 3 0 0 1 6 0V8",
  back: "M14.5 5.5 8 12l6.5 6.5",
  camera:
    "M3.5 8.5a1 1 0 0 1 1-1h3l1.5-2h6l1.5 2h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1zM12 16a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z",
  chat: "M4.5 6.5h15v10h-8l-4 3v-3h-3z",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "m6 6 12 12M18 6 6 18",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.5V12l3 2.5",
  copy: "M8.5 8.5V5h10.5v10.5h-3.5M5 8.5h10.5V19H5z",
  down: "m6 9.5 6 6 6-6",
  edit: "M5 19v-3.5L15.5 5 19 8.5 8.5 19z",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z",
  globe:
    "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM3.5 12h17M12 3.5c2.6 2.4 3.6 5.2 3.6 8.5s-1 6.1-3.6 8.5c-2.6-2.4-3.6-5.2-3.6-8.5s1-6.1 3.6-8.5z",
  image: "M4 5.5h16v13H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 10.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4z",
  key: "M8 15.5a3.5 3.5 0 1 1 3.3-4.7H20v3h-2.5V16h-3v-2.2h-3.2A3.5 3.5 0 0 1 8 15.5z",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  mic: "M12 14.5a3 3 0 0 0 3-3v-5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21",
  minus: "M5.5 12h13",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  muted: "M4 9.5h3.5L12 5.5v13l-4.5-4H4zM16 9.5l5 5M21 9.5l-5 5",
  pin: "M9 4h6l-.8 6 3.3 3.5h-11L9.8 10zM12 13.5V20.5",
  plus: "M12 5.5v13M5.5 12h13",
  qr: "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM13.5 13.5h2.5v2.5M19.5 13.5v2M13.5 19.5h2M18 18h1.5v1.5",
  receipt: "M6 4h12v16.5l-3-2-3 2-3-2-3 2zM9 9h6M9 12.5h6",
  retry: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4.5h-4.5",
  send: "M4.5 12 20 4.5 14.5 20l-3-6.5z",
  share: "M12 15V4.5M8 8l4-3.8L16 8M5.5 12v7.5h13V12",
  signout: "M13 4.5H5.5v15H13M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5",
  sound: "M4 9.5h3.5L12 5.5v13l-4.5-4H4zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  stop: "M6.5 6.5h11v11h-11z",
  trash: "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7",
  tune: "M4 8h8.5M17.5 8H20M15 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM4 16h2.5M11.5 16H20M9 18.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  user: "M12 12a3.8 3.8 0 1 0 0-7.6 3.8 3.8 0 0 0 0 7.6zM4.5 20c.6-3.6 3.6-5.5 7.5-5.5s6.9 1.9 7.5 5.5",
  warn: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2h.01",
} as const;

export type IconName = keyof typeof paths;

/** Icon draws one glyph at 1.25 em, or at the font size its parent sets. */
export function Icon({ name, class: extra = "" }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${extra}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
