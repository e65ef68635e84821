/** Values as they are shown everywhere: amounts, moments, ids. */
import { useEffect, useState } from "react";
import { useLocale } from "../words";
import { shownDistance, shownMoment, shownMoney, type Money } from "../words/formats";
import { classes } from "./classes";
import { Icon } from "./icons";
import { useNow, type Clocks } from "./time";

/** An amount with its asset; it reads the same way in every direction of writing. */
export function Amount({
  money,
  className,
}: {
  readonly money: Money;
  readonly className?: string;
}) {
  const locale = useLocale();
  return (
    <bdi dir="ltr" className={className}>
      {shownMoney(money, locale)}
    </bdi>
  );
}

/**
 * How long ago something was, with the exact moment to be had by pointing at it. What happened to
 * sessions, keys and jobs is `by="machine"`: a demo's moved clock does not move it.
 */
export function Moment({
  at,
  by = "business",
  className,
}: {
  readonly at: string;
  readonly by?: keyof Clocks;
  readonly className?: string;
}) {
  const locale = useLocale();
  const now = useNow(by);
  return (
    <time dateTime={at} title={shownMoment(at, locale)} className={className}>
      {shownDistance(at, now, locale)}
    </time>
  );
}

/** An id or a hash. */
export function Identifier({
  children,
  className,
}: {
  readonly children: string;
  readonly className?: string;
}) {
  return (
    <code dir="ltr" className={classes("font-mono text-13 [overflow-wrap:anywhere]", className)}>
      {children}
    </code>
  );
}

const COPIED_MILLISECONDS = 2_000;
const COPY = classes(
  "inline-flex size-8 shrink-0 cursor-pointer items-center justify-center rounded",
  "text-soft hover:text-ink",
);

/** A text with a button that copies it; `copy` and `copied` are what the button says. */
export function CopyText({
  text,
  shown,
  copy,
  copied,
  mono = true,
}: {
  readonly text: string;
  readonly shown?: string;
  readonly copy: string;
  readonly copied: string;
  readonly mono?: boolean;
}) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), COPIED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [done]);
  const said = done ? copied : copy;
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      <bdi
        dir="ltr"
        className={classes(
          "min-w-0 whitespace-normal [overflow-wrap:anywhere]",
          mono && "font-mono text-13",
        )}
      >
        {shown ?? text}
      </bdi>
      <button
        type="button"
        aria-label={said}
        title={said}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}
        className={COPY}
      >
        <Icon name={done ? "check" : "copy"} className="size-4" />
      </button>
      <span role="status" className="sr-only">
        {done ? copied : ""}
      </span>
    </span>
  );
}
