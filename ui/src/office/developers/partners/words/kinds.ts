/** The closed lists of the API that these pages put into words. */
import type { components } from "../../../../api/schema";

type Schemas = components["schemas"];
export type ClientKind = Schemas["ClientKind"];
export type KeyMistake = "private" | "unreadable" | "kind";
