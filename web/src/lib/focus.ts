/** focusFault puts the focus on the first input of a form that is marked wrong, once it is drawn. */
export function focusFault(form: EventTarget | null): void {
  requestAnimationFrame(() => {
    if (form instanceof HTMLFormElement) form.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  });
}
