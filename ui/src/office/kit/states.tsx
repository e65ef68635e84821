/** The four states that every page has besides its own: loading, empty, refused, failed. */
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Lost, Problem } from "../../api/client";
import { Busy, Button, Empty, Identifier, Notice } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";

/** Show what a question answered, or what became of it. */
export function Answered<Data>({
  of,
  children,
  rows = 3,
}: {
  readonly of: UseQueryResult<Data>;
  readonly children: (data: Data) => ReactNode;
  /** How many lines will stand here, so that nothing jumps when they come. */
  readonly rows?: number;
}) {
  if (of.data !== undefined) {
    return (
      <>
        {of.isError ? <Failed failure={of.error} again={() => void of.refetch()} /> : null}
        {children(of.data)}
      </>
    );
  }
  if (of.isError) return <Failed failure={of.error} again={() => void of.refetch()} />;
  return <Loading rows={rows} />;
}

export function Loading({ rows = 3 }: { readonly rows?: number }) {
  const words = useWords(CATALOGUE);
  return (
    <div role="status" className="flex flex-col gap-2 py-2">
      <span className="sr-only">{words.loading}</span>
      {Array.from({ length: rows }, (_, place) => (
        <span key={place} aria-hidden="true" className="h-6 animate-pulse rounded bg-sunken" />
      ))}
    </div>
  );
}

/** Say what went wrong in plain words; its code and the request stand small beside it. */
export function Failed({
  failure,
  again,
}: {
  readonly failure: unknown;
  readonly again?: () => void;
}) {
  const words = useWords(CATALOGUE);
  const problem = failure instanceof Problem ? failure : null;
  if (problem?.status === 403)
    return <NoPermission permission={problem.facts["permission"] ?? ""} />;
  const title =
    problem?.status === 404 ? words.notFound : failure instanceof Lost ? words.lost : words.failed;
  return (
    <Notice
      tone={failure instanceof Lost ? "waiting" : "failed"}
      title={title}
      live="alert"
      className="my-2"
    >
      <p>
        {problem ? problem.detail : failure instanceof Lost ? words.lostMeans : words.failedMeans}
      </p>
      {problem ? (
        <p className="flex flex-wrap gap-x-3 text-12 text-soft">
          <Identifier className="text-12">{problem.code}</Identifier>
          <Identifier className="text-12">{problem.requestId}</Identifier>
        </p>
      ) : null}
      {again && problem?.status !== 404 ? (
        <p>
          <Button onClick={again}>{words.tryAgain}</Button>
        </p>
      ) : null}
    </Notice>
  );
}

/** Somebody may not see this: who could let them. */
export function NoPermission({ permission }: { readonly permission: string }) {
  const words = useWords(CATALOGUE);
  return (
    <Empty title={words.noPermission}>
      <p className="max-w-120 text-soft">{words.noPermissionMeans}</p>
      {permission ? <Identifier>{permission}</Identifier> : null}
    </Empty>
  );
}

/** Nothing here yet, and one thing to do about it. */
export function Nothing({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ReactNode;
}) {
  return (
    <Empty title={title}>
      {children ? (
        <div className="flex max-w-120 flex-col items-center gap-3 text-soft">{children}</div>
      ) : null}
    </Empty>
  );
}

/** A line that says something is being done. */
export function Working({ children }: { readonly children: ReactNode }) {
  return (
    <p role="status" className="flex items-center gap-2 text-soft">
      <Busy />
      {children}
    </p>
  );
}
