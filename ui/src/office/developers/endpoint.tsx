/** One endpoint: what it gets, how that goes, and everything that can be done with it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Field, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import {
  Act,
  Answered,
  DetailPage,
  Facts,
  office,
  Rows,
  Section,
  useIdInPath,
  useMay,
} from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import type { Endpoint } from "./asking";
import { useDeliveryColumns } from "./deliveries";
import { ShownOnce } from "./once";
import { EndpointStatus } from "./standing";
import { CATALOGUE } from "./words";

const DELIVERIES_SHOWN = 50;
const LOOK_MILLISECONDS = 4_000; // No event tells of a delivery that went well.
const OVERLAP_SECONDS = 86_400; // Both secrets sign for a day: time to put the new one in place.
type Doing = "test" | "rotate" | "state" | "delete" | "resend";

export default function EndpointPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  const named = useNamed();
  const may = useMay();
  const [doing, setDoing] = useState<Doing | null>(null);
  const [secret, setSecret] = useState("");
  const endpoint = useQuery({
    queryKey: named("endpoints", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/webhook_endpoints/{endpoint}", { path: { endpoint: id }, signal }),
    refetchInterval: LOOK_MILLISECONDS,
  });
  const there = endpoint.data?.state !== "deleted" ? endpoint.data : undefined;
  return (
    <DetailPage
      title={words.endpoint}
      id={id}
      back={{ to: "/webhooks", label: words.webhooks }}
      status={endpoint.data ? <EndpointStatus endpoint={endpoint.data} /> : null}
      actions={
        there && may("webhooks.write") ? (
          <>
            <Button weight="primary" onClick={() => setDoing("test")}>
              {words.sendSample}
            </Button>
            <Button onClick={() => setDoing("rotate")}>{words.rotate}</Button>
            <Button onClick={() => setDoing("state")}>
              {there.state === "enabled" ? words.disable : words.enable}
            </Button>
            <Button weight="danger" onClick={() => setDoing("delete")}>
              {words.delete}
            </Button>
          </>
        ) : null
      }
    >
      <Answered of={endpoint}>{(found) => <About endpoint={found} />}</Answered>
      <Sent id={id} onResend={there ? () => setDoing("resend") : undefined} />
      {doing && there ? (
        <Do doing={doing} endpoint={there} onClose={() => setDoing(null)} onSecret={setSecret} />
      ) : null}
      {secret && !doing ? (
        <ShownOnce title={words.signingSecret} secret={secret} onClose={() => setSecret("")} />
      ) : null}
    </DetailPage>
  );
}

function About({ endpoint }: { readonly endpoint: Endpoint }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  return (
    <Section title={general.whatIsKnown}>
      <Facts
        facts={[
          [words.address, <Identifier>{endpoint.url}</Identifier>],
          [words.events, <Identifier>{endpoint.events.join(", ")}</Identifier>],
          [words.payload, words.payloadKind(endpoint.payload)],
          [general.description, endpoint.description],
          [general.created, <Moment at={endpoint.created_at} />],
          [words.secrets, words.secretsInUse(endpoint.secrets.length)],
          endpoint.failing_since
            ? [words.failingSince, <Moment at={endpoint.failing_since} />]
            : null,
          endpoint.paused_until ? [words.pausedUntil, <Moment at={endpoint.paused_until} />] : null,
        ]}
      />
    </Section>
  );
}

function Sent({
  id,
  onResend,
}: {
  readonly id: string;
  readonly onResend: (() => void) | undefined;
}) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const may = useMay();
  const columns = useDeliveryColumns();
  const sent = useQuery({
    queryKey: named("deliveries", "of", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/webhook_endpoints/{endpoint}/deliveries", {
        path: { endpoint: id },
        query: { limit: DELIVERIES_SHOWN },
        signal,
      }),
    refetchInterval: LOOK_MILLISECONDS,
  });
  const failed = sent.data?.data.some((one) => one.state === "failed") ?? false;
  return (
    <Section
      title={words.deliveries}
      end={
        failed && onResend && may("webhooks.write") ? (
          <Button onClick={onResend}>{words.resendFailed}</Button>
        ) : null
      }
    >
      <Answered of={sent}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noDeliveries}</p>
          ) : (
            <Rows
              name="deliveries"
              title={words.deliveries}
              columns={columns}
              rows={found.data}
              to={(one) => `/deliveries/${one.id}`}
            />
          )
        }
      </Answered>
    </Section>
  );
}

interface DoProps {
  readonly doing: Doing;
  readonly endpoint: Endpoint;
  readonly onClose: () => void;
  readonly onSecret: (secret: string) => void;
}

function Do({ doing, endpoint, onClose, onSecret }: DoProps) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [type, setType] = useState("endpoint.tested");
  const path = { endpoint: endpoint.id };
  const off = endpoint.state === "enabled";
  const acts: Readonly<Record<Doing, () => Promise<unknown>>> = {
    test: () => office("post", "/v1/webhook_endpoints/{endpoint}/test", { path, body: { type } }),
    rotate: async () => {
      const made = await office("post", "/v1/webhook_endpoints/{endpoint}/rotate", {
        path,
        body: { scheme: "v1", overlap_seconds: OVERLAP_SECONDS },
      });
      onSecret(made.secret ?? "");
    },
    state: () =>
      office("patch", "/v1/webhook_endpoints/{endpoint}", {
        path,
        body: { state: off ? "disabled" : "enabled" },
      }),
    delete: async () => {
      await office("delete", "/v1/webhook_endpoints/{endpoint}", { path });
      await navigate({ to: "/webhooks", search: {} as never }); // Here is nothing left to see.
    },
    resend: () => resendAll(endpoint.id),
  };
  const said: Readonly<Record<Doing, readonly [act: string, means: string]>> = {
    test: [words.sendSample, words.sendSampleMeans],
    rotate: [words.rotate, words.rotateMeans],
    state: off ? [words.disable, words.disableMeans] : [words.enable, words.enableMeans],
    delete: [words.delete, words.deleteMeans],
    resend: [words.resendFailed, words.resendMeans],
  };
  const [act, means] = said[doing];
  return (
    <Act
      title={act}
      act={act}
      danger={doing === "delete"}
      onClose={onClose}
      onAct={async () => {
        await acts[doing]();
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{means}</p>
      {doing === "test" ? (
        <Field
          label={words.eventType}
          value={type}
          dir="ltr"
          onChange={(event) => setType(event.currentTarget.value)}
        />
      ) : null}
    </Act>
  );
}

/** Send everything that failed again, however many portions that takes. */
async function resendAll(endpoint: string): Promise<void> {
  let after: string | null = null;
  for (;;) {
    const done: { readonly after: string | null; readonly has_more: boolean } = await office(
      "post",
      "/v1/webhook_endpoints/{endpoint}/resend",
      { path: { endpoint }, body: { state: "failed", types: [], missed: false, after } },
    );
    if (!done.has_more) return;
    after = done.after;
  }
}
