/** Filters of a list: fields to fill in, and a sentence that says what is shown. */
import { useEffect, useState } from "react";
import { classes, Button, Field, Icon } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";
import { Act } from "./dialog";
import { Select, type Choice } from "./fields";
import { useKept } from "./kept";

export type Filters = Readonly<Record<string, string>>;

export interface Filter {
  readonly name: string;
  readonly label: string;
  /** What may be chosen; nothing lets anything be typed. */
  readonly choices?: readonly Choice[];
  readonly kind?: "text" | "date";
}

interface FilterBarProps {
  readonly filters: readonly Filter[];
  readonly held: Filters;
  readonly onChange: (next: Filters) => void;
}

const TYPING_MILLISECONDS = 350;

export function FilterBar({ filters, held, onChange }: FilterBarProps) {
  const words = useWords(CATALOGUE);
  const change = (name: string, value: string) => onChange({ ...held, [name]: value });
  const active = filters.filter((one) => held[one.name]);
  return (
    <div className="flex flex-col gap-2">
      <div className="grid grid-cols-[repeat(auto-fill,minmax(148px,1fr))] items-end gap-2">
        {filters.map((one) =>
          one.choices ? (
            <Select
              key={one.name}
              label={one.label}
              value={held[one.name] ?? ""}
              choices={[{ value: "", label: words.any }, ...one.choices]}
              onChange={(event) => change(one.name, event.currentTarget.value)}
            />
          ) : (
            <Typed key={one.name} filter={one} value={held[one.name] ?? ""} onChange={change} />
          ),
        )}
      </div>
      {active.length > 0 ? (
        <ul
          className="m-0 flex list-none flex-wrap items-center gap-2 p-0"
          aria-label={words.filters}
        >
          {active.map((one) => {
            const value = held[one.name] ?? "";
            const said = one.choices?.find((choice) => choice.value === value)?.label ?? value;
            return (
              <li key={one.name}>
                <button
                  type="button"
                  onClick={() => change(one.name, "")}
                  className={classes(
                    "inline-flex min-h-8 cursor-pointer items-center gap-1 rounded-full",
                    "bg-sunken px-3 text-13 hover:bg-line",
                  )}
                >
                  <span>{words.filterSaid(one.label, said)}</span>
                  <Icon name="cross" className="size-4" />
                  <span className="sr-only">{words.remove}</span>
                </button>
              </li>
            );
          })}
          <li>
            <Button weight="quiet" onClick={() => onChange({})}>
              {words.clearFilters}
            </Button>
          </li>
        </ul>
      ) : null}
    </div>
  );
}

/** A field whose text counts a moment after typing has stopped, so that typing never waits. */
function Typed({
  filter,
  value,
  onChange,
}: {
  readonly filter: Filter;
  readonly value: string;
  readonly onChange: (name: string, value: string) => void;
}) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => onChange(filter.name, typed), TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [typed, value, filter.name, onChange]);
  return (
    <Field
      label={filter.label}
      type={filter.kind === "date" ? "date" : "text"}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      autoComplete="off"
    />
  );
}

interface SavedView {
  readonly name: string;
  readonly filters: Filters;
}
const VIEWS_MAX = 20;

function areViews(value: unknown): value is readonly SavedView[] {
  return (
    Array.isArray(value) &&
    value.every((one) => typeof (one as SavedView | null)?.name === "string")
  );
}

/** Sets of filters with a name, kept in this browser; the list's own come first. */
export function Views({
  list,
  given,
  held,
  onChange,
}: {
  readonly list: string;
  readonly given: readonly SavedView[];
  readonly held: Filters;
  readonly onChange: (next: Filters) => void;
}) {
  const words = useWords(CATALOGUE);
  const [saved, setSaved] = useKept<readonly SavedView[]>(`views.${list}`, [], areViews);
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const current = written(held);
  const views = [...given, ...saved];
  const own = saved.find((one) => written(one.filters) === current);
  return (
    <nav aria-label={words.views} className="flex flex-wrap items-center gap-x-4 gap-y-1">
      {views.map((one) => (
        <button
          key={one.name}
          type="button"
          aria-current={written(one.filters) === current ? "true" : undefined}
          onClick={() => onChange(one.filters)}
          className={classes(
            "min-h-8 cursor-pointer border-b-2 border-transparent text-soft hover:text-ink",
            "aria-[current]:border-gold aria-[current]:font-strong aria-[current]:text-ink",
          )}
        >
          {one.name}
        </button>
      ))}
      {own ? (
        <Button weight="quiet" onClick={() => setSaved(saved.filter((one) => one !== own))}>
          {words.forgetView}
        </Button>
      ) : current &&
        !views.some((one) => written(one.filters) === current) &&
        saved.length < VIEWS_MAX ? (
        <Button weight="quiet" onClick={() => setNaming(true)}>
          {words.saveView}
        </Button>
      ) : null}
      {naming ? (
        <Act
          title={words.saveView}
          act={words.save}
          blocked={name.trim() === ""}
          onClose={() => setNaming(false)}
          onAct={async () => {
            setSaved([
              ...saved.filter((one) => one.name !== name.trim()),
              { name: name.trim(), filters: held },
            ]);
            setName("");
          }}
        >
          <Field
            label={words.viewName}
            hint={words.keptHere}
            value={name}
            maxLength={60}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        </Act>
      ) : null}
    </nav>
  );
}

function written(filters: Filters): string {
  const given = Object.entries(filters).filter(([, value]) => value !== "");
  return JSON.stringify(given.sort(([first], [second]) => (first < second ? -1 : 1))).replace(
    "[]",
    "",
  );
}
