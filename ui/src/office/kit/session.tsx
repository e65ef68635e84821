/**
 * Who is signed in, and what they may do.
 *
 * The session is a cookie that no script can read; this page knows only what the API tells of it.
 * Permissions hide what somebody may not do; the API refuses it whatever is shown.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useMemo, type ReactNode } from "react";
import { apiOf, Problem } from "../../api/client";
import type { components } from "../../api/schema";

export type Schemas = components["schemas"];
export type Who = Schemas["WhoAnswer"];
export type Mode = Schemas["Mode"];

/** Asks the API with the browser's own session. */
export const office = apiOf();

export const WHO = ["who"] as const;

interface Session {
  readonly who: Who;
  /** The merchant one works for; null for the platform itself. */
  readonly merchant: Schemas["MerchantAnswer"] | null;
}

const SessionContext = createContext<Session | null>(null);

/** Return who is signed in; only below `SignedIn`. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("nobody is signed in here");
  return session;
}

/** Return a function that tells whether the one who is signed in holds a permission. */
export function useMay(): (permission: string) => boolean {
  const { who } = useSession();
  // What is withheld until one proves again who one is stays on the page: it is asked for in place.
  const held = useMemo(
    () => new Set([...who.permissions, ...who.withheld]),
    [who.permissions, who.withheld],
  );
  return (permission) => held.has(permission);
}

/** Ask who is signed in. Nobody is an answer. */
export function useWhoIsThere() {
  return useQuery({
    queryKey: WHO,
    queryFn: async ({ signal }): Promise<Who | null> => {
      try {
        return await office("get", "/v1/session", { signal });
      } catch (failure) {
        if (failure instanceof Problem && failure.status === 401) return null;
        throw failure;
      }
    },
    staleTime: 60_000,
  });
}

/** Everything below it knows who is signed in. */
export function SignedIn({ who, children }: { readonly who: Who; readonly children: ReactNode }) {
  const merchant = useQuery({
    queryKey: ["merchant", who.tenant],
    queryFn: ({ signal }) =>
      office("get", "/v1/merchants/{merchant}", { path: { merchant: who.tenant }, signal }),
    enabled: who.tenant.startsWith("mer_") && who.permissions.includes("merchants.read"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const session = useMemo(() => ({ who, merchant: merchant.data ?? null }), [who, merchant.data]);
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}

/** Return functions that change the session; what was read before is forgotten. */
export function useSessionChanges() {
  const queries = useQueryClient();
  const forget = () => queries.removeQueries({ predicate: (one) => one.queryKey[0] !== WHO[0] });
  return {
    /** Somebody came in, perhaps another person than the one whose session ended here. */
    entered: async () => {
      forget();
      await queries.invalidateQueries({ queryKey: WHO });
    },
    signOut: async () => {
      await office("delete", "/v1/session", {});
      forget();
      queries.setQueryData(WHO, null);
    },
    enter: async (tenant: string, mode: Mode) => {
      await office("patch", "/v1/session", { body: { tenant, mode } });
      forget();
      await queries.invalidateQueries({ queryKey: WHO });
    },
  };
}
