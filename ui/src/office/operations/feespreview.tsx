/** What a payment would cost: the server computes it, as it will when somebody really pays. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Problem } from "../../api/client";
import { Field } from "../../design";
import { useLocale, useWords } from "../../words";
import { shownMoney } from "../../words/formats";
import { Failed, office, Section, Select, type Schemas } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import type { Fee } from "./feestable";
import { CATALOGUE } from "./words";

type Method = Schemas["MethodKind"];
export const METHODS: readonly Method[] = [
  "card",
  "bank_account",
  "bank_transfer",
  "paypal",
  "crypto",
];
const PAUSE_MILLISECONDS = 300; // One asks when typing stops.

/** Return a value once it has not changed for a moment, and whether that is the one of now. */
function useSettled<Value>(value: Value): readonly [Value, boolean] {
  const written = JSON.stringify(value);
  const [settled, setSettled] = useState(written);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(written), PAUSE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [written]);
  return [JSON.parse(settled) as Value, settled === written];
}

/** What the API says is wrong with these rules, by field such as `fees[0].percent`. */
export type Wrong = Readonly<Record<string, string>>;

export function FeesPreview({
  fees,
  about,
  onWrong,
}: {
  readonly fees: readonly Fee[];
  /** By which fees: those that hold, or those that somebody is writing. */
  readonly about: string;
  readonly onWrong?: (wrong: Wrong, fees: readonly Fee[]) => void;
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const [amount, setAmount] = useState("100.00");
  const [asset, setAsset] = useState("EUR");
  const [method, setMethod] = useState<Method>("card");
  const [priority, setPriority] = useState("");
  const [tenant, setTenant] = useState("");
  const [asked, isAsked] = useSettled({
    fees,
    amount: { amount, asset },
    method,
    priority,
    tenant,
  });
  const preview = useQuery({
    queryKey: named("fees", "preview", asked),
    queryFn: ({ signal }) =>
      office("post", "/v1/fees/preview", { body: { ...asked, fees: [...asked.fees] }, signal }),
  });
  const isAsking = !isAsked || preview.isFetching;
  const { wrong, rest } = mistakesOf(preview.error);
  const found = JSON.stringify([ofRules(wrong), asked.fees]);
  useEffect(() => {
    const [mistakes, about] = JSON.parse(found) as [Wrong, readonly Fee[]];
    onWrong?.(mistakes, about);
  }, [found, onWrong]);
  return (
    <Section title={words.whatItCosts}>
      <p className="m-0 mb-3 text-soft">{about}</p>
      <div className="grid grid-cols-[repeat(auto-fill,minmax(160px,1fr))] gap-3">
        <Field
          label={general.amount}
          value={amount}
          inputMode="decimal"
          dir="ltr"
          wrong={wrong["amount"]}
          onChange={(event) => setAmount(event.currentTarget.value.trim())}
        />
        <Field
          label={general.asset}
          value={asset}
          dir="ltr"
          onChange={(event) => setAsset(event.currentTarget.value.trim().toUpperCase())}
        />
        <Select
          label={general.method}
          value={method}
          choices={METHODS.map((one) => ({ value: one, label: general.methodKind(one) }))}
          onChange={(event) => setMethod(event.currentTarget.value as Method)}
        />
        <Field
          label={words.priority}
          value={priority}
          dir="ltr"
          wrong={wrong["priority"]}
          onChange={(event) => setPriority(event.currentTarget.value.trim())}
        />
        <Field
          label={words.merchant}
          value={tenant}
          dir="ltr"
          wrong={wrong["tenant"]}
          onChange={(event) => setTenant(event.currentTarget.value.trim())}
        />
      </div>
      <div role="status" className="mt-3 min-h-6">
        {isAsking ? <p className="m-0 text-soft">{words.asking}</p> : null}
        {preview.data && !isAsking && !preview.isError ? <Told found={preview.data} /> : null}
      </div>
      {rest ? <Failed failure={rest} again={() => void preview.refetch()} /> : null}
    </Section>
  );
}

function Told({ found }: { readonly found: Schemas["FeePreviewModel"] }) {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const { rule } = found;
  const [amount, fee, net] = [found.amount, found.fee, found.net].map((one) =>
    shownMoney(one, locale),
  ) as [string, string, string];
  return (
    <p className="m-0">
      <span className="font-strong">{words.costs(amount, fee, net)}</span>{" "}
      <span className="text-soft">{rule === null ? words.byNoRule : words.byRule(rule + 1)}</span>
    </p>
  );
}

/** Part what can stand beside a field from what cannot. */
export function mistakesOf(failure: unknown): { readonly wrong: Wrong; readonly rest: unknown } {
  if (!(failure instanceof Problem) || failure.status !== 400) return { wrong: {}, rest: failure };
  const placed = failure.mistakes.filter((one) => one.field);
  const wrong = Object.fromEntries(placed.map((one) => [one.field ?? "", one.detail]));
  return { wrong, rest: placed.length > 0 ? null : failure };
}

function ofRules(wrong: Wrong): Wrong {
  return Object.fromEntries(Object.entries(wrong).filter(([field]) => field.startsWith("fees[")));
}
