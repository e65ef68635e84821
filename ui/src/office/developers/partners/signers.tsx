/** Partners who sign their requests: which there are, and adding one. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Button, Field, Identifier, Moment, Status } from "../../../design";
import { useWords } from "../../../words";
import { Act, ListPage, office, Select, useMay, useSession, type Column } from "../../kit";
import { CATALOGUE as GENERAL } from "../../words";
import { CATALOGUE as DEVELOPERS } from "../words";
import { signers, type Signer } from "./asking";
import { usePastedKey } from "./publickey";
import { CATALOGUE } from "./words";

const ROLES = ["admin", "finance", "developer", "support", "auditor"] as const;

export function SignerStatus({ signer }: { readonly signer: Signer }) {
  const words = useWords(DEVELOPERS);
  if (signer.revoked_at) return <Status tone="calm">{words.revoked}</Status>;
  if (signer.expires_at && new Date(signer.expires_at).getTime() <= Date.now())
    return <Status tone="calm">{words.expired}</Status>;
  return <Status tone="taken">{words.works}</Status>;
}

export default function Signers() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const { merchant } = useSession();
  const [adding, setAdding] = useState(false);
  return (
    <>
      <ListPage
        name="signers"
        title={words.signers}
        fetch={signers}
        columns={useColumns()}
        to={(one) => `/signers/${one.id}`}
        actions={
          merchant && may("api_keys.write") ? (
            <Button weight="primary" onClick={() => setAdding(true)}>
              {words.addSigner}
            </Button>
          ) : null
        }
        empty={words.noSigners}
        emptyHint={<p>{words.noSignersHint}</p>}
      />
      {adding ? <AddSigner onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function useColumns(): readonly Column<Signer>[] {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const developers = useWords(DEVELOPERS);
  return useMemo<readonly Column<Signer>[]>(
    () => [
      {
        id: "name",
        label: general.name,
        show: (one) => <span className="font-strong">{one.name}</span>,
        text: (one) => one.name,
      },
      {
        id: "id",
        label: words.keyId,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
      {
        id: "algorithm",
        label: words.algorithm,
        show: (one) => <Identifier>{one.algorithm}</Identifier>,
        text: (one) => one.algorithm,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <SignerStatus signer={one} />,
        text: (one) => (one.revoked_at ? "revoked" : "works"),
      },
      {
        id: "created_at",
        label: general.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
      },
      {
        id: "last_used_at",
        label: developers.lastUsed,
        show: (one) => (one.last_used_at ? <Moment at={one.last_used_at} /> : developers.never),
        text: (one) => one.last_used_at ?? "",
      },
      {
        id: "role",
        label: developers.role,
        extra: true,
        show: (one) => developers.roleName(one.role),
        text: (one) => one.role,
      },
    ],
    [words, general, developers],
  );
}

function AddSigner({ onClose }: { readonly onClose: () => void }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const developers = useWords(DEVELOPERS);
  const queries = useQueryClient();
  const key = usePastedKey({ takesJson: false });
  const [name, setName] = useState("");
  const [role, setRole] = useState<(typeof ROLES)[number]>("developer");
  return (
    <Act
      title={words.addSigner}
      act={words.addSigner}
      blocked={name.trim() === "" || !key.isGood}
      onClose={onClose}
      onAct={async (once) => {
        const body = { name: name.trim(), role, public_key: key.text };
        await key.explained(office("post", "/v1/signers", { body, key: once }));
        await queries.invalidateQueries();
      }}
    >
      <Field
        label={general.name}
        value={name}
        required
        hint={words.signerNameHint}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Select
        label={developers.role}
        value={role}
        choices={ROLES.map((one) => ({ value: one, label: developers.roleName(one) }))}
        onChange={(event) => setRole(event.currentTarget.value as (typeof ROLES)[number])}
      />
      {key.field}
    </Act>
  );
}
