/** Everything the API can be asked, as it describes itself. */
import { Link } from "@tanstack/react-router";
import { useDeferredValue, useMemo, useState } from "react";
import { Field, Identifier } from "../../design";
import { useWords } from "../../words";
import { Answered, Heading, Nothing, Section } from "../kit";
import { useOperations, type Operation, type Property } from "./description";
import { CATALOGUE } from "./words";

export default function Reference() {
  const words = useWords(CATALOGUE);
  const [typed, setTyped] = useState("");
  const wanted = useDeferredValue(typed.trim().toLowerCase());
  const operations = useOperations();
  return (
    <>
      <Heading title={words.reference} />
      <div className="flex flex-col gap-4">
        <p className="m-0 max-w-160">{words.referenceMeans}</p>
        <Field
          label={words.searchReference}
          type="search"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Answered of={operations} rows={10}>
          {(found) => <Groups operations={found} wanted={wanted} />}
        </Answered>
      </div>
    </>
  );
}

function Groups({
  operations,
  wanted,
}: {
  readonly operations: readonly Operation[];
  readonly wanted: string;
}) {
  const words = useWords(CATALOGUE);
  const groups = useMemo(() => {
    const fitting = operations.filter((one) =>
      `${one.id} ${one.summary} ${one.permission}`.toLowerCase().includes(wanted),
    );
    const grouped = new Map<string, Operation[]>();
    for (const one of fitting) grouped.set(one.group, [...(grouped.get(one.group) ?? []), one]);
    return grouped;
  }, [operations, wanted]);
  if (groups.size === 0) return <Nothing title={words.noOperation} />;
  return (
    <>
      {[...groups].map(([group, members]) => (
        <Section key={group} title={group}>
          <ul className="m-0 flex list-none flex-col gap-1 p-0">
            {members.map((one) => (
              <li key={one.id}>
                <About operation={one} />
              </li>
            ))}
          </ul>
        </Section>
      ))}
    </>
  );
}

function About({ operation }: { readonly operation: Operation }) {
  const words = useWords(CATALOGUE);
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
      <summary className="cursor-pointer">
        <Identifier>{operation.id}</Identifier>{" "}
        <span lang="en" className="text-soft">
          {operation.summary}
        </span>
      </summary>
      {open ? (
        <div className="flex flex-col gap-3 py-2 ps-5">
          {operation.about ? (
            <p lang="en" className="m-0 max-w-160 whitespace-pre-line">
              {operation.about}
            </p>
          ) : null}
          <p className="m-0 flex flex-wrap gap-x-4">
            <span>
              {words.needsPermission} <Identifier>{operation.permission}</Identifier>
            </span>
            <Link to="/console" search={{ operation: operation.id } as never}>
              {words.tryIt}
            </Link>
          </p>
          {operation.parameters.length > 0 ? (
            <Properties title={words.parameters} rows={operation.parameters} />
          ) : null}
          {operation.body && operation.body.length > 0 ? (
            <Properties title={words.body} rows={operation.body} />
          ) : null}
        </div>
      ) : null}
    </details>
  );
}

function Properties({
  title,
  rows,
}: {
  readonly title: string;
  readonly rows: readonly Property[];
}) {
  const words = useWords(CATALOGUE);
  return (
    <div>
      <p className="m-0 mb-1 text-13 font-strong">{title}</p>
      <dl className="m-0 flex flex-col gap-1">
        {rows.map((one) => (
          <div key={one.name} className="flex flex-wrap gap-x-3">
            <dt>
              <Identifier>{one.name}</Identifier>
            </dt>
            <dd className="m-0 min-w-0 text-13 text-soft">
              <Identifier className="text-12">{one.kind}</Identifier>
              {one.needed ? ` · ${words.needed}` : ""}
              {one.about ? <span lang="en"> · {one.about}</span> : null}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
