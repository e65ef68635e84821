/** The course of payments, day by day: how many succeeded, and how many did not. */
import { useQuery } from "@tanstack/react-query";
import { useWords } from "../../words";
import { Answered, Chart, office, type Filters } from "../kit";
import { CATALOGUE } from "../words";
import { conditions, daysBetween, useLastDays, useNamed } from "./asking";

const DAYS_USUAL = 30;
const DAYS_MAX = 366;

export function Course({ filters }: { readonly filters: Filters }) {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const { created_from, created_until, ...rest } = conditions(filters);
  const usual = useLastDays(DAYS_USUAL);
  const until = created_until ?? usual.until;
  const earliest = new Date(new Date(until).getTime() - DAYS_MAX * 86_400_000).toISOString();
  const wished = created_from ?? (created_until ? before(until, DAYS_USUAL) : usual.since);
  const since = wished < earliest ? earliest : wished;
  const series = useQuery({
    queryKey: named("stats", "series", rest, since, until),
    queryFn: ({ signal }) =>
      office("get", "/v1/stats/series", { query: { ...rest, since, until, step: "day" }, signal }),
    placeholderData: (previous) => previous,
  });
  if (since >= until) return null;
  return (
    <Answered of={series} rows={5}>
      {(found) => {
        const days = daysBetween(found.since, found.until);
        const sums = (of: "succeeded" | "declined" | "open") =>
          days.map((day) =>
            found.points
              .filter((one) => one.starts_at.slice(0, 10) === day.slice(0, 10))
              .reduce((sum, one) => sum + one[of], 0),
          );
        const [succeeded, declined, open] = [sums("succeeded"), sums("declined"), sums("open")];
        const all = found.points.reduce((sum, one) => sum + one.payments, 0);
        const good = total(succeeded);
        const decided = good + total(declined);
        const rate = decided === 0 ? null : Math.round((100 * good) / decided);
        return (
          <Chart
            title={words.courseTitle(all, days.length, rate)}
            at={days}
            step="day"
            stacked
            series={[
              { name: words.succeeded, tone: "taken", values: succeeded },
              { name: words.undecided, tone: "waiting", values: open },
              { name: words.declined, tone: "failed", values: declined },
            ]}
          />
        );
      }}
    </Answered>
  );
}

function before(until: string, days: number): string {
  return new Date(new Date(until).getTime() - days * 86_400_000).toISOString();
}

function total(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0);
}
