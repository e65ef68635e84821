/** Fees as somebody writes them: what is wrong stands beside its field, what they cost below. */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { Problem } from "../../api/client";
import { Button, Field, Notice } from "../../design";
import { useWords } from "../../words";
import { Act, office, Section, Select } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { FeesPreview, METHODS, type Wrong } from "./feespreview";
import { useFeeIsFor, type Change, type Fee } from "./feestable";
import { CATALOGUE } from "./words";

const NEW: Fee = {
  percent: "",
  fixed: "",
  least: "",
  most: "",
  tenant: "",
  asset: "",
  method: null,
  priority: "",
};

interface DraftProps {
  readonly fees: readonly Fee[];
  /** The fees that hold, as this page read them last. */
  readonly now: readonly Fee[];
  readonly onChange: (fees: readonly Fee[]) => void;
  /** It was asked for, and became this; or it was thrown away. */
  readonly onEnd: (change: Change | null) => void;
}

export function Draft({ fees, now, onChange, onEnd }: DraftProps) {
  const words = useWords(CATALOGUE);
  const [heard, setHeard] = useState<{ readonly wrong: Wrong; readonly about: string } | null>(
    null,
  );
  const [saving, setSaving] = useState(false);
  const [overtaken, setOvertaken] = useState(false);
  // What is asked for is in place of the fees that its writer knows of: the page may have read
  // others since, and nobody has said so.
  const [seen, setSeen] = useState(now);
  const written = JSON.stringify(fees);
  // What the API said of what stood here before a key was pressed says nothing any more.
  const said = useSaidOfFields(fees, heard?.about === written ? heard.wrong : {});
  const same = written === JSON.stringify(now);
  const hear = useCallback(
    (wrong: Wrong, about: readonly Fee[]) => setHeard({ wrong, about: JSON.stringify(about) }),
    [],
  );
  const put = (place: number, fee: Fee) =>
    onChange(fees.map((one, at) => (at === place ? fee : one)));
  return (
    <>
      <Section title={words.feesDraft}>
        <p className="m-0 mb-3 text-soft">{words.feesDraftMeans}</p>
        {overtaken ? (
          <Notice tone="waiting" title={words.feesOvertaken} live="alert" className="mb-3">
            <p>{words.feesOvertakenMeans}</p>
          </Notice>
        ) : null}
        <div className="flex flex-col gap-4">
          {fees.map((fee, place) => (
            <Rule
              key={place}
              number={place + 1}
              fee={fee}
              said={(name) => said(place, name)}
              onChange={(next) => put(place, next)}
              onRemove={() => onChange(fees.filter((_, at) => at !== place))}
            />
          ))}
        </div>
        <div className="mt-4 flex flex-wrap gap-2">
          <Button onClick={() => onChange([...fees, NEW])}>{words.addFee}</Button>
          <Button weight="primary" disabled={same || said.any} onClick={() => setSaving(true)}>
            {words.askForFees}
          </Button>
          <Button onClick={() => onEnd(null)}>{words.discardFees}</Button>
        </div>
      </Section>
      <FeesPreview fees={fees} about={words.byFeesDraft} onWrong={hear} />
      {saving ? (
        <Save
          fees={fees}
          seen={seen}
          onClose={() => setSaving(false)}
          onSaved={onEnd}
          onOvertaken={(theirs) => {
            setOvertaken(true);
            setSeen(theirs);
          }}
        />
      ) : null}
    </>
  );
}

function Save({
  fees,
  seen,
  onClose,
  onSaved,
  onOvertaken,
}: {
  readonly fees: readonly Fee[];
  readonly seen: readonly Fee[];
  readonly onClose: () => void;
  readonly onSaved: (change: Change) => void;
  readonly onOvertaken: (theirs: readonly Fee[]) => void;
}) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  return (
    <Act
      title={words.askForFees}
      act={words.askForFees}
      onClose={onClose}
      onAct={async () => {
        try {
          const change = await office("put", "/v1/fees", {
            body: { fees: [...fees], instead_of: [...seen] },
          });
          onSaved(change);
        } catch (failure) {
          if (!(failure instanceof Problem) || failure.code !== "terms_changed") throw failure;
          const theirs = await office("get", "/v1/fees", {});
          await queries.invalidateQueries();
          return onOvertaken(theirs.fees);
        }
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{words.askForFeesMeans}</p>
    </Act>
  );
}

type Name = "percent" | "fixed" | "least" | "most" | "asset" | "tenant" | "priority";

/** Return what is wrong with a field: in words of ours where we know, else in the API's. */
function useSaidOfFields(fees: readonly Fee[], wrong: Wrong) {
  const words = useWords(CATALOGUE);
  const find = (place: number, name: Name): string | undefined => {
    const fee = fees[place] ?? NEW;
    const value = fee[name] ?? "";
    const amounts = [fee.fixed, fee.least, fee.most].some(Boolean);
    if (name === "percent" && !/^\d{1,3}(\.\d{1,6})?$/.test(value)) return words.percentWrong;
    if (name === "percent" && Number(value) > 100) return words.percentWrong;
    if (name === "asset" && value === "" && amounts) return words.assetMissing;
    if (["fixed", "least", "most"].includes(name) && !/^(\d+(\.\d+)?)?$/.test(value))
      return words.feeAmountWrong;
    return wrong[`fees[${place}].${name}`];
  };
  const names: readonly Name[] = ["percent", "fixed", "least", "most", "asset", "tenant"];
  const any =
    Object.keys(wrong).length > 0 ||
    fees.some((_, place) => names.some((name) => find(place, name) !== undefined));
  return Object.assign(find, { any });
}

function Rule({
  number,
  fee,
  said,
  onChange,
  onRemove,
}: {
  readonly number: number;
  readonly fee: Fee;
  readonly said: (name: Name) => string | undefined;
  readonly onChange: (fee: Fee) => void;
  readonly onRemove: () => void;
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const isFor = useFeeIsFor();
  const field = (name: Name, label: string, decimal = false) => (
    <Field
      label={label}
      value={fee[name] ?? ""}
      dir="ltr"
      inputMode={decimal ? "decimal" : "text"}
      wrong={said(name)}
      onChange={(event) => {
        const typed = event.currentTarget.value.trim();
        onChange({ ...fee, [name]: name === "asset" ? typed.toUpperCase() : typed });
      }}
    />
  );
  return (
    <fieldset className="m-0 min-w-0 rounded border border-line p-3">
      <legend className="px-1 font-strong">{words.ruleNumbered(number, isFor(fee))}</legend>
      <div className="grid grid-cols-[repeat(auto-fill,minmax(140px,1fr))] items-start gap-3">
        {field("percent", words.percent, true)}
        {field("fixed", words.fixedPart, true)}
        {field("least", words.feeLeast, true)}
        {field("most", words.feeMost, true)}
        {field("asset", general.asset)}
        <Select
          label={general.method}
          value={fee.method ?? ""}
          choices={[
            { value: "", label: general.any },
            ...METHODS.map((one) => ({ value: one, label: general.methodKind(one) })),
          ]}
          onChange={(event) => {
            const chosen = event.currentTarget.value;
            onChange({ ...fee, method: METHODS.find((one) => one === chosen) ?? null });
          }}
        />
        {field("priority", words.priority)}
        {field("tenant", words.merchant)}
      </div>
      <Button className="mt-3" onClick={onRemove} aria-label={words.removeFeeNumbered(number)}>
        {general.remove}
      </Button>
    </fieldset>
  );
}
