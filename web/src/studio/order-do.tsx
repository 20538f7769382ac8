// What HQ does with a paid order: send it, note its arrival, give money back, correct
// whose it is. Each asks first.

import { useEffect, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import { formatMoney } from "../lib/money";
import type { Order } from "../lib/protocol";
import { Field, Stepper } from "../lib/ui";
import { newKey } from "../lib/ulid";
import { type Command, useCommand } from "../lib/work/command";
import { distributors, keepOrder, orders } from "../lib/work/live";
import { lineName } from "../lib/work/order";
import { Confirm } from "./confirm";
import { socket } from "./wire";

interface DialogProps {
  order: Order;
  open: boolean;
  onClose(): void;
}

/** A command that answers with the order as it is then, and closes its dialog. */
function useOrderCommand(p: DialogProps): Command & { send(ask: () => Promise<Order>): Promise<void> } {
  const command = useCommand({ quiet: true });
  useEffect(() => {
    if (p.open) command.clear();
  }, [p.open]);
  return {
    ...command,
    async send(ask) {
      const done = await command.run(async () => {
        orders.value = keepOrder(orders.value, await ask());
      });
      if (done) p.onClose();
    },
  };
}

/** Ship notes a parcel with everything that has not left yet. */
export function Ship(p: DialogProps) {
  const [carrier, setCarrier] = useState("");
  const [tracking, setTracking] = useState("");
  const command = useOrderCommand(p);
  const send = () => command.send(() => socket.call("order.ship", { id: p.order.id, carrier, tracking }));
  return (
    <Confirm
      {...p}
      title={t("studio.ship_title")}
      command={command}
      onSure={send}
      word={t("studio.ship_sure")}
      disabled={carrier.trim() === ""}
      testid="ship-confirm"
    >
      <p>{t("studio.ship_text", { buyer: p.order.buyer })}</p>
      <Field
        label={t("studio.carrier")}
        value={carrier}
        onInput={setCarrier}
        maxLength={80}
        data-testid="ship-carrier"
      />
      <Field
        label={t("studio.tracking")}
        value={tracking}
        onInput={setTracking}
        maxLength={80}
        spellcheck={false}
        autoComplete="off"
        data-testid="ship-tracking"
      />
    </Confirm>
  );
}

/** Deliver notes that everything has arrived. */
export function Deliver(p: DialogProps) {
  const command = useOrderCommand(p);
  const send = () => command.send(() => socket.call("order.deliver", { id: p.order.id }));
  return (
    <Confirm
      {...p}
      title={t("studio.deliver_title")}
      command={command}
      onSure={send}
      word={t("studio.deliver")}
      testid="deliver-confirm"
    >
      <p>{t("studio.deliver_text")}</p>
    </Confirm>
  );
}

/** Refund gives back the whole rest, or units of some lines. */
export function Refund(p: DialogProps) {
  const [whole, setWhole] = useState(true);
  const [units, setUnits] = useState<number[]>([]);
  const [restock, setRestock] = useState(true);
  const [reason, setReason] = useState("");
  const [key, setKey] = useState("");
  const command = useOrderCommand(p);
  useEffect(() => {
    if (!p.open) return;
    setWhole(true);
    setUnits(p.order.lines.map(() => 0));
    setReason("");
    setKey(newKey());
  }, [p.open]);
  const lines = whole ? [] : units.map((qty, line) => ({ line, qty })).filter((l) => l.qty > 0);
  const send = async () => {
    await command.send(() =>
      socket.call("order.refund", { key, id: p.order.id, lines, restock, reason: reason.trim() }),
    );
    setKey(newKey()); // what was refused or changed afterwards is a new intent
  };
  const left = p.order.total_minor - p.order.refunded_minor;
  return (
    <Confirm
      {...p}
      title={t("studio.refund_title")}
      command={command}
      onSure={send}
      word={whole ? t("studio.refund_sure", { amount: formatMoney(left) }) : t("studio.refund_lines_sure")}
      danger
      disabled={!whole && lines.length === 0}
      testid="refund-confirm"
    >
      <div class="choices" role="radiogroup" aria-label={t("studio.refund_what")}>
        <Choice name="refund" checked={whole} onChoose={() => setWhole(true)} testid="refund-all">
          {t("studio.refund_all")}
        </Choice>
        <Choice name="refund" checked={!whole} onChoose={() => setWhole(false)} testid="refund-some">
          {t("studio.refund_some")}
        </Choice>
      </div>
      {!whole && <Units order={p.order} units={units} onChange={setUnits} />}
      <label class="check">
        <input type="checkbox" checked={restock} onChange={(e) => setRestock(e.currentTarget.checked)} />
        <span>{t("studio.refund_restock")}</span>
      </label>
      <Field
        label={t("studio.refund_reason")}
        value={reason}
        onInput={setReason}
        maxLength={200}
        hint={t("studio.refund_hint")}
        data-testid="refund-reason"
      />
    </Confirm>
  );
}

function Choice(p: { name: string; checked: boolean; onChoose(): void; testid: string; children: string }) {
  return (
    <label class="check">
      <input type="radio" name={p.name} checked={p.checked} onChange={p.onChoose} data-testid={p.testid} />
      <span>{p.children}</span>
    </label>
  );
}

function Units({
  order: o,
  units,
  onChange,
}: {
  order: Order;
  units: number[];
  onChange(units: number[]): void;
}) {
  return (
    <ul class="refund-lines">
      {o.lines.map((l, i) => (
        <li key={l.sku}>
          <span>{lineName(l)}</span>
          <Stepper
            label={lineName(l)}
            value={units[i] ?? 0}
            min={0}
            max={l.qty - l.refunded_qty}
            onChange={(n) => onChange(units.map((was, j) => (j === i ? n : was)))}
            data-testid="refund-units"
          />
        </li>
      ))}
    </ul>
  );
}

/** Reassign is HQ's correction of whose the order is. */
export function Reassign(p: DialogProps) {
  const [to, setTo] = useState("");
  const [why, setWhy] = useState("");
  const command = useOrderCommand(p);
  const others = distributors.value.filter((d) => d.state === "active" && d.id !== p.order.distributor_id);
  const send = () =>
    command.send(() =>
      socket.call("order.reassign", { id: p.order.id, distributor_id: to === "hq" ? "" : to, why }),
    );
  return (
    <Confirm
      {...p}
      title={t("studio.reassign_title")}
      command={command}
      onSure={send}
      word={t("studio.reassign_sure")}
      danger
      disabled={to === "" || why.trim() === ""}
      testid="reassign-confirm"
    >
      <p>
        {p.order.distributor
          ? t("studio.reassign_text", { name: p.order.distributor })
          : t("studio.reassign_text_hq")}
      </p>
      <label class="field">
        <span class="field-label">{t("studio.reassign_to")}</span>
        <span class="field-box">
          <select value={to} onChange={(e) => setTo(e.currentTarget.value)} data-testid="reassign-to">
            <option value="" disabled />
            {others.map((d) => (
              <option key={d.id} value={d.id}>
                {d.name}
              </option>
            ))}
            {p.order.distributor_id && <option value="hq">{t("work.hq")}</option>}
          </select>
        </span>
      </label>
      <Field
        label={t("studio.reassign_why")}
        value={why}
        onInput={setWhy}
        maxLength={200}
        hint={t("studio.reassign_hint")}
        data-testid="reassign-why"
      />
    </Confirm>
  );
}
