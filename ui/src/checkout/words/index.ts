/** The checkout's words. */
import type { Catalogue, Translated } from "../../words";
import { useWords } from "../../words";
import { ar } from "./ar";
import { de } from "./de";
import { en } from "./en";

export const CATALOGUE: Catalogue<typeof en> = { en, de, ar };
export type Words = Translated<typeof en>;

export function useCheckoutWords(): Words {
  return useWords<typeof en>(CATALOGUE);
}
