/** Amounts, moments and numbers as people of a language write them. */
import { formatsOf, type Locale } from "./index";

/** An amount as the API writes it: a decimal text in major units, never a number. */
export interface Money {
  readonly amount: string;
  readonly asset: string;
}

const NO_BREAK = "\u00a0";

/** Write an amount with its asset. The text is formatted as it is: it never becomes a float. */
export function shownMoney(money: Money, locale: Locale): string {
  return `${shownDecimal(money.amount, locale)}${NO_BREAK}${money.asset}`;
}

/** Write a decimal text with the places it has. */
export function shownDecimal(text: string, locale: Locale): string {
  const places = text.split(".")[1]?.length ?? 0;
  const format = new Intl.NumberFormat(formatsOf(locale), {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
  return format.format(text as `${number}`);
}

/** Write a moment exactly. */
export function shownMoment(at: string, locale: Locale): string {
  const format = new Intl.DateTimeFormat(formatsOf(locale), {
    dateStyle: "medium",
    timeStyle: "medium",
  });
  return format.format(new Date(at));
}

/** Write a day. */
export function shownDay(at: string, locale: Locale): string {
  return new Intl.DateTimeFormat(formatsOf(locale), { dateStyle: "long" }).format(new Date(at));
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Write how long ago, or how soon, a moment is. */
export function shownDistance(at: string, now: number, locale: Locale): string {
  const seconds = (new Date(at).getTime() - now) / 1_000;
  const format = new Intl.RelativeTimeFormat(formatsOf(locale), { numeric: "auto" });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(Math.trunc(seconds), "second");
}

/** Write a stretch of time as a clock counts it down: minutes and seconds. */
export function shownCountdown(seconds: number): string {
  const left = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(left / 3_600);
  const minutes = Math.floor((left % 3_600) / 60);
  const parts = hours > 0 ? [hours, minutes, left % 60] : [minutes, left % 60];
  return parts
    .map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, "0")))
    .join(":");
}

/** Compare two decimal texts exactly; negative if the first is less. */
export function compared(first: string, second: string): number {
  const places = Math.max(first.split(".")[1]?.length ?? 0, second.split(".")[1]?.length ?? 0);
  const difference = minor(first, places) - minor(second, places);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function minor(text: string, places: number): bigint {
  const [whole = "0", part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(places, "0"));
}
