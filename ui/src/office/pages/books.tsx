/** The books as a whole: do debits and credits agree, do the balances follow from the entries. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { classes, Amount, Button, Identifier, Moment, Notice } from "../../design";
import { useWords } from "../../words";
import {
  Answered,
  Failed,
  Facts,
  Heading,
  office,
  Section,
  useMay,
  Working,
  type Schemas,
} from "../kit";
import { CATALOGUE } from "../words";
import { isNothing } from "./amounts";
import { useNamed } from "./asking";

export default function Books() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  return (
    <>
      <Heading title={words.books} />
      <div className="flex flex-col gap-4">
        <TrialBalance />
        {may("reports.write") ? <Verify /> : null}
        <Heads />
      </div>
    </>
  );
}

function TrialBalance() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const trial = useQuery({
    queryKey: named("ledger", "trial balance"),
    queryFn: ({ signal }) => office("get", "/v1/reports/trial-balance", { signal }),
  });
  return (
    <Section title={words.trialBalance}>
      <Answered of={trial} rows={6}>
        {(found) =>
          found.assets.length === 0 ? (
            <p className="m-0 text-soft">{words.noAccounts}</p>
          ) : (
            <div className="flex flex-col gap-6">
              {found.assets.map((one) => (
                <Trial key={one.asset} trial={one} />
              ))}
            </div>
          )
        }
      </Answered>
    </Section>
  );
}

function Trial({ trial }: { readonly trial: Schemas["AssetTrialModel"] }) {
  const words = useWords(CATALOGUE);
  return (
    <div className="overflow-x-auto" role="region" aria-label={trial.asset} tabIndex={0}>
      <table className="w-full border-collapse">
        <caption className="mb-1 text-start font-strong">{trial.asset}</caption>
        <thead>
          <tr className="border-b border-edge text-13 text-soft">
            <th scope="col" className="px-2 py-1 text-start">
              {words.type}
            </th>
            <th scope="col" className="px-2 py-1 text-end">
              {words.debits}
            </th>
            <th scope="col" className="px-2 py-1 text-end">
              {words.credits}
            </th>
          </tr>
        </thead>
        <tbody>
          {trial.types.map((one) => (
            <tr key={one.type} className="border-b border-line">
              <th scope="row" className="px-2 py-1 text-start font-plain">
                {words.accountType(one.type)} ({one.accounts})
              </th>
              <td className="px-2 py-1 text-end">
                <Amount money={one.debits} />
              </td>
              <td className="px-2 py-1 text-end">
                <Amount money={one.credits} />
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr className="font-strong">
            <th scope="row" className="px-2 py-1 text-start">
              {words.sum}
            </th>
            <td className="px-2 py-1 text-end">
              <Amount money={trial.debits} />
            </td>
            <td className="px-2 py-1 text-end">
              <Amount money={trial.credits} />
            </td>
          </tr>
        </tfoot>
      </table>
      <p
        className={classes(
          "m-0 mt-1 px-2 text-13",
          isNothing(trial.difference) ? "text-taken" : "text-failed",
        )}
      >
        {isNothing(trial.difference) ? words.sumsAgree : words.sumsDiffer}{" "}
        <Amount money={trial.difference} />
      </p>
    </div>
  );
}

/** Recompute every balance from its entries, now, and say what came of it. */
function Verify() {
  const words = useWords(CATALOGUE);
  const verify = useMutation({ mutationFn: () => office("post", "/v1/reconcile", {}) });
  const found = verify.data;
  return (
    <Section
      title={words.verification}
      end={
        <Button weight="primary" busy={verify.isPending} onClick={() => verify.mutate()}>
          {words.verify}
        </Button>
      }
    >
      <p className="m-0 mb-3 text-soft">{words.verifyMeans}</p>
      {verify.isPending ? <Working>{words.verifying}</Working> : null}
      {verify.isError ? <Failed failure={verify.error} /> : null}
      {found ? (
        <Notice
          tone={found.differences.length === 0 ? "taken" : "failed"}
          title={
            found.differences.length === 0
              ? words.verifiedWell
              : words.verifiedBad(found.differences.length)
          }
          live="status"
        >
          <p>{words.verifiedCounts(found.accounts, found.entries)}</p>
          {found.differences.map((one) => (
            <p key={`${one.account} ${one.transfer}`} className="flex flex-wrap gap-x-3">
              <Identifier>{one.account}</Identifier>
              <span>{one.what}</span>
              <Amount money={one.stored} />
              <span>≠</span>
              <Amount money={one.recomputed} />
            </p>
          ))}
          <p className="text-13 text-soft">
            <Moment at={found.checked_at} />
          </p>
        </Notice>
      ) : null}
    </Section>
  );
}

function Heads() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const heads = useQuery({
    queryKey: named("ledger", "books"),
    queryFn: ({ signal }) => office("get", "/v1/ledgers", { signal }),
  });
  return (
    <Section title={words.chains}>
      <p className="m-0 mb-3 text-soft">{words.chainsMean}</p>
      <Answered of={heads}>
        {(found) => (
          <div className="flex flex-col gap-4">
            {found.data.map((one) => (
              <Facts
                key={one.id}
                facts={[
                  [words.asset, one.group ? `${one.asset} · ${one.group}` : one.asset],
                  [words.transfers, String(one.transfers)],
                  [words.head, <Identifier className="text-12">{one.head}</Identifier>],
                  one.recorded_at !== null && [words.recorded, <Moment at={one.recorded_at} />],
                ]}
              />
            ))}
          </div>
        )}
      </Answered>
    </Section>
  );
}
