/** The closed lists that these pages put into words. */
import type { components } from "../../../api/schema";

type Schemas = components["schemas"];
export type KeyState = Schemas["KeyState"];
export type Security = Schemas["Security"];
export type Use = Schemas["Use"];
export type Outcome = Schemas["bezant__keys__access__Outcome"];
export type TermsState = Schemas["TermsState"];
export type Health = Schemas["FindingAnswer"]["health"];
export type Form = Schemas["bezant__receipts__receipt__Form"];

/** What the sandbox page offers of all that can go wrong. */
export const SCENARIOS = [
  "decline",
  "soft_decline",
  "challenge",
  "timeout_before_acting",
  "timeout_after_acting",
  "slow",
  "webhook_duplicate",
  "webhook_late",
  "webhook_forge",
  "dispute",
] as const satisfies readonly Schemas["Effect"][];
export type Scenario = (typeof SCENARIOS)[number];
