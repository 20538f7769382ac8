// Things to carry elsewhere: links and keys with a button that copies them.

import { useId } from "preact/hooks";
import { t } from "../i18n";
import { Button, copyText } from "../ui";

export interface CopyFieldProps {
  label: string;
  value: string;
  hint?: string;
  testid?: string;
}

/** A read-only value; focus selects it whole, for browsers that keep the clipboard shut. */
export function CopyField({ label, value, hint, testid }: CopyFieldProps) {
  const id = useId();
  return (
    <div class="field copy-field">
      <label for={id}>{label}</label>
      <div class="copy-row">
        <input
          id={id}
          type="text"
          readOnly
          value={value}
          onFocus={(e) => e.currentTarget.select()}
          aria-describedby={hint ? `${id}-note` : undefined}
          data-testid={testid}
        />
        <Button icon="copy" onClick={() => void copyText(value)}>
          {t("work.copy")}
        </Button>
      </div>
      {hint && (
        <p id={`${id}-note`} class="field-hint">
          {hint}
        </p>
      )}
    </div>
  );
}

/** A link of the server as people send it: with scheme and host. */
export function absolute(link: string): string {
  return new URL(link, location.origin).href;
}
