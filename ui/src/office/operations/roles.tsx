/** Roles: ours, and narrower ones that a team makes of them. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { Button, Field, Identifier } from "../../design";
import { useWords } from "../../words";
import { Act, Answered, office, Section, Select, useMay, type Choice, type Schemas } from "../kit";
import { ChooseGrants, type Grants } from "../developers/grants";
import { CATALOGUE as DEVELOPERS } from "../developers/words";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

type Role = Schemas["Role"];
type OwnRole = Schemas["CustomRoleAnswer"];
export const ROLES = ["admin", "finance", "developer", "support", "auditor"] as const;

/** Return how roles are named, chosen and asked for: one of ours, or the id of a team's own. */
export function useRoles() {
  const developers = useWords(DEVELOPERS);
  const own = useOwnRoles();
  const nameOf = useCallback(
    (role: Role, id: string) =>
      own.data?.data.find((one) => one.id === id)?.name ?? developers.roleName(role),
    [own.data, developers],
  );
  const choices = useMemo<readonly Choice[]>(
    () => [
      ...ROLES.map((one) => ({ value: one, label: developers.roleName(one) })),
      ...(own.data?.data ?? []).map((one) => ({ value: one.id, label: one.name })),
    ],
    [own.data, developers],
  );
  const asked = useCallback(
    (chosen: string): { readonly role: Role; readonly custom_role: string } => {
      const found = own.data?.data.find((one) => one.id === chosen);
      return found
        ? { role: found.basis, custom_role: found.id }
        : { role: chosen as Role, custom_role: "" };
    },
    [own.data],
  );
  return { nameOf, choices, asked };
}

function useOwnRoles() {
  const named = useNamed();
  return useQuery({
    queryKey: named("members", "roles"),
    queryFn: ({ signal }) => office("get", "/v1/roles", { signal }),
  });
}

export function OwnRoles() {
  const words = useWords(CATALOGUE);
  const developers = useWords(DEVELOPERS);
  const may = useMay();
  const own = useOwnRoles();
  const queries = useQueryClient();
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<OwnRole | null>(null);
  return (
    <Section
      title={words.ownRoles}
      end={
        may("members.write") ? (
          <Button onClick={() => setMaking(true)}>{words.makeRole}</Button>
        ) : null
      }
    >
      <Answered of={own} rows={1}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noOwnRoles}</p>
          ) : (
            <ul className="m-0 flex list-none flex-col gap-3 p-0">
              {found.data.map((one) => (
                <li key={one.id} className="flex flex-wrap items-center gap-x-4 gap-y-1">
                  <span className="font-strong">{one.name}</span>
                  <span className="text-soft">
                    {words.narrowed(developers.roleName(one.basis))}
                  </span>
                  <Identifier>
                    {Object.entries(one.grants)
                      .map(([name, access]) => `${name}.${access}`)
                      .join(", ")}
                  </Identifier>
                  {may("members.write") ? (
                    <Button weight="danger" className="ms-auto" onClick={() => setEnding(one)}>
                      {words.deleteRole}
                    </Button>
                  ) : null}
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
      {making ? <MakeRole onClose={() => setMaking(false)} /> : null}
      {ending ? (
        <Act
          title={words.deleteRole}
          act={words.deleteRole}
          danger
          onClose={() => setEnding(null)}
          onAct={async () => {
            await office("delete", "/v1/roles/{role}", { path: { role: ending.id } });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.deleteRoleMeans}</p>
        </Act>
      ) : null}
    </Section>
  );
}

function MakeRole({ onClose }: { readonly onClose: () => void }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const developers = useWords(DEVELOPERS);
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [basis, setBasis] = useState<Role>("finance");
  const [grants, setGrants] = useState<Grants>({});
  const granted = Object.entries(grants).filter(([, access]) => access !== "none");
  return (
    <Act
      title={words.makeRole}
      act={words.makeRole}
      blocked={name.trim() === "" || granted.length === 0}
      onClose={onClose}
      onAct={async (key) => {
        await office("post", "/v1/roles", {
          key,
          body: { name: name.trim(), basis, grants: Object.fromEntries(granted) },
        });
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{words.makeRoleMeans}</p>
      <Field
        label={general.name}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Select
        label={words.basis}
        value={basis}
        choices={ROLES.map((one) => ({ value: one, label: developers.roleName(one) }))}
        onChange={(event) => setBasis(event.currentTarget.value as Role)}
      />
      <ChooseGrants grants={grants} onChange={setGrants} />
    </Act>
  );
}
