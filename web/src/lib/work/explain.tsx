// "Why is this order theirs?": the way from the first visit to the money, one step
// after another, in the words of the page.

import { useEffect, useState } from "preact/hooks";
import { formatDateTime, formatPercent, shortOrder, t } from "../i18n";
import { formatMoney } from "../money";
import type { Explanation, Order, Step } from "../protocol";
import type { Socket } from "../socket";
import { Button, Icon, type IconName, Spinner } from "../ui";
import { faultText } from "./command";
import { providerName } from "./order";

/** Why tells the chain of an order, and tells it anew when the order changes. */
export function Why({ order, socket }: { order: Order; socket: Socket }) {
  const [told, setTold] = useState<Explanation | null>(null);
  const [fault, setFault] = useState("");
  const [again, setAgain] = useState(0);
  useEffect(() => {
    let current = true;
    setFault("");
    socket.call("order.explain", { id: order.id }).then(
      (answer) => current && setTold(answer),
      (err) => current && setFault(faultText(err)),
    );
    return () => {
      current = false;
    };
  }, [order, again]);
  if (told) return <Timeline of={told} />;
  if (!fault) return <Spinner label={t("work.loading")} />;
  return (
    <p class="field-error" role="alert">
      {fault}{" "}
      <Button size="small" onClick={() => setAgain(again + 1)}>
        {t("ui.retry")}
      </Button>
    </p>
  );
}

function Timeline({ of }: { of: Explanation }) {
  return (
    <>
      <p class="why-short">
        <strong>{whom(of.distributor)}</strong> <span>{reasonText(of.reason)}</span>
      </p>
      <ol class="steps" data-testid="explain">
        {of.steps.map((step, i) => (
          <StepRow key={i} step={step} later={step.at !== of.steps[i - 1]?.at} />
        ))}
      </ol>
    </>
  );
}

function StepRow({ step, later }: { step: Step; later: boolean }) {
  const note = noteOf(step);
  return (
    <li class={`step is-${step.kind}`} data-kind={step.kind} data-sharer={step.sharer}>
      <Icon name={icons[step.kind] ?? "check"} />
      <div>
        {later && <time dateTime={new Date(step.at).toISOString()}>{formatDateTime(step.at)}</time>}
        <p>{sentenceOf(step)}</p>
        {note && <small>{note}</small>}
      </div>
    </li>
  );
}

const icons: Record<string, IconName> = {
  touch: "eye",
  bound: "link",
  unbound: "close",
  placed: "bag",
  rate: "tune",
  paid: "check",
  referral: "share",
  shipped: "send",
  delivered: "check",
  vests: "clock",
  refund: "back",
  held: "stop",
  corrected: "edit",
  entry: "receipt",
  parked_money: "warn",
};

const whom = (name: string | undefined) => name || t("work.hq");
const amountOf = (s: Step) => formatMoney(s.amount_minor ?? 0);

/** Sharers have no names: HQ and distributors know them by the end of their number. */
const sharerName = (id: string) => t("work.sharer", { number: shortOrder(id) });

/** Who a step's money is for. */
function partyOf(s: Step): string {
  if (s.party?.startsWith("shr_")) return sharerName(s.party);
  return s.distributor || s.party || t("work.hq");
}

function sentenceOf(s: Step): string {
  const words = {
    room: s.room ?? "",
    name: whom(s.distributor),
    party: partyOf(s),
    amount: amountOf(s),
    title: s.title ?? "",
    what: s.why ?? "",
    date: s.until ? formatDateTime(s.until) : "",
  };
  switch (s.kind) {
    case "touch":
      return t(words.room.includes(s.distributor ?? "") ? "work.step_touch_room" : "work.step_touch", words);
    case "bound":
      return t(s.until ? "work.step_bound" : "work.step_bound_ever", words);
    case "paid":
      return t("work.step_paid", { ...words, what: providerName(s.why ?? "") });
    case "referral":
      return t(s.amount_minor ? "work.step_referral" : "work.step_referral_none", {
        party: sharerName(s.sharer ?? ""),
        amount: words.amount,
      });
    case "entry":
      return t(`work.entry_${known(entries, s.why)}`, words);
    case "parked_money":
    case "unbound":
    case "placed":
    case "rate":
    case "shipped":
    case "delivered":
    case "vests":
    case "refund":
    case "held":
    case "corrected":
      return t(`work.step_${s.kind}`, words);
    default:
      return s.kind; // a newer server's; better its word than nothing
  }
}

/** The small print of a step: by which rule, through whom, into which account. */
function noteOf(s: Step): string {
  switch (s.kind) {
    case "touch":
      return joined(s.sharer && t("work.by_sharer", { sharer: sharerName(s.sharer) }), tokenText(s.token));
    case "bound":
      return t(s.stage === "customer" ? "work.stage_customer" : "work.stage_touch");
    case "unbound":
      return t(`work.end_${known(endings, s.why)}`);
    case "placed":
      return joined(
        t("work.belongs", { name: whom(s.distributor) }),
        reasonText(s.why ?? ""),
        s.sharer && t("work.by_sharer", { sharer: sharerName(s.sharer) }),
      );
    case "rate":
      return joined(rateText(s), t(s.rule ? "work.by_rule" : "work.by_own_rate"));
    case "referral":
      return s.amount_minor ? "" : t(`work.reject_${known(rejections, s.why)}`);
    case "refund":
      return s.why ?? "";
    case "entry":
      return t(`work.account_${known(accounts, s.account)}`);
    default:
      return "";
  }
}

function rateText(s: Step): string {
  if (!s.rate_bp && s.fixed_minor) return t("work.rate_fixed", { amount: formatMoney(s.fixed_minor) });
  return t("work.rate_of", { rate: formatPercent(s.rate_bp ?? 0), base: formatMoney(s.base_minor ?? 0) });
}

/** Only a link that does not count is worth a word. */
function tokenText(token: string | undefined): string {
  if (!token || token === "ok") return "";
  return t(`work.token_${known(tokens, token)}`);
}

const joined = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(" · ");

// ---- the server's words that have words of ours

const reasons = [
  "excluded",
  "self",
  "self_allowed",
  "upline",
  "customer_lock",
  "touch_lock",
  "window",
  "protected",
  "last_touch",
  "this_visit",
  "direct",
  "suspended",
  "corrected",
] as const;
const endings = ["expired", "merged", "bought", "replaced", "released", "rebound"] as const;
const tokens = ["absent", "expired", "forged", "suspended"] as const;
const accounts = ["pending", "available", "in_payout"] as const;
const rejections = [
  "per_show",
  "per_day",
  "per_network",
  "used_device",
  "used_payment",
  "not_at_order",
  "self",
  "device",
  "paid_before",
  "not_active",
  "reversed",
] as const;
const entries = [
  "paid",
  "vested",
  "held",
  "refunded",
  "payout_prepared",
  "payout_sent",
  "payout_failed",
  "written_off",
  "reassigned",
] as const;

function known<T extends string>(list: readonly T[], word: string | undefined): T | "other" {
  return list.find((w) => w === word) ?? "other";
}

/** Why an order is whose it is. */
export function reasonText(reason: string): string {
  return t(`work.reason_${known(reasons, reason)}`);
}
