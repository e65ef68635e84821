/** The system: what runs, what waits, what is late. For the people of the platform. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Identifier, Moment, Status } from "../../design";
import { useWords } from "../../words";
import { Answered, Facts, Heading, office, Rows, Section, type Column, type Schemas } from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { Doctor } from "./doctor";
import { CATALOGUE } from "./words";

type Standing = Schemas["SystemAnswer"];
type Identified<Of> = Of & { readonly id: string };
type Tick = Identified<Standing["ticks"][number]>;
type Queue = Identified<Standing["queues"][number]>;
type Feed = Identified<Standing["feeds"][number]>;
type Follower = Identified<Standing["followers"][number]>;
const LOOK_MILLISECONDS = 5_000;

export default function System() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const system = useQuery({
    queryKey: named("system"),
    queryFn: ({ signal }) => office("get", "/v1/system", { signal }),
    refetchInterval: LOOK_MILLISECONDS,
  });
  return (
    <>
      <Heading title={words.system} />
      <div className="flex flex-col gap-4">
        <Answered of={system} rows={12}>
          {(found) => (
            <>
              <Summary found={found} />
              <Ticks found={found} />
              <Queues found={found} />
              <Feeds found={found} />
              <Followers found={found} />
            </>
          )}
        </Answered>
        <Doctor />
      </div>
    </>
  );
}

function Summary({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const troubled = found.ticks.filter((one) => one.trouble !== "" || one.late).length;
  const failed = found.queues.reduce((sum, one) => sum + one.failed, 0);
  const well = troubled === 0 && failed === 0;
  return (
    <Section title={words.overview}>
      <p className="m-0 mb-3">
        <Status tone={well ? "taken" : "failed"}>
          {well ? words.allOnTime : words.troubles(troubled + failed)}
        </Status>
      </p>
      <Facts
        facts={[
          [words.version, found.version],
          [words.profile, found.profile],
          [words.installation, found.live ? words.liveOne : words.demoOne],
          [words.workers, words.workersAlive(found.workers.length)],
          [
            words.modules,
            <Identifier>
              {found.modules
                .map((one) => (one.address ? `${one.name} (${one.address})` : one.name))
                .join(", ")}
            </Identifier>,
          ],
          [words.lookedAt, <Moment at={found.looked_at} by="machine" />],
        ]}
      />
    </Section>
  );
}

function Ticks({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const columns = useMemo<readonly Column<Tick>[]>(
    () => [
      {
        id: "name",
        label: general.name,
        show: (one) => <Identifier>{one.name}</Identifier>,
        text: (one) => one.name,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => (
          <Status tone={one.trouble || one.late ? "failed" : "taken"}>
            {one.trouble || (one.late ? words.late : words.onTime)}
          </Status>
        ),
        text: (one) => one.trouble,
      },
      {
        id: "every_seconds",
        label: words.every,
        end: true,
        show: (one) => words.seconds(one.every_seconds),
        text: (one) => String(one.every_seconds),
      },
      {
        id: "ended_at",
        label: words.lastDone,
        show: (one) => (one.ended_at ? <Moment at={one.ended_at} by="machine" /> : words.never),
        text: (one) => one.ended_at ?? "",
      },
    ],
    [words, general],
  );
  const rows = found.ticks.map((one) => ({ ...one, id: one.name }));
  return (
    <Section title={words.jobs}>
      <Rows name="ticks" title={words.jobs} columns={columns} rows={rows} />
    </Section>
  );
}

function Queues({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Queue>[]>(
    () => [
      {
        id: "queue",
        label: words.queue,
        show: (one) => <Identifier>{one.queue}</Identifier>,
        text: (one) => one.queue,
      },
      {
        id: "waiting",
        label: words.waitingCount,
        end: true,
        show: (one) => one.waiting,
        text: (one) => String(one.waiting),
      },
      {
        id: "running",
        label: words.running,
        end: true,
        show: (one) => one.running,
        text: (one) => String(one.running),
      },
      {
        id: "failed",
        label: words.failedCount,
        end: true,
        show: (one) => one.failed,
        text: (one) => String(one.failed),
      },
      {
        id: "oldest_seconds",
        label: words.oldest,
        end: true,
        show: (one) => words.seconds(Math.round(one.oldest_seconds)),
        text: (one) => String(one.oldest_seconds),
      },
    ],
    [words],
  );
  return (
    <Section title={words.queues}>
      {found.queues.length === 0 ? (
        <p className="m-0 text-soft">{words.noQueues}</p>
      ) : (
        <Rows
          name="queues"
          title={words.queues}
          columns={columns}
          rows={found.queues.map((one) => ({ ...one, id: one.queue }))}
        />
      )}
    </Section>
  );
}

function Feeds({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Feed>[]>(
    () => [
      {
        id: "module",
        label: words.module,
        show: (one) => <Identifier>{one.module}</Identifier>,
        text: (one) => one.module,
      },
      {
        id: "head",
        label: words.eventsPlaced,
        end: true,
        show: (one) => one.head,
        text: (one) => String(one.head),
      },
      {
        id: "waiting",
        label: words.waitingCount,
        end: true,
        show: (one) => one.waiting,
        text: (one) => String(one.waiting),
      },
    ],
    [words],
  );
  const rows = found.feeds.map((one) => ({ ...one, id: one.module }));
  return (
    <Section title={words.feeds}>
      <Rows name="feeds" title={words.feeds} columns={columns} rows={rows} />
    </Section>
  );
}

function Followers({ found }: { readonly found: Standing }) {
  const words = useWords(CATALOGUE);
  const columns = useMemo<readonly Column<Follower>[]>(
    () => [
      {
        id: "follower",
        label: words.follower,
        show: (one) => <Identifier>{`${one.module}: ${one.follower}`}</Identifier>,
        text: (one) => `${one.module} ${one.follower}`,
      },
      {
        id: "feed",
        label: words.follows,
        show: (one) => <Identifier>{one.feed}</Identifier>,
        text: (one) => one.feed,
      },
      {
        id: "behind",
        label: words.behind,
        end: true,
        show: (one) => one.behind ?? "–",
        text: (one) => String(one.behind ?? ""),
      },
    ],
    [words],
  );
  const rows = found.followers.map((one) => ({
    ...one,
    id: `${one.module} ${one.follower} ${one.feed}`,
  }));
  return (
    <Section title={words.lag}>
      <Rows name="followers" title={words.lag} columns={columns} rows={rows} />
    </Section>
  );
}
