/** Disputes: money that payers want back, and until when one may answer. */
import { useMemo } from "react";
import { Amount, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE } from "../words";
import { disputes, type Dispute } from "./asking";
import { DISPUTE_STATES, DisputeStatus } from "./standing";

export default function Disputes() {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Dispute>[]>(
    () => [
      {
        id: "amount",
        label: words.amount,
        show: (one) => <Amount money={one.amount} className="font-strong" />,
        text: (one) => `${one.amount.amount} ${one.amount.asset}`,
      },
      {
        id: "state",
        label: words.state,
        show: (one) => <DisputeStatus state={one.state} />,
        text: (one) => one.state,
      },
      {
        id: "reason",
        label: words.reason,
        show: (one) => one.reason || "–",
        text: (one) => one.reason,
      },
      {
        id: "evidence_due_at",
        label: words.answerBy,
        show: (one) => (one.evidence_due_at ? <Moment at={one.evidence_due_at} /> : "–"),
        text: (one) => one.evidence_due_at ?? "",
      },
      {
        id: "opened_at",
        label: words.opened,
        show: (one) => <Moment at={one.opened_at} />,
        text: (one) => one.opened_at,
      },
      {
        id: "provider",
        label: words.provider,
        extra: true,
        show: (one) => one.provider,
        text: (one) => one.provider,
      },
      {
        id: "payment",
        label: words.payment,
        extra: true,
        show: (one) => <Identifier>{one.payment}</Identifier>,
        text: (one) => one.payment,
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
      name="disputes"
      title={words.disputes}
      fetch={disputes}
      columns={columns}
      filters={[
        {
          name: "state",
          label: words.state,
          choices: DISPUTE_STATES.map((one) => ({ value: one, label: words.disputeState(one) })),
        },
        { name: "payment", label: words.payment },
      ]}
      views={[
        { name: words.all, filters: {} },
        { name: words.disputeState("opened"), filters: { state: "opened" } },
      ]}
      to={(one) => `/disputes/${one.id}`}
      empty={words.noDisputes}
      emptyHint={<p>{words.noDisputesHint}</p>}
    />
  );
}
