/** Transfers: every numbered row of the book. */
import { useMemo } from "react";
import { Amount, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE } from "../words";
import { transfers, type Transfer } from "./asking";

export default function Transfers() {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Transfer>[]>(
    () => [
      {
        id: "reason",
        label: words.what,
        show: (one) => (
          <span className="font-strong">{one.reason || words.transferKind(one.kind)}</span>
        ),
        text: (one) => one.reason,
      },
      {
        id: "kind",
        label: words.kind,
        show: (one) => words.transferKind(one.kind),
        text: (one) => one.kind,
      },
      {
        id: "amount",
        label: words.debited,
        end: true,
        show: (one) => {
          const first = one.legs.find((leg) => leg.side === "debit");
          return first ? <Amount money={first.amount} /> : "–";
        },
        text: (one) => one.legs.find((leg) => leg.side === "debit")?.amount.amount ?? "",
      },
      {
        id: "recorded_at",
        label: words.recorded,
        show: (one) => <Moment at={one.recorded_at} />,
        text: (one) => one.recorded_at,
      },
      {
        id: "reference",
        label: words.reference,
        show: (one) => (one.reference ? <Identifier>{one.reference}</Identifier> : "–"),
        text: (one) => one.reference,
      },
      {
        id: "id",
        label: words.id,
        extra: true,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words],
  );
  return (
    <ListPage
      name="transfers"
      title={words.transfers}
      fetch={transfers}
      columns={columns}
      filters={[
        { name: "reference", label: words.reference },
        { name: "account", label: words.account },
        { name: "asset", label: words.asset },
        { name: "recorded_from", label: words.from, kind: "date" },
        { name: "recorded_until", label: words.until, kind: "date" },
      ]}
      to={(one) => `/transfers/${one.id}`}
      empty={words.noTransfers}
      emptyHint={<p>{words.noAccountsHint}</p>}
      about="ledger"
    />
  );
}
