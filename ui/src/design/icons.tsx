/** Small signs, drawn here: a colour never stands alone. They say nothing to a screen reader. */
import { classes } from "./classes";

const DRAWN = {
  check: "M4 10.5 8 14.5 16 5.5",
  cross: "M5 5 15 15 M15 5 5 15",
  clock: "M10 5v5l3.5 2 M17.5 10a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0",
  question:
    "M7.5 7.5a2.5 2.5 0 1 1 3.4 2.3c-.6.3-.9.8-.9 1.5v.5 M10 14.7v.1 M17.5 10a7.5 7.5 0 1" +
    " 1-15 0 7.5 7.5 0 0 1 15 0",
  warning: "M10 3 18 16.5H2Z M10 8v4 M10 14.2v.1",
  info: "M10 9v5 M10 6v.1 M17.5 10a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0",
  copy: "M7 7h9v10H7z M4 13V3h9",
  lock: "M5 9h10v8H5z M7 9V6.5a3 3 0 0 1 6 0V9",
  card: "M2.5 5h15v10.5h-15z M2.5 8.5h15",
  bank: "M3 8l7-4l7 4 M4 8v7 M8 8v7 M12 8v7 M16 8v7 M2.5 16.5h15",
  coin:
    "M17.5 10a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0 M12.5 7.5H9a1.5 1.5 0 0 0 0 " +
    "3h2a1.5 1.5 0 0 1 0 3H7.5 M10 5.5v9",
  wallet: "M3 6h13v10H3z M3 6l10-3v3 M13 11h.1",
  down: "M5 8l5 5 5-5",
  forward: "M8 5l5 5-5 5",
  back: "M12 5l-5 5 5 5",
  search: "M13,13l4,4 M14.5 8.5a6 6 0 1 1-12,0 6 6 0 0 1 12,0",
  file: "M5 2.5h7l3 3v12H5z M12 2.5v3h3",
  refund: "M7 5 3.5 8.5 7 12 M3.5 8.5H12a4.5 4.5 0 0 1 0 9H9",
  outside: "M8 4H4v12h12v-4 M11 4h5v5 M16 4l-7 7",
} as const;

export type IconName = keyof typeof DRAWN;

export function Icon({
  name,
  className,
}: {
  readonly name: IconName;
  readonly className?: string;
}) {
  const turned = name === "forward" || name === "back";
  return (
    <svg
      viewBox="0 0 20 20"
      aria-hidden="true"
      focusable="false"
      className={classes("inline-block size-5 shrink-0", turned && "rtl:-scale-x-100", className)}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={DRAWN[name]} />
    </svg>
  );
}
