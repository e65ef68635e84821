/** Geschlossene Listen der API auf Deutsch. */
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
  created: "Wartet auf eine Zahlungsart",
  processing: "Beim Anbieter",
  needs_action: "Wartet auf den Zahlenden",
  unknown: "Noch nicht bekannt",
  authorized: "Vorgemerkt",
  partly_captured: "Teilweise eingezogen",
  succeeded: "Gelungen",
  declined: "Abgelehnt",
  voided: "Freigegeben",
  expired: "Abgelaufen",
  failed: "Gescheitert",
};
export const REFUND_STATE: Readonly<Record<RefundState, string>> = {
  needs_approval: "Braucht Freigabe",
  processing: "Beim Anbieter",
  unknown: "Noch nicht bekannt",
  succeeded: "Zurückgegeben",
  failed: "Gescheitert",
  rejected: "Abgelehnt",
};
export const DISPUTE_STATE: Readonly<Record<DisputeState, string>> = {
  opened: "Braucht eine Antwort",
  under_review: "Wird entschieden",
  won: "Gewonnen",
  lost: "Verloren",
};
export const ORDER_STATUS: Readonly<Record<OrderStatus, string>> = {
  open: "Offen",
  authorized: "Vorgemerkt",
  part_paid: "Teilweise bezahlt",
  paid: "Bezahlt",
  overpaid: "Überzahlt",
  part_refunded: "Teilweise erstattet",
  refunded: "Erstattet",
};
export const APPROVAL_STATE: Readonly<Record<ApprovalState, string>> = {
  open: "Wartet",
  approved: "Freigegeben",
  rejected: "Abgelehnt",
  expired: "Abgelaufen",
  spent: "Erledigt",
};
export const METHOD_KIND: Readonly<Record<MethodKind, string>> = {
  bank_account: "Bankkonto",
  bank_transfer: "Überweisung",
  card: "Karte",
  crypto: "Krypto",
  paypal: "PayPal",
};
export const ACCOUNT_TYPE: Readonly<Record<AccountType, string>> = {
  asset: "Vermögen",
  liability: "Verbindlichkeit",
  equity: "Eigenkapital",
  income: "Ertrag",
  expense: "Aufwand",
};
export const ACCOUNT_STATE: Readonly<Record<AccountState, string>> = {
  open: "Offen",
  frozen: "Eingefroren",
  closed: "Geschlossen",
};
export const TRANSFER_KIND: Readonly<Record<TransferKind, string>> = {
  post: "Buchung",
  reversal: "Storno",
  hold: "Vormerkung",
  capture: "Einzug einer Vormerkung",
  void: "Vormerkung freigegeben",
  expiry: "Vormerkung abgelaufen",
  opening: "Konto eröffnet",
  change: "Konto geändert",
};
export const DELIVERY_STATE: Readonly<Record<DeliveryState, string>> = {
  pending: "wartet",
  delivered: "zugestellt",
  failed: "gescheitert",
};
export const AMOUNT_WRONG: Readonly<Record<WrongAmount, string>> = {
  malformed: "Schreiben Sie einen Betrag wie 19,99.",
  tooFine: "Diese Währung hat weniger Nachkommastellen.",
  nothing: "Der Betrag ist null.",
  tooMuch: "Das ist mehr, als da ist.",
};
export const EVIDENCE_NAME: Readonly<Record<EvidenceName, string>> = {
  product_description: "Was verkauft wurde",
  refund_refusal_explanation: "Warum nicht erstattet wird",
  shipping_tracking_number: "Nummer der Sendung",
  uncategorized_text: "Was sonst dagegen spricht",
};
export const DECLINED_BECAUSE: Readonly<Record<DeclineCode, string>> = {
  authentication_failed: "Der Zahlende konnte sich nicht ausweisen",
  authentication_required: "Der Zahlende muss sich ausweisen",
  card_declined: "Die Bank hat die Karte abgelehnt",
  do_not_honor: "Die Bank hat ohne Grund abgelehnt",
  expired_card: "Die Karte ist abgelaufen",
  fraud_suspected: "Die Bank vermutet Betrug",
  incorrect_cvc: "Der Prüfcode ist falsch",
  incorrect_number: "Die Nummer ist falsch",
  insufficient_funds: "Das Geld reicht nicht",
  limit_exceeded: "Eine Grenze ist erreicht",
  lost_or_stolen: "Die Karte ist verloren oder gestohlen",
  method_not_supported: "Der Anbieter nimmt das nicht",
  payer_cancelled: "Der Zahlende hat abgebrochen",
  processing_error: "Der Anbieter hatte einen Fehler",
  returned: "Die Zahlung kam zurück",
  try_again_later: "Die Bank bittet, es später zu versuchen",
  other: "Aus anderem Grund abgelehnt",
};
export const OPERATIONS: Readonly<Record<Operation, string>> = {
  charge: "Belastung",
  capture: "Einzug",
  void: "Freigabe",
  refund: "Erstattung",
};
export const ATTEMPTS: Readonly<Record<AttemptState, string>> = {
  sent: "gesendet",
  waiting: "wartet",
  unknown: "noch nicht bekannt",
  done: "erledigt",
  declined: "abgelehnt",
  failed: "gescheitert",
};
export const ABOUT: Readonly<Record<"payment" | "refund", string>> = {
  payment: "Zahlung",
  refund: "Erstattung",
};
export const OUTCOMES: Readonly<Record<ReceiptOutcome, string>> = {
  succeeded: "gelungen",
  declined: "abgelehnt",
  voided: "freigegeben",
  expired: "abgelaufen",
  failed: "gescheitert",
  rejected: "abgelehnt",
};
export const CHART: Readonly<Record<string, string>> = {
  psp_receivable: "Forderung an Anbieter",
  cash_at_bank: "Bankguthaben",
  merchant_payable: "Ihnen geschuldet",
  refund_payable: "Versprochene Erstattungen",
  dispute_reserve: "Für Streitfälle zurückgelegt",
  dispute_receivable: "Vom Anbieter im Streit einbehalten",
  fees_earned: "Unsere Gebühren",
  fees_paid: "Gebühren der Anbieter",
  suspense: "Noch ungeklärt",
};
export const PAYMENTS = { one: "# Zahlung", other: "# Zahlungen" };
export const ACCOUNTS = { one: "# Konto", other: "# Konten" };
export const ENTRIES = { one: "# Eintrag", other: "# Einträge" };
