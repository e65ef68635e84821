/** The closed lists of the API that the office puts into words: a new member fails the build. */
import type { components } from "../../api/schema";

type Schemas = components["schemas"];
export type PaymentState = Schemas["PaymentState"];
export type RefundState = Schemas["RefundState"];
export type DisputeState = Schemas["DisputeState"];
export type OrderStatus = Schemas["OrderStatus"];
export type ApprovalState = Schemas["ApprovalState"];
export type MethodKind = Schemas["MethodKind"];
export type Operation = Schemas["Operation"];
export type AttemptState = Schemas["AttemptState"];
export type AccountType = Schemas["AccountType"];
export type AccountState = Schemas["AccountState"];
export type TransferKind = Schemas["TransferKind"];
export type DeclineCode = Schemas["DeclineCode"];
export type DeliveryState = Schemas["DeliveryState"];
export type ReceiptOutcome = Schemas["bezant__receipts__receipt__Outcome"];
export type WrongAmount = "malformed" | "tooFine" | "nothing" | "tooMuch";
export type EvidenceName =
  | "product_description"
  | "refund_refusal_explanation"
  | "shipping_tracking_number"
  | "uncategorized_text";

/** Accounts of the platform's chart; another name is shown as it is. */
export const chartName = (
  names: Readonly<Record<string, string>>,
  name: string,
  of: string,
): string => {
  const said = names[name] ?? name.replaceAll("_", " ");
  return of ? `${said} · ${of}` : said;
};
