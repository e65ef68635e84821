/** Small preferences that stay in this browser: columns, saved views, theme, language. */
import { useCallback, useState } from "react";

const PREFIX = "bezant.";

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // A browser may keep nothing for anybody.
  }
}

export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Then it holds until the page is closed.
  }
}

/** Return a preference as the type its check says it is, and a function that changes it. */
export function useKept<Value>(
  name: string,
  usual: Value,
  fits: (value: unknown) => value is Value,
): readonly [Value, (next: Value) => void] {
  const [value, setValue] = useState<Value>(() => {
    try {
      const read: unknown = JSON.parse(kept(name) ?? "null");
      return fits(read) ? read : usual;
    } catch {
      return usual;
    }
  });
  const change = useCallback(
    (next: Value) => {
      setValue(next);
      keep(name, JSON.stringify(next));
    },
    [name],
  );
  return [value, change];
}
