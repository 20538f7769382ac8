// Distributors, their rooms, and the links they work with.

import { useState } from "preact/hooks";
import { formatNumber, formatPercent, t } from "../lib/i18n";
import type { DistributorCreated, DistributorInfo, RoomInfo } from "../lib/protocol";
import { Avatar, Badge, Button, copyText, Empty, IconButton, Money } from "../lib/ui";
import { useCommand } from "../lib/work/command";
import { absolute } from "../lib/work/copy";
import { distributors, ready, rooms, upsert } from "../lib/work/live";
import { Created, NewDistributor, NewRoom, SignInLink } from "./forms";
import { Skeleton } from "./skeleton";
import { socket } from "./wire";

/** Which dialog is open, and about whom. */
type Dialog =
  | { kind: "none" }
  | { kind: "distributor" }
  | { kind: "created"; made: DistributorCreated }
  | { kind: "room"; distributor: string }
  | { kind: "link"; name: string; url: string };

/** People is the distributors tab. */
export function People() {
  const [dialog, setDialog] = useState<Dialog>({ kind: "none" });
  // A dialog also reports its closing when another took its place: only the one shown may end it.
  const close = (kind: Dialog["kind"]) => () =>
    setDialog((now) => (now.kind === kind ? { kind: "none" } : now));
  if (!ready.value) return <Skeleton rows={5} />;
  return (
    <div class="people">
      <div class="people-head">
        <Button
          size="small"
          icon="plus"
          onClick={() => setDialog({ kind: "distributor" })}
          data-testid="distributor-new"
        >
          {t("studio.distributor_new")}
        </Button>
      </div>
      <List open={setDialog} />
      <NewDistributor
        open={dialog.kind === "distributor"}
        onClose={close("distributor")}
        onMade={(made) => setDialog({ kind: "created", made })}
      />
      <Created made={dialog.kind === "created" ? dialog.made : null} onClose={close("created")} />
      <NewRoom distributor={dialog.kind === "room" ? dialog.distributor : null} onClose={close("room")} />
      <SignInLink link={dialog.kind === "link" ? dialog : null} onClose={close("link")} />
    </div>
  );
}

function List({ open }: { open(d: Dialog): void }) {
  const house = rooms.value.filter((r) => !r.distributor);
  return (
    <ul class="people-list">
      <li class="person" data-testid="hq-row">
        <div class="person-head">
          <strong class="person-name">{t("studio.hq_rooms")}</strong>
          <Button
            size="small"
            kind="quiet"
            onClick={() => open({ kind: "room", distributor: "" })}
            data-testid="room-new"
          >
            {t("studio.room_add")}
          </Button>
        </div>
        <RoomList rooms={house} />
      </li>
      {distributors.value.length === 0 && (
        <li>
          <Empty icon="user" title={t("studio.distributors_empty")}>
            <p>{t("studio.distributors_empty_text")}</p>
            <Button kind="primary" icon="plus" onClick={() => open({ kind: "distributor" })}>
              {t("studio.distributor_first")}
            </Button>
          </Empty>
        </li>
      )}
      {distributors.value.map((d) => (
        <Person key={d.id} distributor={d} open={open} />
      ))}
    </ul>
  );
}

function Person({ distributor: d, open }: { distributor: DistributorInfo; open(dialog: Dialog): void }) {
  const own = rooms.value.filter((r) => r.distributor === d.id);
  const suspended = d.state === "suspended";
  return (
    <li
      class={`person ${suspended ? "is-suspended" : ""}`}
      data-testid="distributor-row"
      data-distributor={d.id}
      data-state={d.state}
    >
      <div class="person-head">
        <Avatar name={d.name} />
        <div class="person-who">
          <strong class="person-name" title={d.name}>
            {d.name}
          </strong>
          <span class="person-rate">{t("studio.rate_of", { rate: formatPercent(d.rate_bp) })}</span>
        </div>
        {suspended && <Badge kind="warn">{t("studio.suspended")}</Badge>}
      </div>
      <dl class="person-sums">
        <Sum name={t("studio.orders_paid")}>{formatNumber(d.totals.orders)}</Sum>
        <Sum name={t("studio.sales")}>
          <Money minor={d.totals.sales_minor} short />
        </Sum>
        <Sum name={t("studio.commission")}>
          <Money minor={d.totals.commission_minor} short />
        </Sum>
      </dl>
      <RoomList rooms={own} />
      <PersonActions distributor={d} open={open} />
    </li>
  );
}

function Sum({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function RoomList({ rooms: list }: { rooms: RoomInfo[] }) {
  return (
    <ul class="room-list">
      {list.map((room) => (
        <li key={room.id} data-testid="room-row" data-room={room.id}>
          <a class="room-name" href={room.link} target="_blank" rel="noreferrer" title={room.name}>
            {room.name}
          </a>
          <span class="room-viewers">{t("studio.viewers", { n: room.viewers })}</span>
          <IconButton
            size="small"
            icon="link"
            label={t("studio.room_copy", { room: room.name })}
            onClick={() => void copyText(absolute(room.link))}
            data-testid="room-copy"
          />
        </li>
      ))}
    </ul>
  );
}

function PersonActions({
  distributor: d,
  open,
}: {
  distributor: DistributorInfo;
  open(dialog: Dialog): void;
}) {
  const link = useCommand();
  const change = useCommand();
  const suspended = d.state === "suspended";
  const newLink = () =>
    link.run(async () => {
      const made = await socket.call("distributor.link", { id: d.id });
      open({ kind: "link", name: d.name, url: made.url });
    });
  const set = async (state: string) => {
    const info = await socket.call("distributor.set", { id: d.id, state, rate_bp: d.rate_bp });
    distributors.value = upsert(distributors.value, info);
  };
  const toggle = () => change.run(() => set(suspended ? "active" : "suspended"));
  return (
    <div class="person-actions">
      <Button size="small" icon="key" busy={link.busy} onClick={newLink} data-testid="distributor-link">
        {t("studio.link_new")}
      </Button>
      <Button
        size="small"
        kind="quiet"
        onClick={() => open({ kind: "room", distributor: d.id })}
        data-testid="room-new"
      >
        {t("studio.room_add")}
      </Button>
      <Button
        size="small"
        kind={suspended ? "secondary" : "quiet"}
        busy={change.busy}
        onClick={toggle}
        data-testid="distributor-suspend"
      >
        {t(suspended ? "studio.reactivate" : "studio.suspend")}
      </Button>
    </div>
  );
}
