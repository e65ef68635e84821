/** Choosing what somebody or something may do, resource by resource. */
import { useMemo } from "react";
import { useWords } from "../../words";
import { Select, useSession } from "../kit";
import { CATALOGUE } from "./words";

const ACCESSES = ["none", "read", "write"] as const;
export type Grants = Readonly<Record<string, (typeof ACCESSES)[number]>>;

/** Offers what the one who chooses may do: nobody hands out more. */
export function ChooseGrants({
  grants,
  onChange,
}: {
  readonly grants: Grants;
  readonly onChange: (next: Grants) => void;
}) {
  const words = useWords(CATALOGUE);
  const { who } = useSession();
  const resources = useMemo(
    () =>
      [...new Set([...who.permissions, ...who.withheld].map((one) => one.split(".")[0] ?? ""))]
        .filter((one) => one !== "session" && one !== "security")
        .sort(),
    [who.permissions, who.withheld],
  );
  return (
    <fieldset className="m-0 min-w-0 border-0 p-0">
      <legend className="p-0 text-13 font-strong">{words.mayDo}</legend>
      <div className="grid grid-cols-[repeat(auto-fill,minmax(140px,1fr))] gap-2">
        {resources.map((one) => (
          <Select
            key={one}
            label={one}
            value={grants[one] ?? "none"}
            choices={ACCESSES.map((access) => ({ value: access, label: words.access(access) }))}
            onChange={(event) =>
              onChange({ ...grants, [one]: event.currentTarget.value as (typeof ACCESSES)[number] })
            }
          />
        ))}
      </div>
    </fieldset>
  );
}
