/** Where things stand: panels, notices, words for a state. Surfaces differ by lightness. */
import type { HTMLAttributes, ReactNode } from "react";
import { classes } from "./classes";
import { Icon, type IconName } from "./icons";

/** What a state means for the money: taken, waits for you, failed, not known yet, nothing yet. */
export type Tone = "taken" | "waiting" | "failed" | "unknown" | "calm";

const INK: Readonly<Record<Tone, string>> = {
  taken: "text-taken",
  waiting: "text-waiting",
  failed: "text-failed",
  unknown: "text-unknown",
  calm: "text-soft",
};
const EDGE: Readonly<Record<Tone, string>> = {
  taken: "border-taken",
  waiting: "border-waiting",
  failed: "border-failed",
  unknown: "border-unknown",
  calm: "border-edge",
};
const SIGN: Readonly<Record<Tone, IconName>> = {
  taken: "check",
  waiting: "clock",
  failed: "cross",
  unknown: "question",
  calm: "info",
};

export function Panel({ className, children, ...rest }: HTMLAttributes<HTMLElement>) {
  return (
    <section {...rest} className={classes("rounded bg-raised p-4", className)}>
      {children}
    </section>
  );
}

interface NoticeProps extends Omit<HTMLAttributes<HTMLDivElement>, "title"> {
  readonly tone: Tone;
  readonly title?: ReactNode;
  /** It came up by itself and is read out: `alert` at once, `status` when the reader pauses. */
  readonly live?: "alert" | "status";
}

/** A few sentences: what happened, what it means for the money, what to do next. */
export function Notice({ tone, title, live, className, children, ...rest }: NoticeProps) {
  return (
    <div
      {...rest}
      role={live}
      className={classes("flex gap-3 rounded border-s-4 bg-raised p-3", EDGE[tone], className)}
    >
      <Icon name={SIGN[tone]} className={INK[tone]} />
      <div className="flex min-w-0 flex-1 flex-col gap-1">
        {title ? <p className="font-strong">{title}</p> : null}
        {children}
      </div>
    </div>
  );
}

/** A state in a word, with its sign. */
export function Status({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <span className={classes("inline-flex items-center gap-1 font-strong", INK[tone])}>
      <Icon name={SIGN[tone]} className="size-4" />
      {children}
    </span>
  );
}

/** A page with nothing on it yet: one sentence, one action, one line of what to read. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-3 px-4 py-12 text-center">
      <p className="text-16 font-strong">{title}</p>
      {children}
    </div>
  );
}
