// A question in a small dialog before something that others will notice.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { t } from "../lib/i18n";
import { Button, Sheet } from "../lib/ui";
import type { Command } from "../lib/work/command";

export interface ConfirmProps {
  open: boolean;
  onClose(): void;
  onSure(): void;
  title: string;
  command: Command;
  /** What the button does; it says what is about to happen. */
  word: string;
  /** What the other button says; default: cancel. */
  keep?: string;
  danger?: boolean;
  disabled?: boolean;
  testid: string;
  /** The question, and the fields it needs. */
  children: ComponentChildren;
}

/** Confirm shows the refusal in place, so that nothing typed is lost. */
export function Confirm(p: ConfirmProps) {
  const form = useId();
  const submit = (e: Event) => {
    e.preventDefault();
    if (!p.disabled && !p.command.busy) p.onSure();
  };
  const footer = (
    <>
      <Button onClick={p.onClose}>{p.keep ?? t("ui.cancel")}</Button>
      <Button
        type="submit"
        form={form}
        kind={p.danger ? "danger" : "primary"}
        busy={p.command.busy}
        disabled={p.disabled ?? false}
        data-testid={p.testid}
      >
        {p.word}
      </Button>
    </>
  );
  return (
    <Sheet open={p.open} onClose={p.onClose} title={p.title} footer={footer} class="is-narrow">
      <form id={form} class="form" onSubmit={submit} noValidate>
        {p.children}
        {p.command.error && (
          <p class="field-error" role="alert">
            {p.command.error}
          </p>
        )}
      </form>
    </Sheet>
  );
}
