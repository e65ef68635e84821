/** One OpenID client: what it is and may ask for, another key, and its end. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, CopyText, Identifier, Moment } from "../../../design";
import { useWords } from "../../../words";
import {
  Act,
  Answered,
  DetailPage,
  Facts,
  office,
  Section,
  Tick,
  useIdInPath,
  useMay,
} from "../../kit";
import { useNamed, useNameOf } from "../../pages/asking";
import { CATALOGUE as GENERAL } from "../../words";
import { CATALOGUE as DEVELOPERS } from "../words";
import type { Client } from "./asking";
import { ClientStatus } from "./clients";
import { usePastedKey } from "./publickey";
import { CATALOGUE } from "./words";

const SIGNS = "private_key_jwt";
const PLATFORM = "platform"; // Its own clients it could not do without.

export default function ClientPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const may = useMay();
  const queries = useQueryClient();
  const [doing, setDoing] = useState<"key" | "end" | null>(null);
  const client = useQuery({
    queryKey: named("clients", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/clients/{client}", { path: { client: id }, signal }),
  });
  const mine = client.data?.active && client.data.tenant !== PLATFORM && may("api_keys.write");
  return (
    <DetailPage
      title={client.data?.name ?? words.client}
      id={id}
      back={{ to: "/clients", label: words.clients }}
      status={client.data ? <ClientStatus client={client.data} /> : null}
      actions={
        mine ? (
          <>
            {client.data?.method === SIGNS ? (
              <Button onClick={() => setDoing("key")}>{words.anotherKey}</Button>
            ) : null}
            <Button weight="danger" onClick={() => setDoing("end")}>
              {words.end}
            </Button>
          </>
        ) : null
      }
    >
      <Answered of={client}>{(found) => <About client={found} />}</Answered>
      {doing === "key" ? <AnotherKey client={id} onClose={() => setDoing(null)} /> : null}
      {doing === "end" ? (
        <Act
          title={words.end}
          act={words.end}
          danger
          onClose={() => setDoing(null)}
          onAct={async () => {
            await office("delete", "/v1/clients/{client}", { path: { client: id } });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.endMeans}</p>
        </Act>
      ) : null}
    </DetailPage>
  );
}

function About({ client }: { readonly client: Client }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const developers = useWords(DEVELOPERS);
  const nameOf = useNameOf();
  const copied = { copy: general.copy, copied: general.copied };
  return (
    <Section title={general.whatIsKnown}>
      <Facts
        facts={[
          [words.clientId, <CopyText text={client.client_id} {...copied} />],
          [words.issuer, <CopyText text={client.issuer} {...copied} />],
          [general.kind, words.clientKind(client.kind)],
          [words.method, words.methodName(client.method)],
          client.role ? [developers.role, developers.roleName(client.role)] : null,
          [words.addresses, <Several texts={client.redirect_uris} />],
          client.logout_uris.length > 0 && [
            words.logoutAddresses,
            <Several texts={client.logout_uris} />,
          ],
          [words.scopes, <Several texts={client.scopes} />],
          client.keys.length > 0 && [words.keyNames, <Several texts={client.keys} />],
          client.kind !== "program" && [
            words.asksConsent,
            client.asks_consent ? words.yes : words.no,
          ],
          client.binds_tokens && ["DPoP", words.yes],
          [developers.madeBy, client.created_by ? nameOf(client.created_by) : words.fromFile],
          [general.created, <Moment at={client.created_at} />],
        ]}
      />
    </Section>
  );
}

function Several({ texts }: { readonly texts: readonly string[] }) {
  if (texts.length === 0) return "–";
  return (
    <ul className="m-0 list-none p-0">
      {texts.map((one) => (
        <li key={one}>
          <Identifier>{one}</Identifier>
        </li>
      ))}
    </ul>
  );
}

function AnotherKey({
  client,
  onClose,
}: {
  readonly client: string;
  readonly onClose: () => void;
}) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const key = usePastedKey({ takesJson: true });
  const [keeps, setKeeps] = useState(true);
  return (
    <Act
      title={words.anotherKey}
      act={words.anotherKey}
      blocked={!key.isGood}
      onClose={onClose}
      onAct={async (once) => {
        const body = { public_key: key.text, keeps_old: keeps };
        await key.explained(
          office("post", "/v1/clients/{client}/keys", { path: { client }, body, key: once }),
        );
        await queries.invalidateQueries();
      }}
    >
      {key.field}
      <Tick label={words.keepOld} checked={keeps} onChange={setKeeps} />
      <p className="m-0 text-13 text-soft">{words.anotherKeyMeans}</p>
    </Act>
  );
}
