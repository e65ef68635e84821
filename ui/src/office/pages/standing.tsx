/** States in words and in colour: what each means for the money. */
import { Status, type Tone } from "../../design";
import { useWords } from "../../words";
import type { Schemas } from "../kit";
import { CATALOGUE } from "../words";

export type PaymentState = Schemas["PaymentState"];
export type RefundState = Schemas["RefundState"];
export type DisputeState = Schemas["DisputeState"];
export type OrderStatus = Schemas["OrderStatus"];
export type ApprovalState = Schemas["ApprovalState"];
export type MethodKind = Schemas["MethodKind"];

const OF_PAYMENT: Readonly<Record<PaymentState, Tone>> = {
  created: "calm",
  processing: "waiting",
  needs_action: "waiting",
  unknown: "unknown",
  authorized: "waiting",
  partly_captured: "taken",
  succeeded: "taken",
  declined: "failed",
  voided: "calm",
  expired: "calm",
  failed: "failed",
};
const OF_REFUND: Readonly<Record<RefundState, Tone>> = {
  needs_approval: "waiting",
  processing: "waiting",
  unknown: "unknown",
  succeeded: "taken",
  failed: "failed",
  rejected: "calm",
};
const OF_DISPUTE: Readonly<Record<DisputeState, Tone>> = {
  opened: "waiting",
  under_review: "waiting",
  won: "taken",
  lost: "failed",
};
const OF_ORDER: Readonly<Record<OrderStatus, Tone>> = {
  open: "calm",
  authorized: "waiting",
  part_paid: "waiting",
  paid: "taken",
  overpaid: "waiting",
  part_refunded: "taken",
  refunded: "calm",
};
const OF_APPROVAL: Readonly<Record<ApprovalState, Tone>> = {
  open: "waiting",
  approved: "taken",
  rejected: "failed",
  expired: "calm",
  spent: "taken",
};

export const PAYMENT_STATES = Object.keys(OF_PAYMENT) as PaymentState[];
export const REFUND_STATES = Object.keys(OF_REFUND) as RefundState[];
export const DISPUTE_STATES = Object.keys(OF_DISPUTE) as DisputeState[];
export const ORDER_STATUSES = Object.keys(OF_ORDER) as OrderStatus[];
export const APPROVAL_STATES = Object.keys(OF_APPROVAL) as ApprovalState[];

export function PaymentStatus({ state }: { readonly state: PaymentState }) {
  return <Status tone={OF_PAYMENT[state]}>{useWords(CATALOGUE).paymentState(state)}</Status>;
}
export function RefundStatus({ state }: { readonly state: RefundState }) {
  return <Status tone={OF_REFUND[state]}>{useWords(CATALOGUE).refundState(state)}</Status>;
}
export function DisputeStatus({ state }: { readonly state: DisputeState }) {
  return <Status tone={OF_DISPUTE[state]}>{useWords(CATALOGUE).disputeState(state)}</Status>;
}
export function OrderStanding({ status }: { readonly status: OrderStatus }) {
  return <Status tone={OF_ORDER[status]}>{useWords(CATALOGUE).orderStatus(status)}</Status>;
}
export function ApprovalStatus({ state }: { readonly state: ApprovalState }) {
  return <Status tone={OF_APPROVAL[state]}>{useWords(CATALOGUE).approvalState(state)}</Status>;
}
