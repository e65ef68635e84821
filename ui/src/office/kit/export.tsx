/** Exactly what is shown, as a file: every page of it, with progress, and a way to stop. */
import { useRef, useState } from "react";
import { Button } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";
import type { Column } from "./list";
import { Dialog } from "./dialog";
import { csvLine, everything, save, type Fetch } from "./pages";
import { Failed, Working } from "./states";

interface ExportProps<Row> {
  readonly name: string;
  readonly fetch: Fetch<Row>;
  readonly filters: Readonly<Record<string, string>>;
  readonly columns: readonly Column<Row>[];
}

export function Export<Row extends { readonly id: string }>(props: ExportProps<Row>) {
  const words = useWords(CATALOGUE);
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>{words.export}</Button>
      {open ? <ExportDialog {...props} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

type Form = "csv" | "json";

function ExportDialog<Row extends { readonly id: string }>({
  name,
  fetch,
  filters,
  columns,
  onClose,
}: ExportProps<Row> & { readonly onClose: () => void }) {
  const words = useWords(CATALOGUE);
  const [count, setCount] = useState<number | null>(null);
  const [done, setDone] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const running = useRef<AbortController | null>(null);
  const stop = () => {
    running.current?.abort();
    running.current = null;
  };
  const start = async (form: Form) => {
    const control = new AbortController();
    running.current = control;
    setCount(0);
    setDone(false);
    setFailure(null);
    try {
      const rows: Row[] = [];
      for await (const page of everything(fetch, filters, control.signal)) {
        rows.push(...page);
        setCount(rows.length);
      }
      const file = `${name}-${new Date().toISOString().slice(0, 10)}.${form}`;
      if (form === "json") save(file, [JSON.stringify(rows, null, 1), "\n"], "application/json");
      else save(file, written(rows, columns), "text/csv;charset=utf-8");
      setDone(true);
    } catch (reason) {
      if (!control.signal.aborted) setFailure(reason);
      setCount(null);
    }
    running.current = null;
  };
  const working = count !== null && !done;
  return (
    <Dialog
      title={words.exportTitle}
      onClose={() => {
        stop();
        onClose();
      }}
    >
      <div className="flex flex-col gap-3">
        <p>{words.exportMeans}</p>
        {working ? <Working>{words.exported(count)}</Working> : null}
        {done && count !== null ? <p role="status">{words.exportedAll(count)}</p> : null}
        {failure ? <Failed failure={failure} /> : null}
        <div className="flex flex-wrap justify-end gap-2">
          {working ? (
            <Button onClick={stop}>{words.stop}</Button>
          ) : (
            <>
              <Button onClick={onClose}>{words.close}</Button>
              <Button onClick={() => void start("json")}>JSON</Button>
              <Button weight="primary" onClick={() => void start("csv")}>
                CSV
              </Button>
            </>
          )}
        </div>
      </div>
    </Dialog>
  );
}

function written<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const lines = rows.map((row) => csvLine(columns.map((one) => one.text(row))));
  return [csvLine(columns.map((one) => one.id)), ...lines];
}
