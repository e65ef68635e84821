/** The sandbox: what goes wrong next at the emulated providers, a test payment, and the clock. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Notice } from "../../design";
import { useLocale, useWords } from "../../words";
import { shownMoment } from "../../words/formats";
import {
  Answered,
  Act,
  Facts,
  Failed,
  Heading,
  office,
  Section,
  useMay,
  useSession,
  type Schemas,
} from "../kit";
import { useNamed } from "../pages/asking";
import { TestPayment } from "./testpayment";
import { CATALOGUE } from "./words";
import { SCENARIOS, type Scenario } from "./words/kinds";

type Standing = Schemas["SandboxAnswer"];

const SECONDS: Readonly<Partial<Record<Scenario, number>>> = { slow: 5, webhook_late: 120 };
const STEPS = [3_600, 86_400, 7 * 86_400, 30 * 86_400] as const;

export default function Sandbox() {
  const words = useWords(CATALOGUE);
  const { who } = useSession();
  const may = useMay();
  const named = useNamed();
  const test = who.mode === "test";
  const sandbox = useQuery({
    queryKey: named("sandbox"),
    queryFn: ({ signal }) => office("get", "/v1/sandbox", { signal }),
    enabled: test,
    refetchInterval: 5_000,
  });
  return (
    <>
      <Heading title={words.sandbox} />
      {test ? (
        <div className="flex flex-col gap-4">
          <p className="m-0 max-w-160">{words.sandboxMeans}</p>
          <Answered of={sandbox} rows={6}>
            {(found) => (
              <>
                <Waiting found={found} />
                {may("sandbox.write") ? <Scenarios /> : null}
                {may("payments.write") && may("tokens.write") ? <TestPayment /> : null}
                <Clock found={found} />
              </>
            )}
          </Answered>
        </div>
      ) : (
        <Notice tone="calm" title={words.sandboxInTest} />
      )}
    </>
  );
}

function Waiting({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const queries = useQueryClient();
  const clear = useMutation({
    mutationFn: () => office("delete", "/v1/sandbox/scripts", {}),
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <Section
      title={words.waiting}
      end={
        found.scripts.length > 0 && may("sandbox.write") ? (
          <Button busy={clear.isPending} onClick={() => clear.mutate()}>
            {words.allWell}
          </Button>
        ) : null
      }
    >
      {clear.isError ? <Failed failure={clear.error} /> : null}
      {found.scripts.length === 0 ? (
        <p className="m-0 text-soft">{words.nothingWaits}</p>
      ) : (
        <ul className="m-0 flex list-none flex-col gap-1 p-0">
          {found.scripts.map((one) => (
            <li key={one.number} className="flex flex-wrap gap-x-4">
              <span className="font-strong">{nameOf(one.effect, words.scenario)}</span>
              <span className="text-soft">{one.provider || words.anyProvider}</span>
              <span className="text-soft">{words.timesLeft(one.left)}</span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function nameOf(effect: string, said: (scenario: Scenario) => string): string {
  const known = SCENARIOS.find((one) => one === effect);
  return known ? said(known) : effect.replaceAll("_", " ");
}

function Scenarios() {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const arrange = useMutation({
    mutationFn: (effect: Scenario) =>
      office("post", "/v1/sandbox/scripts", {
        body: {
          effect,
          provider: "",
          operation: "",
          code: "",
          seconds: SECONDS[effect] ?? 0,
          times: 1,
        },
      }),
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <Section title={words.goWrong}>
      <p className="m-0 mb-3 text-soft">{words.goWrongMeans}</p>
      {arrange.isError ? <Failed failure={arrange.error} /> : null}
      <ul className="m-0 grid list-none grid-cols-[repeat(auto-fill,minmax(240px,1fr))] gap-3 p-0">
        {SCENARIOS.map((one) => (
          <li key={one} className="flex flex-col items-start gap-1">
            <Button
              busy={arrange.isPending && arrange.variables === one}
              onClick={() => arrange.mutate(one)}
            >
              {words.scenario(one)}
            </Button>
            <span className="text-13 text-soft">{words.scenarioMeans(one)}</span>
          </li>
        ))}
      </ul>
      <p role="status" className="m-0 mt-2 text-13">
        {arrange.isSuccess ? words.arranged : ""}
      </p>
    </Section>
  );
}

function Clock({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const may = useMay();
  const queries = useQueryClient();
  const [step, setStep] = useState<number | null>(null);
  return (
    <Section title={words.clock}>
      <Facts
        facts={[
          [words.now, <time dateTime={found.now}>{shownMoment(found.now, locale)}</time>],
          [words.ahead, words.aheadBy(found.ahead_seconds)],
        ]}
      />
      {may("sandbox.write") ? (
        <div className="mt-3 flex flex-wrap gap-2">
          {STEPS.map((one) => (
            <Button key={one} onClick={() => setStep(one)}>
              {words.moveBy(one)}
            </Button>
          ))}
        </div>
      ) : null}
      {step === null ? null : (
        <Act
          title={words.moveClock}
          act={words.moveBy(step)}
          onClose={() => setStep(null)}
          onAct={async () => {
            await office("post", "/v1/sandbox/clock", { body: { seconds: step } });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.moveClockMeans}</p>
        </Act>
      )}
    </Section>
  );
}
