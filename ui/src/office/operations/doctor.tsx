/** What the doctor finds: what is wrong first, each with its remedy; what is well is one line. */
import { useQuery } from "@tanstack/react-query";
import { CopyText, Moment, Status, type Tone } from "../../design";
import { useWords } from "../../words";
import { Answered, office, Section, Working, type Schemas } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

type Finding = Schemas["FindingAnswer"];
const LOOKING_MILLISECONDS = 1_000;
const LOOK_MILLISECONDS = 60_000;
const TONES: Readonly<Record<Finding["health"], Tone>> = {
  wrong: "failed",
  note: "waiting",
  good: "taken",
};

export function Doctor() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const found = useQuery({
    queryKey: named("findings"),
    queryFn: ({ signal }) => office("get", "/v1/system/findings", { signal }),
    refetchInterval: (query) =>
      query.state.data?.looking ? LOOKING_MILLISECONDS : LOOK_MILLISECONDS,
  });
  return (
    <Section title={words.doctor}>
      <p className="m-0 mb-3 text-soft">{words.doctorMeans}</p>
      <Answered of={found} rows={6}>
        {(told) =>
          told.looked_at === null ? (
            <Working>{words.doctorLooks}</Working>
          ) : (
            <>
              <Findings found={told.findings} />
              <p className="m-0 mt-3 text-13 text-soft">
                {words.lookedAt} <Moment at={told.looked_at} by="machine" />
              </p>
            </>
          )
        }
      </Answered>
      <p className="m-0 mt-3">{words.doctorElsewhere}</p>
      <CopyText text="bezant doctor --deep" copy={general.copy} copied={general.copied} />
    </Section>
  );
}

function Findings({ found }: { readonly found: readonly Finding[] }) {
  const words = useWords(CATALOGUE);
  const wrong = found.filter((one) => one.health === "wrong");
  const notes = found.filter((one) => one.health === "note");
  const good = found.filter((one) => one.health === "good");
  return (
    <div className="flex flex-col gap-3">
      <p className="m-0">
        <Status tone={wrong.length === 0 ? "taken" : "failed"}>
          {wrong.length === 0 ? words.nothingWrong : words.toPutRight(wrong.length)}
        </Status>
      </p>
      <Lines found={[...wrong, ...notes]} />
      {good.length > 0 ? (
        <details>
          <summary className="cursor-pointer text-soft">{words.inOrder(good.length)}</summary>
          <div className="mt-2">
            <Lines found={good} />
          </div>
        </details>
      ) : null}
    </div>
  );
}

/** The doctor speaks English, and of paths and commands: they are read as they are. */
function Lines({ found }: { readonly found: readonly Finding[] }) {
  const words = useWords(CATALOGUE);
  return (
    <ul className="m-0 flex list-none flex-col gap-3 p-0">
      {found.map((one, place) => (
        <li key={`${one.area} ${one.check} ${place}`} className="flex flex-col gap-1">
          <span className="flex flex-wrap items-baseline gap-x-3">
            <Status tone={TONES[one.health]}>{words.findingHealth(one.health)}</Status>
            <span className="text-13 text-soft">{words.findingArea(one.area)}</span>
          </span>
          <bdi lang="en" dir="ltr" className="whitespace-normal [overflow-wrap:anywhere]">
            {one.found}
          </bdi>
          {one.remedy ? (
            <bdi
              lang="en"
              dir="ltr"
              className="text-13 whitespace-normal text-soft [overflow-wrap:anywhere]"
            >
              {one.remedy}
            </bdi>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
