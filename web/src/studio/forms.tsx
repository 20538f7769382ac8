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

/** What both forms ask. */
interface RoomDraft {
  key: string;
  name: string;
  slug: string;
}

interface DistributorDraft extends RoomDraft {
  rate: string;
}

/** NewDistributor asks for a name, a rate and the room's address. */
export function NewDistributor(props: {
  open: boolean;
  onClose(): void;
  onMade(d: DistributorCreated): void;
}) {
  const form = useForm(props.open, emptyDistributor, checkDistributor, async (d) =>
    props.onMade(await create(d)),
  );
  const foot = { form: "distributor-form", command: form.command, onClose: props.onClose };
  return (
    <Sheet
      open={props.open}
      onClose={props.onClose}
      title={t("studio.distributor_new")}
      footer={<FormFoot {...foot} word={t("studio.distributor_create")} testid="distributor-create" />}
    >
      <form id="distributor-form" class="form" onSubmit={form.submit} noValidate>
        <NameField
          form={form}
          label={t("studio.name")}
          hint={t("studio.name_hint")}
          testid="distributor-name"
        />
        <div class="form-pair">
          <Field
            label={t("studio.rate")}
            value={form.draft.rate}
            onInput={(rate) => form.set({ rate })}
            error={form.faults.rate_bp}
            hint={t("studio.rate_hint")}
            inputMode="decimal"
            autocomplete="off"
            data-testid="distributor-rate"
          />
          <SlugField form={form} testid="distributor-slug" />
        </div>
        <FormFault command={form.command} />
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

/** NewRoom adds a room; distributor is whose, empty = HQ's, null = closed. */
export function NewRoom({ distributor, onClose }: { distributor: string | null; onClose(): void }) {
  const form = useForm(distributor !== null, emptyRoom, checkRoom, async ({ key, name, slug }) => {
    const room = { key, distributor_id: distributor ?? "", name: name.trim(), slug: slug.trim() };
    rooms.value = upsert(rooms.value, await socket.call("room.create", room));
    onClose();
  });
  const owner = distributors.value.find((d) => d.id === distributor)?.name ?? t("studio.hq");
  const foot = { form: "room-form", command: form.command, onClose };
  return (
    <Sheet
      open={distributor !== null}
      onClose={onClose}
      title={t("studio.room_new", { name: owner })}
      footer={<FormFoot {...foot} word={t("studio.room_create")} testid="room-create" />}
    >
      <form id="room-form" class="form" onSubmit={form.submit} noValidate>
        <NameField form={form} label={t("studio.room_name")} testid="room-name" />
        <SlugField form={form} testid="room-slug" />
        <FormFault command={form.command} />
      </form>
    </Sheet>
  );
}

// ---- parts

type Faults = Record<string, string>;

interface Form<T> {
  draft: T;
  set(part: Partial<T>): void;
  /** Ours and the server's, by the field they are about. */
  faults: Faults;
  command: Command;
  submit(e: Event): Promise<void>;
}

/** A form in a dialog: empty whenever the dialog opens, checked here, then sent. */
function useForm<T>(
  open: boolean,
  empty: () => T,
  check: (draft: T) => Faults,
  send: (draft: T) => Promise<void>,
): Form<T> {
  const [draft, setDraft] = useState<T>(empty);
  const [own, setOwn] = useState<Faults>({});
  const command = useCommand({ quiet: true });
  useEffect(() => {
    if (!open) return;
    setDraft(empty());
    setOwn({});
    command.clear();
  }, [open]);
  const submit = async (e: Event) => {
    e.preventDefault();
    const wrong = check(draft);
    setOwn(wrong);
    focusFault(e.currentTarget);
    if (Object.keys(wrong).length === 0 && !command.busy) await command.run(() => send(draft));
  };
  const faults = command.field ? { ...own, [command.field]: command.error } : own;
  return { draft, faults, command, submit, set: (part) => setDraft((d) => ({ ...d, ...part })) };
}

interface NamedProps<T> {
  form: Form<T>;
  testid: string;
}

/** The name; the address follows it until it is typed by hand. */
function NameField<T extends RoomDraft>({
  form,
  label,
  hint,
  testid,
}: NamedProps<T> & { label: string; hint?: string }) {
  const { draft, set } = form;
  const named = (name: string) => {
    const slug = draft.slug === slugOf(draft.name) ? slugOf(name) : draft.slug;
    set({ name, slug } as Partial<T>);
  };
  return (
    <Field
      label={label}
      value={draft.name}
      onInput={named}
      error={form.faults.name}
      {...(hint && { hint })}
      maxLength={80}
      autoFocus
      data-testid={testid}
    />
  );
}

function SlugField<T extends RoomDraft>({ form, testid }: NamedProps<T>) {
  return (
    <Field
      label={t("studio.slug")}
      value={form.draft.slug}
      onInput={(slug) => form.set({ slug: slug.toLowerCase() } as Partial<T>)}
      error={form.faults.slug}
      hint={t("studio.slug_hint")}
      prefix="/r/"
      autocapitalize="none"
      autocomplete="off"
      spellcheck={false}
      maxLength={40}
      data-testid={testid}
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

// ---- what was typed

function emptyDistributor(): DistributorDraft {
  return { key: newKey(), name: "", rate: usualRate, slug: "" };
}

function emptyRoom(): RoomDraft {
  return { key: newKey(), name: "", slug: "" };
}

function checkDistributor(d: DistributorDraft): Faults {
  return { ...checkRoom(d), ...(rateBP(d.rate) === null && { rate_bp: t("studio.need_rate") }) };
}

function checkRoom(d: RoomDraft): Faults {
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

/** A room's address from its name; Chinese names give none and HQ types one. */
function slugOf(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
}
