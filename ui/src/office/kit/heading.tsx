/** The name of a page and what can be done on it. The document's title follows. */
import { useEffect, type ReactNode } from "react";
import { useWords } from "../../words";
import { CATALOGUE } from "../words";

export function Heading({
  title,
  children,
  above,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly above?: ReactNode;
}) {
  const words = useWords(CATALOGUE);
  useEffect(() => {
    document.title = `${title} · ${words.office}`;
  }, [title, words.office]);
  return (
    <header className="mb-4 flex flex-wrap items-center justify-between gap-3">
      <div className="min-w-0">
        {above}
        <h1 className="m-0 text-20 font-strong">{title}</h1>
      </div>
      <div className="flex flex-wrap gap-2">{children}</div>
    </header>
  );
}
