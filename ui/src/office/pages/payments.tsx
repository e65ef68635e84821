/** Payments: filters, views, a chart that follows them, and an export of what is shown. */
import { useMemo } from "react";
import { Amount, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column, type Filter } from "../kit";
import { CATALOGUE } from "../words";
import { payments, type Payment } from "./asking";
import { Course } from "./course";
import { PAYMENT_STATES, PaymentStatus, type MethodKind } from "./standing";

const METHODS: readonly MethodKind[] = [
  "card",
  "paypal",
  "bank_transfer",
  "bank_account",
  "crypto",
];

/** Return the columns of payments wherever they are listed. */
export function usePaymentColumns(): readonly Column<Payment>[] {
  const words = useWords(CATALOGUE);
  return useMemo(
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
        show: (one) => <PaymentStatus state={one.state} />,
        text: (one) => one.state,
      },
      {
        id: "description",
        label: words.description,
        show: (one) => one.description || one.order || "–",
        text: (one) => one.description,
      },
      {
        id: "method",
        label: words.method,
        show: (one) => (one.method ? words.methodKind(one.method) : "–"),
        text: (one) => one.method ?? "",
      },
      {
        id: "provider",
        label: words.provider,
        show: (one) => one.provider || "–",
        text: (one) => one.provider,
      },
      {
        id: "created_at",
        label: words.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
      },
      {
        id: "captured",
        label: words.captured,
        end: true,
        extra: true,
        show: (one) => <Amount money={one.captured} />,
        text: (one) => one.captured.amount,
      },
      {
        id: "refunded",
        label: words.refunded,
        end: true,
        extra: true,
        show: (one) => <Amount money={one.refunded} />,
        text: (one) => one.refunded.amount,
      },
      {
        id: "fee",
        label: words.fee,
        end: true,
        extra: true,
        show: (one) => <Amount money={one.fee} />,
        text: (one) => one.fee.amount,
      },
      {
        id: "order",
        label: words.order,
        extra: true,
        show: (one) => one.order || "–",
        text: (one) => one.order,
      },
      {
        id: "reference",
        label: words.reference,
        extra: true,
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
}

export default function Payments() {
  const words = useWords(CATALOGUE);
  const columns = usePaymentColumns();
  const filters: readonly Filter[] = [
    {
      name: "state",
      label: words.state,
      choices: PAYMENT_STATES.map((one) => ({ value: one, label: words.paymentState(one) })),
    },
    {
      name: "method",
      label: words.method,
      choices: METHODS.map((one) => ({ value: one, label: words.methodKind(one) })),
    },
    { name: "text", label: words.contains },
    { name: "asset", label: words.asset },
    { name: "created_from", label: words.from, kind: "date" },
    { name: "created_until", label: words.until, kind: "date" },
    { name: "provider", label: words.provider },
    { name: "reference", label: words.reference },
  ];
  return (
    <ListPage
      name="payments"
      title={words.payments}
      fetch={payments}
      columns={columns}
      filters={filters}
      views={[
        { name: words.all, filters: {} },
        { name: words.paymentState("succeeded"), filters: { state: "succeeded" } },
        { name: words.paymentState("declined"), filters: { state: "declined" } },
        { name: words.paymentState("unknown"), filters: { state: "unknown" } },
      ]}
      to={(one) => `/payments/${one.id}`}
      chart={(held) => <Course filters={held} />}
      empty={words.noPayments}
      emptyHint={<p>{words.noPaymentsHint}</p>}
    />
  );
}
