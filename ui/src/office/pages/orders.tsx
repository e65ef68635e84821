/** Orders: what was to be paid, and how far the money has come. */
import { useMemo } from "react";
import { Amount, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE } from "../words";
import { orders, type Order } from "./asking";
import { ORDER_STATUSES, OrderStanding } from "./standing";

export default function Orders() {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Order>[]>(
    () => [
      {
        id: "amount",
        label: words.amount,
        show: (one) => <Amount money={one.amount} className="font-strong" />,
        text: (one) => `${one.amount.amount} ${one.amount.asset}`,
      },
      {
        id: "status",
        label: words.state,
        show: (one) => <OrderStanding status={one.status} />,
        text: (one) => one.status,
      },
      {
        id: "description",
        label: words.description,
        show: (one) => one.description || one.reference || "–",
        text: (one) => one.description,
      },
      {
        id: "reference",
        label: words.reference,
        show: (one) => one.reference || "–",
        text: (one) => one.reference,
      },
      {
        id: "created_at",
        label: words.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
      },
      {
        id: "paid",
        label: words.paid,
        end: true,
        extra: true,
        show: (one) => <Amount money={one.paid} />,
        text: (one) => one.paid.amount,
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
      name="orders"
      title={words.orders}
      fetch={orders}
      columns={columns}
      filters={[
        {
          name: "status",
          label: words.state,
          choices: ORDER_STATUSES.map((one) => ({ value: one, label: words.orderStatus(one) })),
        },
        { name: "query", label: words.contains },
        { name: "created_from", label: words.from, kind: "date" },
        { name: "created_until", label: words.until, kind: "date" },
      ]}
      views={[
        { name: words.all, filters: {} },
        { name: words.orderStatus("open"), filters: { status: "open" } },
        { name: words.orderStatus("overpaid"), filters: { status: "overpaid" } },
      ]}
      to={(one) => `/orders/${one.id}`}
      empty={words.noOrders}
      emptyHint={<p>{words.noOrdersHint}</p>}
    />
  );
}
