/** What people press. There is one primary action on a page: the gold one. */
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactNode } from "react";
import { classes } from "./classes";

type Weight = "primary" | "plain" | "danger" | "quiet";
type Size = "payer" | "office";

const WEIGHTS: Readonly<Record<Weight, string>> = {
  primary: "bg-gold text-on-gold hover:brightness-105",
  plain: "bg-raised text-ink border border-edge hover:bg-sunken",
  danger: "bg-raised text-failed border border-failed hover:bg-sunken",
  quiet: "text-link underline underline-offset-3 hover:no-underline",
};
const SIZES: Readonly<Record<Size, string>> = {
  payer: "min-h-12 px-4 text-16",
  office: "min-h-8 px-3 text-14",
};

function look(weight: Weight, size: Size, extra?: string): string {
  return classes(
    "inline-flex items-center justify-center gap-2 rounded font-strong text-center no-underline",
    "cursor-pointer transition-[filter,background-color] duration-100",
    "disabled:cursor-default disabled:opacity-60 aria-disabled:cursor-default aria-" +
      "disabled:opacity-60",
    WEIGHTS[weight],
    SIZES[size],
    extra,
  );
}

interface Looks {
  readonly weight?: Weight;
  readonly size?: Size;
}

export function Button({
  weight = "plain",
  size = "office",
  busy = false,
  className,
  children,
  onClick,
  type = "button",
  ...rest
}: Looks & ButtonHTMLAttributes<HTMLButtonElement> & { readonly busy?: boolean }) {
  // While busy it keeps the focus, which a disabled button would lose, and does nothing.
  return (
    <button
      {...rest}
      type={busy ? "button" : type}
      aria-disabled={busy || undefined}
      onClick={busy ? undefined : onClick}
      className={look(weight, size, className)}
    >
      {busy ? <Busy /> : null}
      {children}
    </button>
  );
}

export function LinkButton({
  weight = "plain",
  size = "office",
  className,
  children,
  ...rest
}: Looks & AnchorHTMLAttributes<HTMLAnchorElement> & { readonly children: ReactNode }) {
  return (
    <a {...rest} className={look(weight, size, className)}>
      {children}
    </a>
  );
}

/** A sign that something is being done; the words beside it say what. */
export function Busy({ className }: { readonly className?: string }) {
  return (
    <span
      aria-hidden="true"
      className={classes(
        "inline-block size-4 shrink-0 animate-spin rounded-full border-2 border-current " +
          "border-e-transparent",
        className,
      )}
    />
  );
}
