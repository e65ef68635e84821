/** Webhook endpoints: who is told of what, and adding one. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Button, Field, Identifier, LinkButton, Moment } from "../../design";
import { useWords } from "../../words";
import { Act, ListPage, office, Select, useMay, type Column } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { endpoints, type Endpoint } from "./asking";
import { ShownOnce } from "./once";
import { EndpointStatus } from "./standing";
import { CATALOGUE } from "./words";

export default function Endpoints() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const may = useMay();
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState("");
  const columns = useMemo<readonly Column<Endpoint>[]>(
    () => [
      {
        id: "url",
        label: words.address,
        show: (one) => <Identifier>{one.url}</Identifier>,
        text: (one) => one.url,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <EndpointStatus endpoint={one} />,
        text: (one) => one.state,
      },
      {
        id: "events",
        label: words.events,
        show: (one) => <Identifier>{one.events.join(", ")}</Identifier>,
        text: (one) => one.events.join(" "),
      },
      {
        id: "description",
        label: general.description,
        show: (one) => one.description || "–",
        text: (one) => one.description,
      },
      {
        id: "created_at",
        label: general.created,
        show: (one) => <Moment at={one.created_at} />,
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
  const add = may("webhooks.write") ? (
    <Button weight="primary" onClick={() => setAdding(true)}>
      {words.addEndpoint}
    </Button>
  ) : null;
  return (
    <>
      <ListPage
        name="endpoints"
        title={words.webhooks}
        fetch={endpoints}
        columns={columns}
        to={(one) => `/webhooks/${one.id}`}
        actions={
          <>
            {add}
            <LinkButton href="/office/deliveries">{words.deliveries}</LinkButton>
          </>
        }
        empty={words.noEndpoints}
        emptyHint={<p>{words.noEndpointsHint}</p>}
      />
      {adding ? <AddEndpoint onClose={() => setAdding(false)} onSecret={setSecret} /> : null}
      {secret && !adding ? (
        <ShownOnce title={words.signingSecret} secret={secret} onClose={() => setSecret("")} />
      ) : null}
    </>
  );
}

function AddEndpoint({
  onClose,
  onSecret,
}: {
  readonly onClose: () => void;
  readonly onSecret: (secret: string) => void;
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const queries = useQueryClient();
  const [url, setUrl] = useState("https://");
  const [types, setTypes] = useState("*");
  const [description, setDescription] = useState("");
  const [payload, setPayload] = useState<Endpoint["payload"]>("snapshot");
  const wanted = types.split(/[\s,]+/).filter(Boolean);
  const wrong = /^https?:\/\/[^/]/.test(url) ? "" : words.noAddress;
  return (
    <Act
      title={words.addEndpoint}
      act={words.addEndpoint}
      blocked={wrong !== "" || wanted.length === 0}
      onClose={onClose}
      onAct={async () => {
        const made = await office("post", "/v1/webhook_endpoints", {
          body: { url, events: wanted, description, payload, signatures: ["v1"] },
        });
        onSecret(made.secret ?? "");
        await queries.invalidateQueries();
      }}
    >
      <Field
        label={words.address}
        type="url"
        value={url}
        dir="ltr"
        hint={words.addressHint}
        wrong={url.length > 8 && wrong ? wrong : undefined}
        onChange={(event) => setUrl(event.currentTarget.value)}
      />
      <Field
        label={words.eventTypes}
        value={types}
        dir="ltr"
        hint={words.eventTypesHint}
        onChange={(event) => setTypes(event.currentTarget.value)}
      />
      <Select
        label={words.payload}
        value={payload}
        choices={(["snapshot", "thin"] as const).map((one) => ({
          value: one,
          label: words.payloadKind(one),
        }))}
        onChange={(event) => setPayload(event.currentTarget.value as Endpoint["payload"])}
      />
      <Field
        label={general.description}
        value={description}
        onChange={(event) => setDescription(event.currentTarget.value)}
      />
    </Act>
  );
}
