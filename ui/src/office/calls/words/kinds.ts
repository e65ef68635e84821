/** The closed lists that these words are about. */
import type { components } from "../../../api/schema";

/** How a call ended that was not answered. */
export type Silence = Exclude<components["schemas"]["Sending"], "answered">;
