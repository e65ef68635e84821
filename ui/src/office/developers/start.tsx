/** Getting started: the first payment from a terminal, with one's own test keys filled in. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Notice } from "../../design";
import { useWords } from "../../words";
import { Act, Heading, office, Section, useMay, useSession } from "../kit";
import { Code } from "./code";
import { CATALOGUE } from "./words";

interface OwnKeys {
  readonly publishable: string;
  readonly secret: string;
}

const NONE: OwnKeys = { publishable: "pk_test_…", secret: "sk_test_…" };

export default function Start() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const { who } = useSession();
  const queries = useQueryClient();
  const [own, setOwn] = useState<OwnKeys | null>(null);
  const [asking, setAsking] = useState(false);
  const make = useMutation({ mutationFn: makeKeys });
  const shown = own ?? NONE;
  return (
    <>
      <Heading title={words.start} />
      <div className="flex flex-col gap-4">
        <Section title={words.stepKeys}>
          {who.mode === "live" ? (
            <Notice tone="waiting" title={words.onlyTest} />
          ) : own ? (
            <Notice tone="taken" title={words.keysFilled} live="status">
              <p>{words.keysFilledMeans}</p>
            </Notice>
          ) : (
            <div className="flex flex-col items-start gap-3">
              <p className="m-0">{words.stepKeysMeans}</p>
              {may("api_keys.write") ? (
                <Button weight="primary" onClick={() => setAsking(true)}>
                  {words.makeTestKeys}
                </Button>
              ) : (
                <p className="m-0 text-soft">{words.askForKeys}</p>
              )}
            </div>
          )}
        </Section>
        <Section title={words.stepCard}>
          <p className="m-0 mb-2">{words.stepCardMeans}</p>
          <Code label={words.stepCard} text={cardExample(shown)} />
        </Section>
        <Section title={words.stepPay}>
          <p className="m-0 mb-2">{words.stepPayMeans}</p>
          <Code label={words.stepPay} text={payExample(shown)} />
        </Section>
        <Section title={words.stepSee}>
          <p className="m-0 flex flex-wrap gap-x-4">
            <Link to="/payments">{words.seePayments}</Link>
            <Link to="/requests">{words.requests}</Link>
            <Link to="/reference">{words.reference}</Link>
          </p>
        </Section>
        <Section title={words.stepHear}>
          <p className="m-0 mb-2">{words.stepHearMeans}</p>
          <Code label={words.stepHear} text={"bezant listen --forward-to http://localhost:8080"} />
        </Section>
      </div>
      {asking ? (
        <Act
          title={words.makeTestKeys}
          act={words.makeTestKeys}
          onClose={() => setAsking(false)}
          onAct={async (key) => {
            setOwn(await make.mutateAsync(key));
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.makeTestKeysMeans}</p>
        </Act>
      ) : null}
    </>
  );
}

async function makeKeys(key: string): Promise<OwnKeys> {
  const made = async (kind: "pk" | "sk") =>
    (
      await office("post", "/v1/keys", {
        key: `${key}-${kind}`,
        body: { kind, role: "developer", name: "Getting started", custom_role: "" },
      })
    ).secret;
  return { publishable: await made("pk"), secret: await made("sk") };
}

function cardExample(own: OwnKeys): string {
  return [
    `curl ${location.origin}/v1/payments/tokenize \\`,
    `  -H 'x-api-key: ${own.publishable}' \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '{"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}'`,
  ].join("\n");
}

function payExample(own: OwnKeys): string {
  return [
    `curl ${location.origin}/v1/payments \\`,
    `  -H 'x-api-key: ${own.secret}' \\`,
    `  -H 'idempotency-key: my-first-payment' \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '{"amount": {"amount": "19.99", "asset": "EUR"}, "pay_with": {"card": "TOKEN"}}'`,
  ].join("\n");
}
