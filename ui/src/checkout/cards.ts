/** What a card's fields may hold. Pure: the vault decides, this only spares a payer the way. */

export type Brand =
  "visa" | "mastercard" | "amex" | "discover" | "diners" | "jcb" | "unionpay" | "";

const BRANDS: readonly (readonly [Brand, RegExp, readonly number[]])[] = [
  ["amex", /^3[47]/, [15]],
  ["diners", /^3(0[0-5]|[68])/, [14, 16]],
  ["jcb", /^35(2[89]|[3-8])/, [16, 17, 18, 19]],
  ["visa", /^4/, [13, 16, 19]],
  ["mastercard", /^(5[1-5]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720))/, [16]],
  ["discover", /^(6011|64[4-9]|65)/, [16, 17, 18, 19]],
  ["unionpay", /^62/, [16, 17, 18, 19]],
];
const DIGITS_MAX = 19;
const DIGITS_MIN = 12;

export function digitsOf(text: string): string {
  return text.replace(/\D/g, "").slice(0, DIGITS_MAX);
}

export function brandOf(digits: string): Brand {
  return BRANDS.find(([, begins]) => begins.test(digits))?.[0] ?? "";
}

/** Write a number in the groups that stand on the card. */
export function grouped(text: string): string {
  const digits = digitsOf(text);
  const groups = brandOf(digits) === "amex" ? [4, 6, 5] : [4, 4, 4, 4, 3];
  const parts: string[] = [];
  let at = 0;
  for (const size of groups) {
    if (at >= digits.length) break;
    parts.push(digits.slice(at, at + size));
    at += size;
  }
  return parts.join(" ");
}

/** Say where the cursor belongs after grouping: behind as many digits as before. */
export function caretAfter(text: string, digitsBefore: number): number {
  let seen = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (seen === digitsBefore) return at;
    if (/\d/.test(text[at] ?? "")) seen += 1;
  }
  return text.length;
}

export type NumberFault = "number_missing" | "number_short" | "number_wrong";

export function numberFault(text: string): NumberFault | null {
  const digits = digitsOf(text);
  if (!digits) return "number_missing";
  const lengths = BRANDS.find(([, begins]) => begins.test(digits))?.[2] ?? [DIGITS_MIN];
  if (digits.length < Math.min(...lengths)) return "number_short";
  const whole = lengths.length > 1 && brandOf(digits) ? lengths.includes(digits.length) : true;
  if (luhn(digits) && whole) return null;
  return digits.length < Math.max(...lengths) && !whole ? "number_short" : "number_wrong";
}

function luhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const value = Number(digits[digits.length - 1 - at]) * (at % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

export interface Expiry {
  readonly month: number;
  readonly year: number;
}

/** Read a date as people write it: `4/30`, `04 / 2030`, `0430`. */
export function expiryOf(text: string): Expiry | null {
  const found =
    /^\s*(\d{1,2})\s*[/.\-\s]\s*(\d{2}|\d{4})\s*$/.exec(text) ??
    /^\s*(\d{2})(\d{2}|\d{4})\s*$/.exec(text);
  const month = Number(found?.[1]);
  const year = Number(found?.[2]);
  if (!found || month < 1 || month > 12) return null;
  return { month, year: year < 100 ? 2_000 + year : year };
}

/** Put the stroke between month and year while somebody types on. */
export function withStroke(text: string, before: string): string {
  if (text.length < before.length) return text;
  const digits = text.replace(/\D/g, "");
  if (/[/.\-]/.test(text) || digits.length > 6) return text;
  if (digits.length === 1 && Number(digits) > 1) return `0${digits} / `;
  if (digits.length === 2 && text === digits) return `${digits} / `;
  return digits.length > 2 && text === digits ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : text;
}

export type DateFault = "date_missing" | "date_wrong" | "date_over";

export function dateFault(text: string, now: Date): DateFault | null {
  if (!text.trim()) return "date_missing";
  const expiry = expiryOf(text);
  if (!expiry) return "date_wrong";
  const over =
    expiry.year < now.getFullYear() ||
    (expiry.year === now.getFullYear() && expiry.month < now.getMonth() + 1);
  return over ? "date_over" : null;
}

export function codeDigits(brand: Brand): number {
  return brand === "amex" ? 4 : 3;
}

export type CodeFault = "code_missing" | "code_wrong";

export function codeFault(text: string, brand: Brand): CodeFault | null {
  if (!text) return "code_missing";
  return /^\d+$/.test(text) && text.length === codeDigits(brand) ? null : "code_wrong";
}
