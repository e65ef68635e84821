/** Closed lists of the API in English. */
import type {
  AccountState,
  AccountType,
  ApprovalState,
  AttemptState,
  DeclineCode,
  DeliveryState,
  DisputeState,
  EvidenceName,
  MethodKind,
  Operation,
  OrderStatus,
  PaymentState,
  ReceiptOutcome,
  RefundState,
  TransferKind,
  WrongAmount,
} from "./kinds";

export const PAYMENT_STATE: Readonly<Record<PaymentState, string>> = {
  created: "Waits for a way to pay",
  processing: "With the provider",
  needs_action: "Waits for the payer",
  unknown: "Not known yet",
  authorized: "Set aside",
  partly_captured: "Partly captured",
  succeeded: "Succeeded",
  declined: "Declined",
  voided: "Let go",
  expired: "Expired",
  failed: "Failed",
};
export const REFUND_STATE: Readonly<Record<RefundState, string>> = {
  needs_approval: "Needs approval",
  processing: "With the provider",
  unknown: "Not known yet",
  succeeded: "Given back",
  failed: "Failed",
  rejected: "Rejected",
};
export const DISPUTE_STATE: Readonly<Record<DisputeState, string>> = {
  opened: "Needs an answer",
  under_review: "Being decided",
  won: "Won",
  lost: "Lost",
};
export const ORDER_STATUS: Readonly<Record<OrderStatus, string>> = {
  open: "Open",
  authorized: "Set aside",
  part_paid: "Partly paid",
  paid: "Paid",
  overpaid: "Overpaid",
  part_refunded: "Partly refunded",
  refunded: "Refunded",
};
export const APPROVAL_STATE: Readonly<Record<ApprovalState, string>> = {
  open: "Waits",
  approved: "Approved",
  rejected: "Rejected",
  expired: "Expired",
  spent: "Done",
};
export const METHOD_KIND: Readonly<Record<MethodKind, string>> = {
  bank_account: "Bank account",
  bank_transfer: "Bank transfer",
  card: "Card",
  crypto: "Crypto",
  paypal: "PayPal",
};
export const ACCOUNT_TYPE: Readonly<Record<AccountType, string>> = {
  asset: "Asset",
  liability: "Liability",
  equity: "Equity",
  income: "Income",
  expense: "Expense",
};
export const ACCOUNT_STATE: Readonly<Record<AccountState, string>> = {
  open: "Open",
  frozen: "Frozen",
  closed: "Closed",
};
export const TRANSFER_KIND: Readonly<Record<TransferKind, string>> = {
  post: "Posting",
  reversal: "Reversal",
  hold: "Hold",
  capture: "Capture of a hold",
  void: "Hold let go",
  expiry: "Hold expired",
  opening: "Account opened",
  change: "Account changed",
};
export const DELIVERY_STATE: Readonly<Record<DeliveryState, string>> = {
  pending: "waits",
  delivered: "delivered",
  failed: "failed",
};
export const AMOUNT_WRONG: Readonly<Record<WrongAmount, string>> = {
  malformed: "Write an amount such as 19.99.",
  tooFine: "This asset has fewer decimals.",
  nothing: "The amount is nothing.",
  tooMuch: "This is more than there is.",
};
export const EVIDENCE_NAME: Readonly<Record<EvidenceName, string>> = {
  product_description: "What was sold",
  refund_refusal_explanation: "Why there is no refund",
  shipping_tracking_number: "Number of the parcel",
  uncategorized_text: "What else speaks against it",
};
export const DECLINED_BECAUSE: Readonly<Record<DeclineCode, string>> = {
  authentication_failed: "The payer could not prove who they are",
  authentication_required: "The payer has to prove who they are",
  card_declined: "The bank declined the card",
  do_not_honor: "The bank declined without a reason",
  expired_card: "The card has expired",
  fraud_suspected: "The bank suspects fraud",
  incorrect_cvc: "The security code is wrong",
  incorrect_number: "The number is wrong",
  insufficient_funds: "There is not enough money",
  limit_exceeded: "A limit was reached",
  lost_or_stolen: "The card is lost or stolen",
  method_not_supported: "The provider does not take this",
  payer_cancelled: "The payer cancelled",
  processing_error: "The provider had an error",
  returned: "The payment was returned",
  try_again_later: "The bank asks to try again later",
  other: "Declined for another reason",
};
export const OPERATIONS: Readonly<Record<Operation, string>> = {
  charge: "Charge",
  capture: "Capture",
  void: "Letting go",
  refund: "Refund",
};
export const ATTEMPTS: Readonly<Record<AttemptState, string>> = {
  sent: "sent",
  waiting: "waits",
  unknown: "not known yet",
  done: "done",
  declined: "declined",
  failed: "failed",
};
export const ABOUT: Readonly<Record<"payment" | "refund", string>> = {
  payment: "Payment",
  refund: "Refund",
};
export const OUTCOMES: Readonly<Record<ReceiptOutcome, string>> = {
  succeeded: "succeeded",
  declined: "declined",
  voided: "let go",
  expired: "expired",
  failed: "failed",
  rejected: "rejected",
};
export const CHART: Readonly<Record<string, string>> = {
  psp_receivable: "Owed by provider",
  cash_at_bank: "Cash at bank",
  merchant_payable: "Owed to you",
  refund_payable: "Refunds promised",
  dispute_reserve: "Set aside for disputes",
  dispute_receivable: "Held by provider in dispute",
  fees_earned: "Our fees",
  fees_paid: "Fees of providers",
  suspense: "Not explained yet",
};
export const PAYMENTS = { one: "# payment", other: "# payments" };
export const ACCOUNTS = { one: "# account", other: "# accounts" };
export const ENTRIES = { one: "# entry", other: "# entries" };
