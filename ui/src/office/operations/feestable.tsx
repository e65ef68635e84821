/** Fee rules as a table: for which payments, and how much. */
import { useMemo } from "react";
import { Amount } from "../../design";
import { useLocale, useWords } from "../../words";
import { shownDecimal } from "../../words/formats";
import { Rows, type Column, type Schemas } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

export type Fee = Schemas["FeeModel"];
export type Change = Schemas["FeesChangeModel"];
type Row = Fee & { readonly id: string };

/** Return for which payments a rule is, in words; nothing is every payment. */
export function useFeeIsFor(): (fee: Fee) => string {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  return (fee) =>
    [
      fee.method ? general.methodKind(fee.method) : "",
      fee.asset ?? "",
      fee.priority ? words.ofPriority(fee.priority) : "",
      fee.tenant ? words.ofMerchant(fee.tenant) : "",
    ]
      .filter(Boolean)
      .join(", ") || words.everyPayment;
}

export function FeesTable({
  title,
  fees,
}: {
  readonly title: string;
  readonly fees: readonly Fee[];
}) {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const isFor = useFeeIsFor();
  const columns = useMemo<readonly Column<Row>[]>(() => {
    const amount = (id: "fixed" | "least" | "most", label: string) => ({
      id,
      label,
      end: true,
      show: (one: Row) =>
        one[id] ? <Amount money={{ amount: one[id], asset: one.asset ?? "" }} /> : "–",
      text: (one: Row) => one[id] ?? "",
    });
    return [
      {
        id: "for",
        label: words.fits,
        show: (one) => <span className="[overflow-wrap:anywhere]">{isFor(one)}</span>,
        text: (one) => isFor(one),
      },
      {
        id: "percent",
        label: words.percent,
        end: true,
        show: (one) => `${shownDecimal(one.percent, locale)} %`,
        text: (one) => one.percent,
      },
      amount("fixed", words.fixedPart),
      amount("least", words.feeLeast),
      amount("most", words.feeMost),
    ];
  }, [words, locale, isFor]);
  const rows = fees.map((one, place) => ({ ...one, id: String(place) }));
  return <Rows name="fees" title={title} columns={columns} rows={rows} />;
}
