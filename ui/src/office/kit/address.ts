/** What an address says beside its path: plain texts, and nothing is guessed to be a number. */
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useCallback } from "react";

export type Said = Readonly<Record<string, string>>;

export function readSearch(written: string): Said {
  return Object.fromEntries(new URLSearchParams(written));
}

export function writeSearch(said: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(said).filter(
    ([, value]) => typeof value === "string" && value !== "",
  );
  const written = new URLSearchParams(given as [string, string][]).toString();
  return written ? `?${written}` : "";
}

/** Return what the address says, and a function that changes it. */
export function useSaid(): readonly [
  Said,
  (next: Said, how?: { readonly replace?: boolean }) => void,
] {
  const said: Said = useRouterState({
    select: (state) => state.location.search as unknown as Said,
  });
  const navigate = useNavigate();
  const say = useCallback(
    (next: Said, how?: { readonly replace?: boolean }) => {
      // The address keeps its path; TanStack's types want a route's own search, ours are texts.
      void navigate({ to: ".", search: next as never, replace: how?.replace ?? false });
    },
    [navigate],
  );
  return [said, say];
}

/** Return the placeholder of this page's path. */
export function useIdInPath(): string {
  return useRouterState({
    select: (state) =>
      (state.matches[state.matches.length - 1]?.params as { id?: string }).id ?? "",
  });
}
