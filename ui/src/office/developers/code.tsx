/** Text for machines: read from left to right in every language, and copied whole. */
import { useEffect, useState } from "react";
import { Button, Icon } from "../../design";
import { useWords } from "../../words";
import { CATALOGUE as GENERAL } from "../words";

const COPIED_MILLISECONDS = 2_000;

export function Code({ text, label }: { readonly text: string; readonly label: string }) {
  const general = useWords(GENERAL);
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), COPIED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <pre
        dir="ltr"
        tabIndex={0}
        role="region"
        aria-label={label}
        className={
          "m-0 max-h-100 overflow-auto whitespace-pre-wrap rounded bg-sunken p-3 text-start " +
          "font-mono text-13 [overflow-wrap:anywhere]"
        }
      >
        {text}
      </pre>
      <div>
        <Button onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}>
          <Icon name={done ? "check" : "copy"} className="size-4" />
          {done ? general.copied : general.copy}
        </Button>
      </div>
    </div>
  );
}
