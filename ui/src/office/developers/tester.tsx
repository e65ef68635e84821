/** Webhook tester: send a sample to who listens, and check a signature that came. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { freshKey } from "../../api/client";
import { Button, Field, Identifier, Notice } from "../../design";
import { useWords } from "../../words";
import {
  Answered,
  Failed,
  Heading,
  office,
  Rows,
  Section,
  Select,
  TextArea,
  useMay,
  useSession,
} from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { useDeliveryColumns } from "./deliveries";
import { checked, type Verdict } from "./signature";
import { CATALOGUE } from "./words";

const TYPES = [
  "payment.succeeded",
  "payment.declined",
  "refund.succeeded",
  "dispute.opened",
  "order.paid",
  "endpoint.tested",
];
const TONES = { genuine: "taken", old: "waiting", forged: "failed", unreadable: "failed" } as const;

export default function Tester() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const { who } = useSession();
  return (
    <>
      <Heading title={words.tester} />
      <div className="flex flex-col gap-4">
        {may("webhooks.write") && who.mode === "test" ? (
          <SendSample />
        ) : (
          <Notice tone="calm" title={words.samplesInTest} />
        )}
        <CheckSignature />
      </div>
    </>
  );
}

function SendSample() {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const [type, setType] = useState(TYPES[0] ?? "");
  const [key, setKey] = useState(freshKey);
  const [sent, setSent] = useState("");
  const send = useMutation({
    mutationFn: () => office("post", "/v1/events", { body: { type }, key }),
    onSuccess: (made) => {
      setSent(made.id);
      setKey(freshKey());
      void queries.invalidateQueries();
    },
  });
  return (
    <Section title={words.sendSample}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          if (!send.isPending) send.mutate();
        }}
      >
        <p className="m-0">{words.testerMeans}</p>
        <Select
          label={words.eventType}
          value={type}
          dir="ltr"
          choices={TYPES.map((one) => ({ value: one, label: one }))}
          onChange={(event) => setType(event.currentTarget.value)}
        />
        <div>
          <Button type="submit" weight="primary" busy={send.isPending}>
            {words.sendSample}
          </Button>
        </div>
        {send.isError ? <Failed failure={send.error} /> : null}
      </form>
      {sent ? <Became event={sent} /> : null}
    </Section>
  );
}

function Became({ event }: { readonly event: string }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const columns = useDeliveryColumns();
  const told = useQuery({
    queryKey: named("events", event, "whole"),
    queryFn: ({ signal }) =>
      office("get", "/v1/events/{event}", {
        path: { event },
        query: { "expand[]": ["deliveries"] },
        signal,
      }),
    retry: true, // It is written before it can be read.
    refetchInterval: (query) => {
      const all = query.state.data?.deliveries ?? [];
      return all.length === 0 || all.some((one) => one.state === "pending") ? 1_500 : false;
    },
  });
  return (
    <div className="mt-4 flex flex-col gap-2" role="status">
      <p className="m-0">
        {words.sampleSent}{" "}
        <Link to={`/events/${event}`}>
          <Identifier>{event}</Identifier>
        </Link>
      </p>
      <Answered of={told} rows={2}>
        {(found) =>
          (found.deliveries ?? []).length === 0 ? (
            <p className="m-0 text-soft">{general.nobodyTold}</p>
          ) : (
            <Rows
              name="deliveries"
              title={words.deliveries}
              columns={columns}
              rows={found.deliveries ?? []}
              to={(one) => `/deliveries/${one.id}`}
            />
          )
        }
      </Answered>
    </div>
  );
}

/** Computed in this browser: the secret goes nowhere. */
function CheckSignature() {
  const words = useWords(CATALOGUE);
  const [secret, setSecret] = useState("");
  const [id, setId] = useState("");
  const [at, setAt] = useState("");
  const [signature, setSignature] = useState("");
  const [body, setBody] = useState("");
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const check = (event: FormEvent) => {
    event.preventDefault();
    void checked({ secret, id, at, signature, body }, Date.now()).then(setVerdict);
  };
  return (
    <Section title={words.checkSignature}>
      <form onSubmit={check} className="flex flex-col gap-3" noValidate>
        <p className="m-0">{words.checkSignatureMeans}</p>
        <Field
          label={words.signingSecret}
          value={secret}
          dir="ltr"
          autoComplete="off"
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
        <Field
          label="webhook-id"
          value={id}
          dir="ltr"
          onChange={(event) => setId(event.currentTarget.value)}
        />
        <Field
          label="webhook-timestamp"
          value={at}
          dir="ltr"
          inputMode="numeric"
          onChange={(event) => setAt(event.currentTarget.value)}
        />
        <Field
          label="webhook-signature"
          value={signature}
          dir="ltr"
          onChange={(event) => setSignature(event.currentTarget.value)}
        />
        <TextArea
          label={words.body}
          value={body}
          rows={5}
          dir="ltr"
          spellCheck={false}
          onChange={(event) => setBody(event.currentTarget.value)}
        />
        <div>
          <Button type="submit">{words.checkIt}</Button>
        </div>
        {verdict ? (
          <Notice tone={TONES[verdict]} title={words.signatureVerdict(verdict)} live="status" />
        ) : null}
      </form>
    </Section>
  );
}
