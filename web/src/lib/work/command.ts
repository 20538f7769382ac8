// How a page where people work gives a command: busy while it runs, its refusal in
// the words of the page.

import { useState } from "preact/hooks";
import { tCode } from "../i18n";
import { CallError } from "../socket";
import { toast } from "../ui";

/** What went wrong, in the page's language. */
export function faultText(err: unknown): string {
  return tCode(err instanceof CallError ? err.code : "internal");
}

/** A command in a component: run it, see whether it is busy and what was wrong last time. */
export interface Command {
  busy: boolean;
  /** For a line in place, e.g. at the foot of a form; "" = fine. */
  error: string;
  /** The field the server named, "" when none. */
  field: string;
  /** Answers true when the command succeeded. */
  run(work: () => Promise<unknown>): Promise<boolean>;
  clear(): void;
}

/** One command of a component. With `quiet` the refusal is shown in place only, else also as a toast. */
export function useCommand(options: { quiet?: boolean } = {}): Command {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState({ error: "", field: "" });
  return {
    busy,
    ...failed,
    clear: () => setFailed({ error: "", field: "" }),
    async run(work) {
      setBusy(true);
      setFailed({ error: "", field: "" });
      try {
        await work();
        return true;
      } catch (err) {
        const error = faultText(err);
        setFailed({ error, field: err instanceof CallError ? err.field : "" });
        if (!options.quiet) toast(error, "bad");
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
