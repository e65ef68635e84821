/** What the office's filters and forms are made of, beside `Field` of the design. */
import {
  useId,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from "react";
import { classes, Icon } from "../../design";

export interface Choice {
  readonly value: string;
  readonly label: string;
}

interface SelectProps extends SelectHTMLAttributes<HTMLSelectElement> {
  readonly label: string;
  readonly choices: readonly Choice[];
}

export function Select({ label, choices, className, ...rest }: SelectProps) {
  const own = useId();
  const id = rest.id ?? own;
  return (
    <div className={classes("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className="text-13 font-strong">
        {label}
      </label>
      <select
        {...rest}
        id={id}
        className="h-8 w-full rounded border border-edge bg-raised px-2 text-14 text-ink"
      >
        {choices.map((one) => (
          <option key={one.value} value={one.value}>
            {one.label}
          </option>
        ))}
      </select>
    </div>
  );
}

interface TextAreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  readonly label: string;
  readonly hint?: string;
  readonly wrong?: string | undefined;
}

export function TextArea({ label, hint, wrong, className, ...rest }: TextAreaProps) {
  const own = useId();
  const id = rest.id ?? own;
  const described = [wrong ? `${id}-wrong` : "", hint ? `${id}-hint` : ""]
    .filter(Boolean)
    .join(" ");
  return (
    <div className={classes("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className="text-13 font-strong">
        {label}
      </label>
      <textarea
        rows={3}
        {...rest}
        id={id}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={described || undefined}
        className={classes(
          "w-full rounded border bg-raised px-2 py-1 text-14 text-ink",
          wrong ? "border-failed" : "border-edge",
        )}
      />
      {wrong ? (
        <p id={`${id}-wrong`} role="alert" className="flex items-start gap-1 text-13 text-failed">
          <Icon name="warning" className="mt-px size-4" />
          {wrong}
        </p>
      ) : null}
      {hint ? (
        <p id={`${id}-hint`} className="text-13 text-soft">
          {hint}
        </p>
      ) : null}
    </div>
  );
}

/** A box to tick. */
export function Tick({
  label,
  checked,
  onChange,
}: {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) {
  return (
    <label className="flex min-h-8 cursor-pointer items-center gap-2">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
        className="size-4 shrink-0 accent-link"
      />
      <span className="min-w-0">{label}</span>
    </label>
  );
}

/** A panel that opens below its button, such as the list of columns. The browser opens it. */
export function Disclosure({
  label,
  children,
  className,
}: {
  readonly label: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}) {
  return (
    <details className={classes("relative", className)}>
      <summary
        className={classes(
          "inline-flex min-h-8 cursor-pointer list-none items-center gap-1",
          "rounded border border-edge bg-raised px-3 font-strong",
        )}
      >
        {label}
        <Icon name="down" className="size-4" />
      </summary>
      <div
        className={classes(
          "absolute end-0 z-10 mt-1 flex w-max max-w-[calc(100vw-32px)]",
          "flex-col gap-1 rounded bg-raised p-3 shadow-float",
        )}
      >
        {children}
      </div>
    </details>
  );
}
