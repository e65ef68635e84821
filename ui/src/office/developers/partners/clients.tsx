/** OpenID clients of a merchant: which there are, and registering one. */
import { useMemo, useState } from "react";
import { Button, Identifier, Moment, Status } from "../../../design";
import { useWords } from "../../../words";
import { ListPage, useMay, useSession, type Column } from "../../kit";
import { CATALOGUE as GENERAL } from "../../words";
import { clients, type Client } from "./asking";
import { RegisterClient } from "./register";
import { CATALOGUE } from "./words";

export function ClientStatus({ client }: { readonly client: Client }) {
  const words = useWords(CATALOGUE);
  return client.active ? (
    <Status tone="taken">{words.registered}</Status>
  ) : (
    <Status tone="calm">{words.ended}</Status>
  );
}

export default function Clients() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const may = useMay();
  const { merchant } = useSession();
  const [registering, setRegistering] = useState(false);
  const columns = useMemo<readonly Column<Client>[]>(
    () => [
      {
        id: "name",
        label: general.name,
        show: (one) => <span className="font-strong">{one.name}</span>,
        text: (one) => one.name,
      },
      {
        id: "client_id",
        label: words.clientId,
        show: (one) => <Identifier>{one.client_id}</Identifier>,
        text: (one) => one.client_id,
      },
      {
        id: "kind",
        label: general.kind,
        show: (one) => words.clientKind(one.kind),
        text: (one) => one.kind,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <ClientStatus client={one} />,
        text: (one) => (one.active ? "registered" : "ended"),
      },
      {
        id: "created_at",
        label: general.created,
        show: (one) => <Moment at={one.created_at} />,
        text: (one) => one.created_at,
      },
      {
        id: "issuer",
        label: words.issuer,
        extra: true,
        show: (one) => <Identifier>{one.issuer}</Identifier>,
        text: (one) => one.issuer,
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
        name="clients"
        title={words.clients}
        fetch={clients}
        columns={columns}
        to={(one) => `/clients/${one.id}`}
        actions={
          merchant && may("api_keys.write") ? (
            <Button weight="primary" onClick={() => setRegistering(true)}>
              {words.addClient}
            </Button>
          ) : null
        }
        empty={words.noClients}
        emptyHint={<p>{words.noClientsHint}</p>}
      />
      {registering ? <RegisterClient onClose={() => setRegistering(false)} /> : null}
    </>
  );
}
