/** API keys: which there are, what each may do, and making one. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Button, Field, Identifier, Moment, Status } from "../../design";
import { useWords } from "../../words";
import { Act, ListPage, office, Select, useMay, type Column } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { keys, type Key } from "./asking";
import { ChooseGrants, type Grants } from "./grants";
import { ShownOnce } from "./once";
import { CATALOGUE } from "./words";

const ROLES = ["admin", "finance", "developer", "support", "auditor"] as const;
const KINDS = ["sk", "rk", "pk"] as const;

export function KeyStatus({ apiKey }: { readonly apiKey: Key }) {
  const words = useWords(CATALOGUE);
  if (apiKey.revoked_at) return <Status tone="calm">{words.revoked}</Status>;
  if (apiKey.expires_at && new Date(apiKey.expires_at).getTime() <= Date.now())
    return <Status tone="calm">{words.expired}</Status>;
  if (apiKey.maker_left) return <Status tone="waiting">{words.makerLeft}</Status>;
  return <Status tone="taken">{words.works}</Status>;
}

export default function Keys() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const may = useMay();
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState("");
  const columns = useMemo<readonly Column<Key>[]>(
    () => [
      {
        id: "name",
        label: general.name,
        show: (one) => <span className="font-strong">{one.name || one.id}</span>,
        text: (one) => one.name,
      },
      {
        id: "shown",
        label: words.key,
        show: (one) => <Identifier>{one.shown}</Identifier>,
        text: (one) => one.shown,
      },
      {
        id: "kind",
        label: general.kind,
        show: (one) => words.keyKind(one.kind),
        text: (one) => one.kind,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <KeyStatus apiKey={one} />,
        text: (one) => (one.revoked_at ? "revoked" : "works"),
      },
      {
        id: "last_used_at",
        label: words.lastUsed,
        show: (one) =>
          one.last_used_at ? <Moment at={one.last_used_at} by="machine" /> : words.never,
        text: (one) => one.last_used_at ?? "",
      },
      {
        id: "created_at",
        label: general.created,
        extra: true,
        show: (one) => <Moment at={one.created_at} by="machine" />,
        text: (one) => one.created_at,
      },
      {
        id: "id",
        label: general.id,
        extra: true,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words, general],
  );
  return (
    <>
      <ListPage
        name="keys"
        title={words.keys}
        fetch={keys}
        columns={columns}
        to={(one) => `/keys/${one.id}`}
        actions={
          may("api_keys.write") ? (
            <Button weight="primary" onClick={() => setMaking(true)}>
              {words.makeKey}
            </Button>
          ) : null
        }
        empty={words.noKeys}
        emptyHint={<p>{words.noKeysHint}</p>}
      />
      {making ? <MakeKey onClose={() => setMaking(false)} onSecret={setSecret} /> : null}
      {secret && !making ? (
        <ShownOnce title={words.newKey} secret={secret} onClose={() => setSecret("")} />
      ) : null}
    </>
  );
}

function MakeKey({
  onClose,
  onSecret,
}: {
  readonly onClose: () => void;
  readonly onSecret: (secret: string) => void;
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Key["kind"]>("sk");
  const [role, setRole] = useState<Key["role"]>("developer");
  const [grants, setGrants] = useState<Grants>({});
  const granted = Object.entries(grants).filter(([, access]) => access !== "none");
  const missing = kind === "rk" && granted.length === 0;
  return (
    <Act
      title={words.makeKey}
      act={words.makeKey}
      blocked={name.trim() === "" || missing}
      onClose={onClose}
      onAct={async (key) => {
        const made = await office("post", "/v1/keys", {
          key,
          body: {
            kind,
            role: kind === "pk" ? "developer" : role,
            name: name.trim(),
            custom_role: "",
            ...(kind === "rk" ? { grants: Object.fromEntries(granted) } : {}),
          },
        });
        onSecret(made.secret);
        await queries.invalidateQueries();
      }}
    >
      <Field
        label={general.name}
        value={name}
        required
        hint={words.keyNameHint}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Select
        label={general.kind}
        value={kind}
        choices={KINDS.map((one) => ({ value: one, label: words.keyKind(one) }))}
        onChange={(event) => setKind(event.currentTarget.value as Key["kind"])}
      />
      <p className="m-0 text-13 text-soft">{words.keyKindMeans(kind)}</p>
      {kind === "pk" ? null : (
        <Select
          label={words.role}
          value={role}
          choices={ROLES.map((one) => ({ value: one, label: words.roleName(one) }))}
          onChange={(event) => setRole(event.currentTarget.value as Key["role"])}
        />
      )}
      {kind === "rk" ? <ChooseGrants grants={grants} onChange={setGrants} /> : null}
    </Act>
  );
}
