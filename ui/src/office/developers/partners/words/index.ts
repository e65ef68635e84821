/** The words about clients and signers in every language we speak. */
import type { Catalogue } from "../../../../words";
import { ar } from "./ar";
import { de } from "./de";
import { en } from "./en";

export const CATALOGUE: Catalogue<typeof en> = { en, de, ar };
