// Signing in: with name and password, or with the one-time link HQ sent.

import { useEffect, useState } from "preact/hooks";
import { t, tCode } from "../lib/i18n";
import { Button, Field, Icon, Spinner } from "../lib/ui";
import { type Answer, enter, post } from "./api";
import { Card } from "./card";

/** "link" while a one-time link is being redeemed, "refused" when it was not good. */
type Step = "form" | "link" | "refused";

export interface SignInProps {
  token: string;
  next: string;
}

/** SignIn is the page at /signin. */
export function SignIn({ token, next }: SignInProps) {
  const [step, setStep] = useState<Step>(token ? "link" : "form");
  const [refusal, setRefusal] = useState("");
  const redeem = async () => {
    setStep("link");
    const answer = await post("/api/signin/link", { token });
    if (!answer.code) return enter(answer.face, next);
    setRefusal(answer.code);
    setStep("refused");
  };
  useEffect(() => {
    if (token) void redeem();
  }, []);
  if (step === "link") {
    return (
      <Card title={t("account.signing_in")}>
        <Spinner label={t("account.one_moment")} />
      </Card>
    );
  }
  if (step === "refused") {
    return <Refused code={refusal} retry={redeem} toForm={() => setStep("form")} />;
  }
  return <PasswordForm next={next} />;
}

/** A link that did not work says which of the reasons it was, and what to do now. */
function Refused({ code, retry, toForm }: { code: string; retry(): void; toForm(): void }) {
  const passing = code === "offline" || code === "busy" || code === "rate_limited" || code === "internal";
  const known = code === "used_token" || code === "expired_token";
  const title = passing ? tCode(code) : t(known ? `account.link_${code}` : "account.link_bad_token");
  return (
    <Card title={title} icon="warn">
      <p class="lead" role="alert">
        {t(passing ? "account.link_passing" : "account.link_new")}
      </p>
      <div class="actions">
        {passing && (
          <Button kind="primary" class="is-wide" icon="retry" onClick={retry}>
            {t("ui.retry")}
          </Button>
        )}
        <Button class="is-wide" kind={passing ? "quiet" : "secondary"} onClick={toForm}>
          {t("account.with_password")}
        </Button>
      </div>
    </Card>
  );
}

function PasswordForm({ next }: { next: string }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const submit = async (e: Event) => {
    e.preventDefault();
    if (busy) return;
    if (!name.trim() || !password) return setFault(t("account.need_both"));
    setBusy(true);
    setFault("");
    const answer = await post("/api/signin", { name: name.trim(), password });
    if (!answer.code) return enter(answer.face, next);
    setFault(refusalText(answer));
    setBusy(false);
  };
  return (
    <Card title={t("account.sign_in")}>
      <form class="form" onSubmit={submit} noValidate>
        <Field
          label={t("account.name")}
          value={name}
          onInput={setName}
          name="username"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          autoFocus
          data-testid="signin-name"
        />
        <Field
          label={t("account.password")}
          value={password}
          onInput={setPassword}
          type="password"
          name="password"
          autocomplete="current-password"
          data-testid="signin-password"
        />
        {fault && (
          <p class="form-fault" role="alert">
            <Icon name="warn" />
            {fault}
          </p>
        )}
        <Button type="submit" kind="primary" class="is-wide" busy={busy} data-testid="signin-submit">
          {t("account.sign_in")}
        </Button>
      </form>
      <p class="card-note">{t("account.link_hint")}</p>
    </Card>
  );
}

function refusalText(answer: Answer): string {
  return answer.code === "unauthorized" ? t("account.wrong") : tCode(answer.code);
}
