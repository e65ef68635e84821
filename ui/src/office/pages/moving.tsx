/** What moves money of a payment: refund, capture, void. Each button names the amount. */
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Amount, Button, Field, Icon } from "../../design";
import { useLocale, useWords } from "../../words";
import { shownMoney, type Money } from "../../words/formats";
import { Act, office, TextArea, useMay } from "../kit";
import { CATALOGUE } from "../words";
import { isNothing, minus, partTyped } from "./amounts";
import type { Payment } from "./asking";

type Move = "refund" | "capture" | "void";

/** Return what may still be given back. */
export function refundable(payment: Payment): Money {
  const left = minus(minus(payment.captured, payment.refunded), payment.disputed);
  return payment.refunds_awaiting ? minus(left, payment.refunds_awaiting) : left;
}

export function Moves({ payment }: { readonly payment: Payment }) {
  const words = useWords(CATALOGUE);
  const may = useMay();
  // A question stands as it was asked: what happens meanwhile does not change its amount.
  const [open, setOpen] = useState<{ readonly move: Move; readonly of: Payment } | null>(null);
  const ask = (move: Move) => setOpen({ move, of: payment });
  const close = () => setOpen(null);
  const taken = payment.state === "succeeded" || payment.state === "partly_captured";
  const aside = payment.state === "authorized" || payment.state === "partly_captured";
  const mayRefund = may("refunds.write") && taken && !isNothing(refundable(payment));
  const mayTake = may("payments.write") && aside;
  return (
    <>
      {mayTake ? (
        <Button weight="primary" onClick={() => ask("capture")}>
          {words.capture}
        </Button>
      ) : null}
      {mayTake && payment.state === "authorized" ? (
        <Button weight="danger" onClick={() => ask("void")}>
          {words.void}
        </Button>
      ) : null}
      {mayRefund ? (
        <Button onClick={() => ask("refund")}>
          <Icon name="refund" className="size-4" />
          {words.refund}
        </Button>
      ) : null}
      {open?.move === "refund" ? <RefundDialog payment={open.of} onClose={close} /> : null}
      {open?.move === "capture" ? <CaptureDialog payment={open.of} onClose={close} /> : null}
      {open?.move === "void" ? <VoidDialog payment={open.of} onClose={close} /> : null}
    </>
  );
}

interface DialogProps {
  readonly payment: Payment;
  readonly onClose: () => void;
}

/** Return a field for a part of an amount, and the amount once it is one. */
function usePart(whole: Money) {
  const words = useWords(CATALOGUE);
  const [typed, setTyped] = useState(whole.amount);
  const read = partTyped(typed, whole);
  const part = typeof read === "string" ? null : read;
  const field = (
    <Field
      label={words.amount}
      value={typed}
      inputMode="decimal"
      autoComplete="off"
      dir="ltr"
      end={whole.asset}
      wrong={typeof read === "string" && typed !== "" ? words.amountWrong(read) : undefined}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  );
  return { part, field };
}

function RefundDialog({ payment, onClose }: DialogProps) {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const whole = refundable(payment);
  const { part, field } = usePart(whole);
  const [reason, setReason] = useState("");
  return (
    <Act
      title={words.refundTitle}
      act={part ? words.refundAmount(shownMoney(part, locale)) : words.refund}
      blocked={part === null}
      onClose={onClose}
      onAct={async (key) => {
        if (part === null) return;
        const made = await office("post", "/v1/refunds", {
          body: { payment: payment.id, amount: part, reason, sent: "" },
          key,
        });
        await queries.invalidateQueries();
        void navigate({ to: `/refunds/${made.id}` });
      }}
    >
      <p className="m-0">
        {words.canBeRefunded} <Amount money={whole} className="font-strong" />
      </p>
      {field}
      <TextArea
        label={words.reason}
        value={reason}
        maxLength={500}
        hint={words.secondPersonHint}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </Act>
  );
}

function CaptureDialog({ payment, onClose }: DialogProps) {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const queries = useQueryClient();
  const { part, field } = usePart(minus(payment.authorized, payment.captured));
  return (
    <Act
      title={words.captureTitle}
      act={part ? words.captureAmount(shownMoney(part, locale)) : words.capture}
      blocked={part === null}
      onClose={onClose}
      onAct={async (key) => {
        if (part === null) return;
        await office("post", "/v1/payments/{payment}/capture", {
          path: { payment: payment.id },
          body: { amount: part, last: true },
          key,
        });
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{words.captureMeans}</p>
      {field}
    </Act>
  );
}

function VoidDialog({ payment, onClose }: DialogProps) {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const queries = useQueryClient();
  return (
    <Act
      title={words.voidTitle}
      act={words.voidAmount(shownMoney(payment.authorized, locale))}
      danger
      onClose={onClose}
      onAct={async (key) => {
        await office("post", "/v1/payments/{payment}/void", {
          path: { payment: payment.id },
          body: { reason: "" },
          key,
        });
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{words.voidMeans}</p>
    </Act>
  );
}
