// The pages that work without a script (payment, landing, errors). All this adds:
// the time left to pay, and no second press of a button that was pressed.

import "./pay.css";

const clock = document.querySelector<HTMLTimeElement>("time[data-pay-by]");
const until = Number(clock?.dataset.payBy ?? 0);
if (clock && until > 0) {
  const tick = () => {
    const seconds = Math.max(0, Math.floor((until - Date.now()) / 1000));
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  tick();
  setInterval(tick, 1000);
}

const forms = document.querySelectorAll("form");
for (const form of forms) {
  form.addEventListener("submit", (e) => {
    // Marked, not disabled: a disabled button would not send its own name and value.
    if (form.ariaBusy === "true") e.preventDefault();
    form.ariaBusy = "true";
  });
}
// Back from the next page, out of the browser's memory: the buttons work again.
addEventListener("pageshow", () => {
  for (const form of forms) form.ariaBusy = null;
});
