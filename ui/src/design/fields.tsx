/** What people fill in. What is wrong stands beside the field and is read out with it. */
import { useId, type InputHTMLAttributes, type ReactNode, type Ref } from "react";
import { classes } from "./classes";
import { Icon } from "./icons";

const ICON_PLACE = "pointer-events-none absolute inset-y-0 end-3 flex items-center text-soft";

export interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "size"> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly wrong?: string | undefined;
  readonly size?: "payer" | "office";
  readonly inputRef?: Ref<HTMLInputElement>;
  readonly end?: ReactNode;
}

export function Field({
  label,
  hint,
  wrong,
  size = "office",
  inputRef,
  end,
  className,
  ...rest
}: FieldProps) {
  const own = useId();
  const id = rest.id ?? own;
  const described = [wrong ? `${id}-wrong` : "", hint ? `${id}-hint` : ""]
    .filter(Boolean)
    .join(" ");
  return (
    <div className={classes("flex min-w-0 flex-col gap-1", className)}>
      <label
        htmlFor={id}
        className={classes("font-strong", size === "payer" ? "text-14" : "text-13")}
      >
        {label}
      </label>
      <div className="relative">
        <input
          {...rest}
          id={id}
          ref={inputRef}
          aria-invalid={wrong ? true : undefined}
          aria-describedby={described || undefined}
          className={classes(
            "w-full rounded border bg-raised text-ink placeholder:text-soft",
            size === "payer" ? "h-12 px-3 text-16" : "h-8 px-2 text-14",
            wrong ? "border-failed" : "border-edge",
            end ? "pe-14" : null,
          )}
        />
        {end ? <span className={ICON_PLACE}>{end}</span> : null}
      </div>
      {wrong ? (
        <p id={`${id}-wrong`} role="alert" className="flex items-start gap-1 text-13 text-failed">
          <Icon name="warning" className="mt-px size-4" />
          <span>{wrong}</span>
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

/** A group of native radio buttons: anything else has locked people with screen readers out. */
export function RadioGroup({
  legend,
  children,
}: {
  readonly legend: string;
  readonly children: ReactNode;
}) {
  return (
    <fieldset className="m-0 min-w-0 border-0 p-0">
      <legend className="mb-2 p-0 text-14 font-strong">{legend}</legend>
      <div className="flex flex-col gap-2">{children}</div>
    </fieldset>
  );
}

export interface RadioProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "type"> {
  readonly label: string;
  readonly sign?: ReactNode;
}

export function Radio({ label, sign, ...rest }: RadioProps) {
  return (
    <label
      className={classes(
        "flex min-h-12 cursor-pointer items-center gap-3 rounded border border-edge bg-" +
          "raised px-3 text-16",
        "has-[:checked]:border-link has-[:checked]:outline-2 has-[:checked]:outline-link",
      )}
    >
      <input {...rest} type="radio" className="size-5 shrink-0 accent-link" />
      <span className="min-w-0 flex-1">{label}</span>
      {sign}
    </label>
  );
}
