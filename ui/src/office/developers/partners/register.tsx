/** Registering a client: what it is decides what is asked for. */
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Field } from "../../../design";
import { useWords } from "../../../words";
import { Act, Disclosure, office, Select, TextArea, Tick, type Schemas } from "../../kit";
import { CATALOGUE as GENERAL } from "../../words";
import { ChooseGrants, type Grants } from "../grants";
import { CATALOGUE as DEVELOPERS } from "../words";
import { usePastedKey } from "./publickey";
import { CATALOGUE } from "./words";
import type { ClientKind } from "./words/kinds";

const KINDS: readonly ClientKind[] = ["page", "server", "program"];
const ROLES = ["admin", "finance", "developer", "support", "auditor"] as const;
type Role = (typeof ROLES)[number];
/** What the API takes: https, this very machine, or an app by its reversed name. */
const ADDRESS =
  /^(https:\/\/[^\s/@\\#]+|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(?=[/?]|$))[^\s#\\]*$/;
const OF_APP = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:\/[^\s#\\/][^\s#\\]*$/;

interface Form {
  readonly name: string;
  readonly kind: ClientKind;
  readonly role: Role;
  readonly back: string;
  readonly out: string;
  readonly bound: boolean;
  readonly grants: Grants;
}
const EMPTY: Form = {
  name: "",
  kind: "page",
  role: "developer",
  back: "",
  out: "",
  bound: false,
  grants: {},
};

export function RegisterClient({ onClose }: { readonly onClose: () => void }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const key = usePastedKey({ takesJson: true });
  const [form, setForm] = useState(EMPTY);
  const change = (some: Partial<Form>) => setForm((before) => ({ ...before, ...some }));
  const back = lines(form.back);
  const out = lines(form.out);
  const wrong = [...back, ...out].some((one) => !isAddress(one));
  const byItself = form.kind === "program";
  const complete =
    form.name.trim() !== "" &&
    (byItself || (back.length > 0 && !wrong)) &&
    (form.kind === "page" || key.isGood);
  return (
    <Act
      title={words.addClient}
      act={words.addClient}
      blocked={!complete}
      onClose={onClose}
      onAct={async (once) => {
        const body = bodyOf(form, back, out, key.text);
        const made = await key.explained(office("post", "/v1/clients", { body, key: once }));
        await queries.invalidateQueries();
        await navigate({ to: `/clients/${made.id}`, search: {} as never });
      }}
    >
      <Field
        label={general.name}
        value={form.name}
        required
        hint={words.clientNameHint}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <Select
        label={general.kind}
        value={form.kind}
        choices={KINDS.map((one) => ({ value: one, label: words.clientKind(one) }))}
        onChange={(event) => change({ kind: event.currentTarget.value as ClientKind })}
      />
      <p className="m-0 text-13 text-soft">{words.clientKindMeans(form.kind)}</p>
      {byItself ? null : <Addresses form={form} change={change} />}
      {form.kind === "page" ? null : key.field}
      <May form={form} change={change} />
    </Act>
  );
}

interface PartProps {
  readonly form: Form;
  readonly change: (some: Partial<Form>) => void;
}

function Addresses({ form, change }: PartProps) {
  const words = useWords(CATALOGUE);
  const wrong = (text: string) => {
    const one = lines(text).find((each) => !isAddress(each));
    return one === undefined ? undefined : words.noAddress(one);
  };
  return (
    <>
      <TextArea
        label={words.addresses}
        value={form.back}
        dir="ltr"
        required
        hint={words.addressesHint}
        wrong={wrong(form.back)}
        onChange={(event) => change({ back: event.currentTarget.value })}
      />
      <TextArea
        label={words.logoutAddresses}
        value={form.out}
        dir="ltr"
        rows={2}
        wrong={wrong(form.out)}
        onChange={(event) => change({ out: event.currentTarget.value })}
      />
    </>
  );
}

function May({ form, change }: PartProps) {
  const words = useWords(CATALOGUE);
  const developers = useWords(DEVELOPERS);
  const byItself = form.kind === "program";
  return (
    <>
      {byItself ? (
        <Select
          label={developers.role}
          value={form.role}
          choices={ROLES.map((one) => ({ value: one, label: developers.roleName(one) }))}
          onChange={(event) => change({ role: event.currentTarget.value as Role })}
        />
      ) : null}
      {form.kind === "page" ? null : (
        <Tick
          label={words.bindsTokens}
          checked={form.bound}
          onChange={(bound) => change({ bound })}
        />
      )}
      <p className="m-0 text-13 text-soft">{byItself ? words.scopesOfProgram : words.scopesMean}</p>
      <Disclosure
        label={words.scopes}
        className="[&>div]:static [&>div]:w-full [&>div]:shadow-none"
      >
        <ChooseGrants grants={form.grants} onChange={(grants) => change({ grants })} />
      </Disclosure>
    </>
  );
}

function lines(text: string): readonly string[] {
  return text.split(/\s+/).filter(Boolean);
}

function isAddress(text: string): boolean {
  return ADDRESS.test(text) || OF_APP.test(text);
}

function bodyOf(
  form: Form,
  back: readonly string[],
  out: readonly string[],
  publicKey: string,
): Schemas["ClientBody"] {
  const byItself = form.kind === "program";
  const scopes = Object.entries(form.grants).flatMap(([name, access]) =>
    access === "none"
      ? []
      : access === "read"
        ? [`${name}.read`]
        : [`${name}.read`, `${name}.write`],
  );
  return {
    kind: form.kind,
    name: form.name.trim(),
    redirect_uris: byItself ? [] : [...back],
    logout_uris: byItself ? [] : [...out],
    scopes,
    public_key: form.kind === "page" ? "" : publicKey,
    role: byItself ? form.role : null,
    binds_tokens: form.kind === "page" ? false : form.bound,
  };
}
