// The first run: who the brand is and who may open the studio.

import { useState } from "preact/hooks";
import { focusFault } from "../lib/focus";
import { lang, t, tCode } from "../lib/i18n";
import { Button, Field, Icon } from "../lib/ui";
import { type Answer, enter, post } from "./api";
import { Card } from "./card";

/** Currencies on offer; the server knows the digits of each. */
const currencies = [
  "CNY",
  "USD",
  "EUR",
  "GBP",
  "HKD",
  "TWD",
  "JPY",
  "KRW",
  "SGD",
  "MYR",
  "THB",
  "VND",
  "IDR",
  "PHP",
  "INR",
  "AUD",
  "CAD",
  "CHF",
  "BRL",
  "MXN",
];
const minPassword = 10;

interface Draft {
  brand: string;
  currency: string;
  name: string;
  password: string;
}
type Faults = Partial<Record<keyof Draft, string>>;

/** Setup is the page at /setup. */
export function Setup({ token }: { token: string }) {
  const [refused, setRefused] = useState(token ? "" : "bad_token");
  if (refused) {
    const known = refused === "used_token" || refused === "expired_token";
    return (
      <Card title={t(known ? `account.link_${refused}` : "account.setup_link_bad")} icon="warn">
        <p class="lead" role="alert">
          {t("account.setup_link_new")}
        </p>
        <pre class="command">shopcast admin setup-link</pre>
        <p class="card-note">
          <a href="/signin">{t("account.setup_done_already")}</a>
        </p>
      </Card>
    );
  }
  return (
    <Card title={t("account.setup_title")}>
      <p class="lead">{t("account.setup_text")}</p>
      <SetupForm token={token} onRefused={setRefused} />
    </Card>
  );
}

function SetupForm({ token, onRefused }: { token: string; onRefused(code: string): void }) {
  const [draft, setDraft] = useState<Draft>(() => ({
    brand: "",
    currency: homeCurrency(),
    name: "",
    password: "",
  }));
  const [faults, setFaults] = useState<Faults>({});
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const set = (part: Partial<Draft>) => {
    setDraft((d) => ({ ...d, ...part }));
    // A complaint goes as soon as it is answered, not only at the next try.
    setFaults((f) => Object.fromEntries(Object.entries(f).filter(([k]) => !(k in part))));
  };
  const submit = async (e: Event) => {
    e.preventDefault();
    const wrong = check(draft);
    setFaults(wrong);
    focusFault(e.currentTarget);
    if (busy || Object.keys(wrong).length > 0) return;
    setBusy(true);
    setFault("");
    const answer = await post("/api/setup", { token, ...trimmed(draft) });
    if (!answer.code) return enter("studio", "");
    setBusy(false);
    judge(answer, onRefused, setFaults, setFault);
  };
  return (
    <form class="form" onSubmit={submit} noValidate>
      <Fields draft={draft} faults={faults} set={set} />
      {fault && (
        <p class="form-fault" role="alert">
          <Icon name="warn" />
          {fault}
        </p>
      )}
      <Button type="submit" kind="primary" class="is-wide" busy={busy} data-testid="setup-submit">
        {t("account.setup_submit")}
      </Button>
    </form>
  );
}

function Fields({ draft, faults, set }: { draft: Draft; faults: Faults; set(part: Partial<Draft>): void }) {
  return (
    <>
      <Field
        label={t("account.brand")}
        hint={t("account.brand_hint")}
        value={draft.brand}
        onInput={(brand) => set({ brand })}
        error={faults.brand}
        autocomplete="organization"
        maxLength={80}
        autoFocus
        data-testid="setup-brand"
      />
      <Currency value={draft.currency} onChange={(currency) => set({ currency })} error={faults.currency} />
      <Field
        label={t("account.your_name")}
        hint={t("account.your_name_hint")}
        value={draft.name}
        onInput={(name) => set({ name })}
        error={faults.name}
        name="username"
        autocomplete="username"
        maxLength={80}
        data-testid="setup-name"
      />
      <Field
        label={t("account.password")}
        hint={t("account.password_hint", { n: minPassword })}
        value={draft.password}
        onInput={(password) => set({ password })}
        error={faults.password}
        type="password"
        name="password"
        autocomplete="new-password"
        data-testid="setup-password"
      />
    </>
  );
}

function Currency({
  value,
  onChange,
  error,
}: {
  value: string;
  onChange(v: string): void;
  error: string | undefined;
}) {
  const names = new Intl.DisplayNames(lang.value, { type: "currency" });
  return (
    <div class="field">
      <label for="currency">{t("account.currency")}</label>
      <div class="field-box">
        <select
          id="currency"
          value={value}
          onChange={(e) => onChange(e.currentTarget.value)}
          aria-describedby="currency-note"
          data-testid="setup-currency"
        >
          {currencies.map((code) => (
            <option key={code} value={code}>
              {`${code} · ${names.of(code) ?? code}`}
            </option>
          ))}
        </select>
      </div>
      <p id="currency-note" class={error ? "field-error" : "field-hint"}>
        {error || t("account.currency_hint")}
      </p>
    </div>
  );
}

function homeCurrency(): string {
  return lang.value === "zh-CN" ? "CNY" : "USD";
}

function trimmed(d: Draft): Draft {
  return { ...d, brand: d.brand.trim(), name: d.name.trim() };
}

function check(d: Draft): Faults {
  return {
    ...(!d.brand.trim() && { brand: t("account.need_brand") }),
    ...(!d.name.trim() && { name: t("account.need_name") }),
    ...(Array.from(d.password).length < minPassword && {
      password: t("account.need_password", { n: minPassword }),
    }),
  };
}

/** A dead link ends the form; a named field is told in place; the rest at the foot. */
function judge(
  answer: Answer,
  onRefused: (code: string) => void,
  setFaults: (f: Faults) => void,
  setFault: (text: string) => void,
): void {
  if (["bad_token", "expired_token", "used_token"].includes(answer.code)) return onRefused(answer.code);
  if (["brand", "currency", "name", "password"].includes(answer.field)) {
    return setFaults({ [answer.field]: tCode(answer.code) });
  }
  setFault(tCode(answer.code));
}
