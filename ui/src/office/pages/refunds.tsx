/** Refunds: what was given back, what waits for a second person. */
import { useMemo } from "react";
import { Amount, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE } from "../words";
import { refunds, useNameOf, type Refund } from "./asking";
import { REFUND_STATES, RefundStatus } from "./standing";

export default function Refunds() {
  const words = useWords(CATALOGUE);
  const nameOf = useNameOf();
  const columns = useMemo<readonly Column<Refund>[]>(
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
        show: (one) => <RefundStatus state={one.state} />,
        text: (one) => one.state,
      },
      {
        id: "reason",
        label: words.reason,
        show: (one) => one.reason || "–",
        text: (one) => one.reason,
      },
      {
        id: "requested_by",
        label: words.askedBy,
        show: (one) => nameOf(one.requested_by),
        text: (one) => one.requested_by,
      },
      {
        id: "created_at",
        label: words.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
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
    [words, nameOf],
  );
  return (
    <ListPage
      name="refunds"
      title={words.refunds}
      fetch={refunds}
      columns={columns}
      filters={[
        {
          name: "state",
          label: words.state,
          choices: REFUND_STATES.map((one) => ({ value: one, label: words.refundState(one) })),
        },
        { name: "payment", label: words.payment },
      ]}
      views={[
        { name: words.all, filters: {} },
        { name: words.refundState("needs_approval"), filters: { state: "needs_approval" } },
        { name: words.refundState("unknown"), filters: { state: "unknown" } },
      ]}
      to={(one) => `/refunds/${one.id}`}
      empty={words.noRefunds}
      emptyHint={<p>{words.noRefundsHint}</p>}
    />
  );
}
