/**
 * What time it is where things happen. A browser's clock may be wrong, and in a demo business time
 * may have been moved; sessions, keys and jobs go by the machine's.
 */
import { createContext, useContext } from "react";

/** How far each clock is ahead of this browser's, in milliseconds. */
export interface Clocks {
  readonly business: number;
  readonly machine: number;
}

export const Ahead = createContext<Clocks>({ business: 0, machine: 0 });

/** Return what time it is, in milliseconds since 1970. */
export function useNow(by: keyof Clocks = "business"): number {
  return Date.now() + useContext(Ahead)[by];
}
