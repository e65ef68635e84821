/** What was said to a provider and what it answered, as far as it may be shown. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { CopyText, Identifier, Moment, Status } from "../../design";
import { useWords } from "../../words";
import { Failed, Facts, office, type Schemas } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

type Call = Schemas["TranscriptModel"];
export type Calls = UseQueryResult<{ readonly data: readonly Call[] }>;

/** Ask for the calls of providers that were kept of a payment. */
export function useCalls(payment: string): Calls {
  const named = useNamed();
  return useQuery({
    queryKey: named("payment", payment, "transcripts"),
    queryFn: ({ signal }) =>
      office("get", "/v1/payments/{payment}/transcripts", { path: { payment }, signal }),
  });
}

/** The calls of one attempt; nothing if none was kept. */
export function CallsOf({ calls, attempt }: { readonly calls: Calls; readonly attempt: string }) {
  const own = calls.data?.data.filter((one) => one.attempt === attempt) ?? [];
  if (own.length === 0) return null;
  return (
    <ul className="m-0 flex list-none flex-col gap-1 p-0">
      {own.map((one) => (
        <li key={one.id}>
          <OneCall call={one} />
        </li>
      ))}
    </ul>
  );
}

/** What is kept, and what became of the question. */
export function WhatIsKept({ calls }: { readonly calls: Calls }) {
  const words = useWords(CATALOGUE);
  return (
    <>
      <p className="m-0 mb-3 text-13 text-soft">{words.kept}</p>
      {calls.isError ? <Failed failure={calls.error} again={() => void calls.refetch()} /> : null}
    </>
  );
}

function OneCall({ call }: { readonly call: Call }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const good = call.sending === "answered" && call.status < 400;
  return (
    <details>
      <summary className="cursor-pointer">
        <Identifier className="text-12">{`${call.method} ${call.path}`}</Identifier>{" "}
        <Status tone={call.sending === "silent" ? "unknown" : good ? "taken" : "failed"}>
          {call.sending === "answered"
            ? words.answered(call.status)
            : words.notAnswered(call.sending)}
        </Status>{" "}
        <span className="text-soft">{words.took(call.milliseconds)}</span>
      </summary>
      <div className="flex flex-col gap-3 py-2 ps-5">
        <Facts
          facts={[
            [general.result, call.result],
            [general.when, <Moment at={call.asked_at} />],
            [words.key, <Identifier className="text-12">{call.key}</Identifier>],
            [words.answerBytes, words.bytes(call.answer_bytes)],
          ]}
        />
        <Body label={words.request} text={call.request} nothing={words.noBody} />
        <Body label={words.answer} text={call.answer} nothing={words.noAnswer} />
      </div>
    </details>
  );
}

function Body({
  label,
  text,
  nothing,
}: {
  readonly label: string;
  readonly text: string;
  readonly nothing: string;
}) {
  const general = useWords(GENERAL);
  if (text === "") return <p className="m-0 text-soft">{`${label}: ${nothing}`}</p>;
  const pretty = JSON.stringify(JSON.parse(text), null, 2);
  return (
    <div>
      <CopyText
        text={pretty}
        shown={label}
        mono={false}
        copy={general.copy}
        copied={general.copied}
      />
      <pre
        dir="ltr"
        tabIndex={0}
        role="region"
        aria-label={label}
        className="m-0 max-h-80 overflow-auto rounded bg-sunken p-3 font-mono text-12"
      >
        {pretty}
      </pre>
    </div>
  );
}
