/** The console: ask the API anything one may ask, and see the whole answer. */
import { Link } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { freshKey } from "../../api/client";
import { Button, Field, Identifier, Notice } from "../../design";
import { useWords } from "../../words";
import { Answered, Heading, Section, Select, TextArea, useSaid, useSession } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { Code } from "./code";
import { useOperations, type Operation } from "./description";
import { HttpStatus } from "./standing";
import { CATALOGUE } from "./words";

const FIRST = "GET /v1/payments";

export default function Console() {
  const words = useWords(CATALOGUE);
  const { who } = useSession();
  const operations = useOperations();
  const [said, say] = useSaid();
  const chosen = said["operation"] ?? FIRST;
  return (
    <>
      <Heading title={words.console} />
      <div className="flex flex-col gap-4">
        {who.mode === "live" ? (
          <Notice tone="waiting" title={words.consoleLive}>
            <p>{words.consoleLiveMeans}</p>
          </Notice>
        ) : (
          <p className="m-0 max-w-160">{words.consoleMeans}</p>
        )}
        <Answered of={operations} rows={6}>
          {(found) => {
            const operation = found.find((one) => one.id === chosen) ?? found[0];
            return operation ? (
              <>
                <Select
                  label={words.operation}
                  value={operation.id}
                  dir="ltr"
                  choices={found.map((one) => ({ value: one.id, label: one.id }))}
                  onChange={(event) => say({ operation: event.currentTarget.value })}
                />
                <Ask key={operation.id} operation={operation} />
              </>
            ) : null;
          }}
        </Answered>
      </div>
    </>
  );
}

interface Came {
  readonly status: number;
  readonly milliseconds: number;
  readonly request: string;
  readonly text: string;
}

function Ask({ operation }: { readonly operation: Operation }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const [given, setGiven] = useState<Readonly<Record<string, string>>>({});
  const [body, setBody] = useState(operation.sample);
  const [key, setKey] = useState(freshKey);
  const [busy, setBusy] = useState(false);
  const [came, setCame] = useState<Came | "lost" | null>(null);
  const asked = operation.parameters.filter((one) => ["path", "query"].includes(one.place));
  const missing = asked.some((one) => one.place === "path" && !given[one.name]);
  const unreadable = operation.body !== null && body.trim() !== "" && !isJson(body);
  const writes = operation.method !== "GET";
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (busy || missing || unreadable) return;
    setBusy(true);
    ask(operation, given, operation.body === null ? "" : body, writes ? key : "")
      .then((answer) => {
        setCame(answer);
        setKey(freshKey());
      })
      .catch(() => setCame("lost"))
      .finally(() => setBusy(false));
  };
  return (
    <>
      <Section title={operation.id}>
        <form onSubmit={send} className="flex flex-col gap-3" noValidate>
          <p lang="en" className="m-0 text-soft">
            {operation.summary}
          </p>
          <div className="grid grid-cols-[repeat(auto-fill,minmax(200px,1fr))] gap-3">
            {asked.map((one) => (
              <Field
                key={one.name}
                label={one.name}
                dir="ltr"
                value={given[one.name] ?? ""}
                hint={one.place === "path" ? words.needed : undefined}
                onChange={(event) => setGiven({ ...given, [one.name]: event.currentTarget.value })}
              />
            ))}
          </div>
          {operation.body === null ? null : (
            <TextArea
              label={words.body}
              value={body}
              rows={8}
              dir="ltr"
              spellCheck={false}
              className="font-mono"
              wrong={unreadable ? words.notJson : undefined}
              onChange={(event) => setBody(event.currentTarget.value)}
            />
          )}
          <div>
            <Button type="submit" weight="primary" busy={busy} disabled={missing || unreadable}>
              {words.send}
            </Button>
          </div>
        </form>
      </Section>
      {came === "lost" ? (
        <Notice tone="unknown" title={general.notKnown} live="alert">
          <p>{general.sameAgain}</p>
        </Notice>
      ) : came ? (
        <Section title={words.answer}>
          <p className="m-0 mb-2 flex flex-wrap gap-x-4" role="status">
            <HttpStatus status={came.status} />
            <span>{words.milliseconds(came.milliseconds)}</span>
            {came.request ? (
              <Link to={`/requests/${came.request}`}>
                <Identifier>{came.request}</Identifier>
              </Link>
            ) : null}
          </p>
          <Code text={came.text || "–"} label={words.answer} />
        </Section>
      ) : null}
      <Section title={words.inTerminal}>
        <Code
          text={inTerminal(operation, given, operation.body === null ? "" : body)}
          label={words.inTerminal}
        />
      </Section>
    </>
  );
}

type Given = Readonly<Record<string, string>>;

function addressOf(operation: Operation, given: Given): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(given[name] ?? ""),
  );
  const query = new URLSearchParams();
  for (const one of operation.parameters) {
    const value = given[one.name];
    if (one.place === "query" && value) query.append(one.name, value);
  }
  const written = query.toString();
  return written ? `${path}?${written}` : path;
}

async function ask(operation: Operation, given: Given, body: string, key: string): Promise<Came> {
  const began = performance.now();
  const headers = new Headers({ accept: "application/json" });
  if (key) headers.set("idempotency-key", key);
  if (body.trim()) headers.set("content-type", "application/json");
  const response = await fetch(addressOf(operation, given), {
    method: operation.method,
    headers,
    body: body.trim() ? body : null,
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
  });
  const text = await response.text();
  return {
    status: response.status,
    milliseconds: Math.round(performance.now() - began),
    request: response.headers.get("x-request-id") ?? "",
    text: isJson(text) ? JSON.stringify(JSON.parse(text), null, 2) : text,
  };
}

function inTerminal(operation: Operation, given: Given, body: string): string {
  const method = operation.method === "GET" ? "" : ` -X ${operation.method}`;
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return [
    `curl${method} ${quoted(location.origin + addressOf(operation, given))}`,
    `-H 'x-api-key: sk_test_…'`,
    ...(operation.method === "POST" ? [`-H 'idempotency-key: …'`] : []),
    ...(body.trim() ? [`-H 'content-type: application/json'`, `-d ${quoted(body)}`] : []),
  ].join(" \\\n  ");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
