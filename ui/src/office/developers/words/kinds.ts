/** The closed lists of the API that these pages put into words. */
import type { components } from "../../../api/schema";

type Schemas = components["schemas"];
export type KeyKind = Schemas["KeyKind"];
export type Role = Schemas["Role"];
export type Access = Schemas["Access"];
export type PayloadKind = Schemas["PayloadKind"];
export type DisabledBecause = Schemas["DisabledBecause"];
export type DeliveryOutcome = Schemas["bezant__webhooks__delivery__Outcome"];
export type Verdict = "genuine" | "old" | "forged" | "unreadable";
