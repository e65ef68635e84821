/** Exact arithmetic on amounts as the API writes them: decimal texts, never floats. */
import { compared, type Money } from "../../words/formats";

function places(text: string): number {
  return text.split(".")[1]?.length ?? 0;
}

function minor(text: string, to: number): bigint {
  const [whole = "0", part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(to, "0"));
}

/** Return the difference of two amounts of one asset. */
export function minus(first: Money, second: Money): Money {
  const to = Math.max(places(first.amount), places(second.amount));
  const difference = minor(first.amount, to) - minor(second.amount, to);
  const sign = difference < 0n ? "-" : "";
  const digits = (difference < 0n ? -difference : difference).toString().padStart(to + 1, "0");
  const text = to === 0 ? digits : `${digits.slice(0, -to)}.${digits.slice(-to)}`;
  return { amount: sign + text, asset: first.asset };
}

export function isNothing(money: Money): boolean {
  return !/[1-9]/.test(money.amount);
}

export type Wrong = "malformed" | "tooFine" | "nothing" | "tooMuch";

/** Read what somebody typed as a part of an amount; say what is wrong with it. */
export function partTyped(typed: string, whole: Money): Money | Wrong {
  const text = typed.trim().replace(",", ".");
  if (!/^\d{1,30}(\.\d{1,18})?$/.test(text)) return "malformed";
  const to = places(whole.amount);
  if (places(text) > to) return "tooFine";
  const amount =
    to === 0 ? text : `${text.split(".")[0] ?? "0"}.${(text.split(".")[1] ?? "").padEnd(to, "0")}`;
  if (!/[1-9]/.test(amount)) return "nothing";
  return compared(amount, whole.amount) > 0 ? "tooMuch" : { amount, asset: whole.asset };
}

/** An amount as a number, for the height of a bar and nothing else. */
export function height(money: Money): number {
  return Number(money.amount);
}
