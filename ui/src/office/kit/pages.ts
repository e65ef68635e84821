/** A page of a list, as every list of the API answers, and how all of them are read one by one. */
import { Problem } from "../../api/client";

export interface PageOf<Row> {
  readonly data: readonly Row[];
  readonly has_more: boolean;
}

/** What a list is asked for. */
export interface Wanted {
  readonly filters: Readonly<Record<string, string>>;
  readonly limit: number;
  readonly after: string;
  readonly signal: AbortSignal;
}
export type Fetch<Row> = (wanted: Wanted) => Promise<PageOf<Row>>;

export const ROWS_SHOWN = 50;
const ROWS_AT_ONCE = 100; // What the API answers at most.
export const ROWS_EXPORTED_MAX = 100_000; // More than that is a job for the command line.
const WAIT_SECONDS = 2;

/** Yield all rows, page after page; wait when the API asks for it. */
export async function* everything<Row extends { readonly id: string }>(
  fetch: Fetch<Row>,
  filters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<readonly Row[]> {
  let after = "";
  for (let count = 0; count < ROWS_EXPORTED_MAX;) {
    const page = await patiently(
      () => fetch({ filters, limit: ROWS_AT_ONCE, after, signal }),
      signal,
    );
    yield page.data;
    count += page.data.length;
    const last = page.data[page.data.length - 1];
    if (!page.has_more || !last) return;
    after = last.id;
  }
}

async function patiently<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (failure) {
      if (!(failure instanceof Problem) || failure.status !== 429) throw failure;
      const seconds = failure.retryAfterSeconds ?? WAIT_SECONDS;
      await new Promise<void>((done, fail) => {
        const timer = setTimeout(done, seconds * 1_000);
        signal.addEventListener(
          "abort",
          () => {
            clearTimeout(timer);
            fail(signal.reason as Error);
          },
          { once: true },
        );
      });
    }
  }
}

/** Write one field of a CSV file. What a spreadsheet would take for a formula is made a text. */
export function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(",")}\r\n`;
}

/** Let the browser save a file made here. */
export function save(name: string, parts: readonly string[], type: string): void {
  const address = URL.createObjectURL(new Blob([...parts], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
