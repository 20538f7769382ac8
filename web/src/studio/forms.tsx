// The dialogs about distributors and rooms.

import { useEffect, useState } from "preact/hooks";
import { focusFault } from "../lib/focus";
import { t } from "../lib/i18n";
import type { DistributorCreated } from "../lib/protocol";
import { Button, Field, Sheet } from "../lib/ui";
import { newKey } from "../lib/ulid";
import { type Command, useCommand } from "../lib/work/command";
import { absolute, CopyField } from "../lib/work/copy";
import { distributors, rooms, upsert } from "../lib/work/live";
import { socket } from "./wire";

/** The program's usual rate; HQ may type another. */
const usualRate = "15";
const slugShape = /^[a-z0-9-]{2,40}$/;

interface DistributorDraft {
  key: string;
  name: string;
  rate: string;
  slug: string;
}

/** NewDistributor asks for a name, a rate and the room's address. */
export function NewDistributor(props: {
  open: boolean;
  onClose(): void;
  onMade(d: DistributorCreated): void;
}) {
  const [draft, setDraft] = useState<DistributorDraft>(emptyDistributor);
  const [faults, setFaults] = useState<Record<string, string>>({});
  const make = useCommand({ quiet: true });
  useReset(props.open, () => {
    setDraft(emptyDistributor());
    setFaults({});
    make.clear();
  });
  const set = (part: Partial<DistributorDraft>) => setDraft((d) => ({ ...d, ...part }));
  const submit = async (e: Event) => {
    e.preventDefault();
    const wrong = checkDistributor(draft);
    setFaults(wrong);
    focusFault(e.currentTarget);
    if (Object.keys(wrong).length > 0 || make.busy) return;
    await make.run(async () => props.onMade(await create(draft)));
  };
  const wrong: Record<string, string> = make.field ? { ...faults, [make.field]: make.error } : faults;
  return (
    <Sheet
      open={props.open}
      onClose={props.onClose}
      title={t("studio.distributor_new")}
      footer={
        <FormFoot
          form="distributor-form"
          command={make}
          word={t("studio.distributor_create")}
          onClose={props.onClose}
          testid="distributor-create"
        />
      }
    >
      <form id="distributor-form" class="form" onSubmit={submit} noValidate>
        <Field
          label={t("studio.name")}
          value={draft.name}
          onInput={(name) => set({ name, slug: follows(draft.slug, draft.name) ? slugOf(name) : draft.slug })}
          error={wrong.name}
          hint={t("studio.name_hint")}
          maxLength={80}
          autoFocus
          data-testid="distributor-name"
        />
        <div class="form-pair">
          <Field
            label={t("studio.rate")}
            value={draft.rate}
            onInput={(rate) => set({ rate })}
            error={wrong.rate_bp}
            hint={t("studio.rate_hint")}
            inputMode="decimal"
            autocomplete="off"
            data-testid="distributor-rate"
          />
          <SlugField
            value={draft.slug}
            onInput={(slug) => set({ slug })}
            error={wrong.slug}
            testid="distributor-slug"
          />
        </div>
        <FormFault command={make} />
      </form>
    </Sheet>
  );
}

async function create(d: DistributorDraft): Promise<DistributorCreated> {
  const made = await socket.call("distributor.create", {
    key: d.key,
    name: d.name.trim(),
    rate_bp: rateBP(d.rate) ?? 0,
    slug: d.slug.trim(),
  });
  distributors.value = upsert(distributors.value, made.distributor);
  rooms.value = upsert(rooms.value, made.room);
  return made;
}

/** Created hands over the two links a new distributor needs. */
export function Created({ made, onClose }: { made: DistributorCreated | null; onClose(): void }) {
  const footer = (
    <Button kind="primary" onClick={onClose}>
      {t("studio.done")}
    </Button>
  );
  return (
    <Sheet
      open={made !== null}
      onClose={onClose}
      title={t("studio.created_title", { name: made?.distributor.name ?? "" })}
      footer={footer}
    >
      <div class="form">
        <p class="lead">{t("studio.created_text")}</p>
        <CopyField
          label={t("studio.sign_in_link")}
          value={absolute(made?.sign_in_url ?? "")}
          hint={t("studio.sign_in_hint")}
          testid="created-sign-in"
        />
        <CopyField
          label={t("studio.room_link")}
          value={absolute(made?.room.link ?? "")}
          hint={t("studio.room_link_hint")}
          testid="created-room"
        />
      </div>
    </Sheet>
  );
}

/** SignInLink shows a fresh one-time link. */
export function SignInLink({
  link,
  onClose,
}: {
  link: { name: string; url: string } | null;
  onClose(): void;
}) {
  const footer = (
    <Button kind="primary" onClick={onClose}>
      {t("studio.done")}
    </Button>
  );
  return (
    <Sheet
      open={link !== null}
      onClose={onClose}
      title={t("studio.link_title", { name: link?.name ?? "" })}
      footer={footer}
    >
      <CopyField
        label={t("studio.sign_in_link")}
        value={absolute(link?.url ?? "")}
        hint={t("studio.sign_in_hint")}
        testid="sign-in-link"
      />
    </Sheet>
  );
}

interface RoomDraft {
  key: string;
  name: string;
  slug: string;
}

/** NewRoom adds a room; distributor is whose, empty = HQ's, null = closed. */
export function NewRoom({ distributor, onClose }: { distributor: string | null; onClose(): void }) {
  const [draft, setDraft] = useState<RoomDraft>(emptyRoom);
  const [faults, setFaults] = useState<Record<string, string>>({});
  const make = useCommand({ quiet: true });
  const open = distributor !== null;
  useReset(open, () => {
    setDraft(emptyRoom());
    setFaults({});
    make.clear();
  });
  const submit = async (e: Event) => {
    e.preventDefault();
    const wrong = checkRoom(draft);
    setFaults(wrong);
    focusFault(e.currentTarget);
    if (Object.keys(wrong).length > 0 || make.busy || distributor === null) return;
    const done = await make.run(async () => {
      const { key, name, slug } = draft;
      const room = { key, distributor_id: distributor, name: name.trim(), slug: slug.trim() };
      rooms.value = upsert(rooms.value, await socket.call("room.create", room));
    });
    if (done) onClose();
  };
  const wrong: Record<string, string> = make.field ? { ...faults, [make.field]: make.error } : faults;
  const owner = distributors.value.find((d) => d.id === distributor)?.name ?? t("studio.hq");
  return (
    <Sheet
      open={open}
      onClose={onClose}
      title={t("studio.room_new", { name: owner })}
      footer={
        <FormFoot
          form="room-form"
          command={make}
          word={t("studio.room_create")}
          onClose={onClose}
          testid="room-create"
        />
      }
    >
      <form id="room-form" class="form" onSubmit={submit} noValidate>
        <Field
          label={t("studio.room_name")}
          value={draft.name}
          onInput={(name) =>
            setDraft({ ...draft, name, slug: follows(draft.slug, draft.name) ? slugOf(name) : draft.slug })
          }
          error={wrong.name}
          maxLength={80}
          autoFocus
          data-testid="room-name"
        />
        <SlugField
          value={draft.slug}
          onInput={(slug) => setDraft({ ...draft, slug })}
          error={wrong.slug}
          testid="room-slug"
        />
        <FormFault command={make} />
      </form>
    </Sheet>
  );
}

// ---- parts

function SlugField(props: {
  value: string;
  onInput(v: string): void;
  error: string | undefined;
  testid: string;
}) {
  return (
    <Field
      label={t("studio.slug")}
      value={props.value}
      onInput={(v) => props.onInput(v.toLowerCase())}
      error={props.error}
      hint={t("studio.slug_hint")}
      prefix="/r/"
      autocapitalize="none"
      autocomplete="off"
      spellcheck={false}
      maxLength={40}
      data-testid={props.testid}
    />
  );
}

function FormFoot(p: { form: string; command: Command; word: string; onClose(): void; testid: string }) {
  return (
    <>
      <Button onClick={p.onClose}>{t("ui.cancel")}</Button>
      <Button type="submit" form={p.form} kind="primary" busy={p.command.busy} data-testid={p.testid}>
        {p.word}
      </Button>
    </>
  );
}

function FormFault({ command }: { command: Command }) {
  if (!command.error || command.field) return null;
  return (
    <p class="field-error" role="alert">
      {command.error}
    </p>
  );
}

function useReset(open: boolean, reset: () => void): void {
  useEffect(() => {
    if (open) reset();
  }, [open]);
}

// ---- what was typed

function emptyDistributor(): DistributorDraft {
  return { key: newKey(), name: "", rate: usualRate, slug: "" };
}

function emptyRoom(): RoomDraft {
  return { key: newKey(), name: "", slug: "" };
}

function checkDistributor(d: DistributorDraft): Record<string, string> {
  return { ...checkRoom(d), ...(rateBP(d.rate) === null && { rate_bp: t("studio.need_rate") }) };
}

function checkRoom(d: { name: string; slug: string }): Record<string, string> {
  return {
    ...(!d.name.trim() && { name: t("studio.need_name") }),
    ...(!slugShape.test(d.slug.trim()) && { slug: t("studio.need_slug") }),
  };
}

/** Percent as typed (12,5 or 12.5) to basis points; null when it is no rate. */
function rateBP(text: string): number | null {
  const match = /^(\d{1,3})(?:[.,](\d{1,2}))?$/.exec(text.replace(/[\s%％]/g, ""));
  if (!match) return null;
  const bp = Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
  return bp <= 10_000 ? bp : null;
}

/** Whether the address still follows the name, or was typed by hand. */
function follows(slug: string, name: string): boolean {
  return slug === slugOf(name);
}

/** A room's address from its name; Chinese names give none and HQ types one. */
function slugOf(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
}
