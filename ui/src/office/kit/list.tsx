/**
 * A page with a list: views, filters, a chart that follows them, rows, pages, columns to choose,
 * and an export of exactly what is shown.
 *
 *   <ListPage name="refunds" title={words.refunds} fetch={…} columns={…} filters={…} to={…} />
 *
 * Keyboard: j and k go through the rows, Enter opens one. On a narrow screen a row is a card.
 */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  flexRender,
  getCoreRowModel,
  useReactTable,
  type ColumnDef,
  type VisibilityState,
} from "@tanstack/react-table";
import { useEffect, useMemo, useRef, type ReactNode } from "react";
import { Button, classes, Icon } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";
import { useSaid } from "./address";
import { Export } from "./export";
import { Disclosure, Tick } from "./fields";
import { FilterBar, Views, type Filter, type Filters } from "./filters";
import { Heading } from "./heading";
import { useKept } from "./kept";
import { ROWS_SHOWN, type Fetch } from "./pages";
import { useSession } from "./session";
import { Answered, Nothing } from "./states";

export interface Column<Row> {
  readonly id: string;
  readonly label: string;
  readonly show: (row: Row) => ReactNode;
  /** The same in plain text, for files. */
  readonly text: (row: Row) => string;
  /** Amounts stand at the end. */
  readonly end?: boolean;
  /** Shown only when somebody asks for it. */
  readonly extra?: boolean;
}

interface Row {
  readonly id: string;
}

export interface ListPageProps<Of extends Row> {
  readonly name: string;
  readonly title: string;
  readonly fetch: Fetch<Of>;
  readonly columns: readonly Column<Of>[];
  readonly filters?: readonly Filter[];
  /** Views everybody has. */
  readonly views?: readonly { readonly name: string; readonly filters: Filters }[];
  /** Where a row leads. */
  readonly to?: (row: Of) => string;
  readonly chart?: (filters: Filters) => ReactNode;
  readonly actions?: ReactNode;
  readonly empty: string;
  readonly emptyHint?: ReactNode;
  /** Lists that cannot be read whole have no export. */
  readonly exported?: boolean;
  /** What else its rows depend on. */
  readonly about?: string;
}

export function ListPage<Of extends Row>(props: ListPageProps<Of>) {
  const [said, say] = useSaid();
  const { after = "", ...held } = said;
  const { who } = useSession();
  const words = useWords(CATALOGUE);
  const { fetch } = props;
  const page = useQuery({
    queryKey: [props.name, who.tenant, who.mode, props.about ?? "", held, after],
    queryFn: ({ signal }) => fetch({ filters: held, limit: ROWS_SHOWN, after, signal }),
    placeholderData: keepPreviousData,
  });
  const filtered = Object.values(held).some((value) => value !== "");
  const change = (next: Filters) => say(next, { replace: true });
  return (
    <>
      <Heading title={props.title}>
        {props.actions}
        {props.exported === false ? null : (
          <Export name={props.name} fetch={fetch} filters={held} columns={props.columns} />
        )}
      </Heading>
      <div className="flex flex-col gap-3">
        {props.views ? (
          <Views list={props.name} given={props.views} held={held} onChange={change} />
        ) : null}
        {props.filters ? <FilterBar filters={props.filters} held={held} onChange={change} /> : null}
        {props.chart?.(held)}
        <Answered of={page} rows={8}>
          {(shown) =>
            shown.data.length === 0 ? (
              filtered || after ? (
                <Nothing title={words.noneFits}>
                  <Button onClick={() => say({})}>{words.clearFilters}</Button>
                </Nothing>
              ) : (
                <Nothing title={props.empty}>{props.emptyHint}</Nothing>
              )
            ) : (
              <Rows
                {...props}
                rows={shown.data}
                stale={page.isPlaceholderData}
                foot={
                  <Pages
                    first={after === ""}
                    more={shown.has_more}
                    onFirst={() => say(held)}
                    onNext={() =>
                      say({ ...held, after: shown.data[shown.data.length - 1]?.id ?? "" })
                    }
                  />
                }
              />
            )
          }
        </Answered>
      </div>
    </>
  );
}

function areHidden(value: unknown): value is VisibilityState {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((one) => typeof one === "boolean")
  );
}

interface RowsProps<Of extends Row> extends Pick<
  ListPageProps<Of>,
  "name" | "title" | "columns" | "to"
> {
  readonly rows: readonly Of[];
  readonly stale?: boolean;
  readonly foot?: ReactNode;
}

/** Rows with columns to choose: a table where there is room, cards where there is not. */
export function Rows<Of extends Row>({
  name,
  title,
  columns,
  to,
  rows,
  stale = false,
  foot,
}: RowsProps<Of>) {
  const words = useWords(CATALOGUE);
  const usual = useMemo(
    () => Object.fromEntries(columns.filter((one) => one.extra).map((one) => [one.id, false])),
    [columns],
  );
  const [visible, setVisible] = useKept<VisibilityState>(`columns.${name}`, usual, areHidden);
  const defined = useMemo(() => columns.map((one) => columnOf(one, to)), [columns, to]);
  const table = useReactTable<Of>({
    data: rows as Of[],
    columns: defined,
    getCoreRowModel: getCoreRowModel(),
    getRowId: (row) => row.id,
    state: { columnVisibility: visible },
    onColumnVisibilityChange: (next) =>
      setVisible(typeof next === "function" ? next(visible) : next),
  });
  const body = useRef<HTMLTableSectionElement>(null);
  useRowKeys(body);
  const ends = new Set(columns.filter((one) => one.end).map((one) => one.id));
  return (
    <div className="flex flex-col gap-2">
      <table
        aria-label={title}
        aria-busy={stale || undefined}
        className={classes(
          "w-full border-collapse rounded bg-raised max-sm:block",
          stale && "opacity-60 transition-opacity duration-100",
        )}
      >
        <thead className="max-sm:hidden">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((one) => (
                <th
                  key={one.id}
                  scope="col"
                  className={classes(
                    "border-b border-line px-3 py-2 text-13 font-strong text-soft",
                    ends.has(one.column.id) ? "text-end" : "text-start",
                  )}
                >
                  {flexRender(one.column.columnDef.header, one.getContext())}
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody ref={body} className="max-sm:block">
          {table.getRowModel().rows.map((row) => (
            <tr
              key={row.id}
              className={classes(
                "border-b border-line last:border-0 focus-within:bg-sunken hover:bg-sunken",
                "max-sm:block max-sm:py-2",
              )}
            >
              {row.getVisibleCells().map((cell) => (
                <td
                  key={cell.id}
                  className={classes(
                    "h-8 px-3 py-1 align-middle max-sm:flex max-sm:h-auto max-sm:justify-between",
                    "max-sm:gap-4",
                    ends.has(cell.column.id) ? "text-end" : "text-start",
                  )}
                >
                  <span className="hidden shrink-0 text-13 text-soft max-sm:inline">
                    {String(cell.column.columnDef.header)}
                  </span>
                  <span className="min-w-0 *:align-middle max-sm:text-end">
                    {flexRender(cell.column.columnDef.cell, cell.getContext())}
                  </span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <div className="flex flex-wrap items-center justify-between gap-2">
        {foot ?? <span />}
        <Disclosure label={words.columns} className="ms-auto">
          {table.getAllLeafColumns().map((one) => (
            <Tick
              key={one.id}
              label={String(one.columnDef.header)}
              checked={one.getIsVisible()}
              onChange={(checked) => one.toggleVisibility(checked)}
            />
          ))}
        </Disclosure>
      </div>
    </div>
  );
}

function columnOf<Of extends Row>(column: Column<Of>, to?: (row: Of) => string): ColumnDef<Of> {
  return {
    id: column.id,
    header: column.label,
    accessorFn: column.text,
    cell: ({ row, column: shown, table }) => {
      const first = table.getVisibleLeafColumns()[0]?.id === shown.id;
      const content = column.show(row.original);
      if (!first || !to) return content;
      return (
        <Link
          to={to(row.original)}
          data-row-link=""
          className="text-ink no-underline hover:underline"
        >
          {content}
        </Link>
      );
    },
  };
}

/** j goes a row down, k a row up; Enter is the link's own. Not while somebody types. */
function useRowKeys(body: { readonly current: HTMLElement | null }): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest("input, textarea, select, dialog, [contenteditable]")) return;
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      const links = [...(body.current?.querySelectorAll<HTMLElement>("[data-row-link]") ?? [])];
      if (!step || links.length === 0) return;
      event.preventDefault();
      const now = links.indexOf(document.activeElement as HTMLElement);
      links[now < 0 ? 0 : Math.min(links.length - 1, Math.max(0, now + step))]?.focus();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [body]);
}

function Pages({
  first,
  more,
  onFirst,
  onNext,
}: {
  readonly first: boolean;
  readonly more: boolean;
  readonly onFirst: () => void;
  readonly onNext: () => void;
}) {
  const words = useWords(CATALOGUE);
  if (first && !more) return <span />;
  return (
    <nav aria-label={words.pages} className="flex flex-wrap gap-2">
      <Button onClick={onFirst} disabled={first}>
        <Icon name="back" className="size-4" />
        {words.firstPage}
      </Button>
      <Button onClick={onNext} disabled={!more}>
        {words.nextPage}
        <Icon name="forward" className="size-4" />
      </Button>
    </nav>
  );
}
