/** Vault and keys: what protects what, which keys there are, and who used them. Never a secret. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Identifier, Moment, Status, type Tone } from "../../design";
import { useWords } from "../../words";
import {
  Answered,
  Heading,
  office,
  Rows,
  Section,
  useSession,
  type Column,
  type Schemas,
} from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";
import type { KeyState } from "./words/kinds";

type Version = Schemas["KeyVersionAnswer"] & { readonly id: string };
type Access = Omit<Schemas["AccessAnswer"], "id"> & { readonly id: string };
const TONES: Readonly<Record<KeyState, Tone>> = {
  pending: "waiting",
  active: "taken",
  verify_only: "calm",
  decrypt_only: "calm",
  destroyed: "calm",
};
const ACCESSES_SHOWN = 50;

export default function Vault() {
  const words = useWords(CATALOGUE);
  const { who } = useSession();
  const ofPlatform = !who.tenant.startsWith("mer_");
  return (
    <>
      <Heading title={words.vault} />
      <div className="flex flex-col gap-4">
        <p className="m-0 max-w-160">{words.vaultMeans}</p>
        <Protection />
        {ofPlatform ? (
          <>
            <Inventory />
            <Accesses />
          </>
        ) : (
          <p className="m-0 text-soft">{words.keysOfPlatform}</p>
        )}
      </div>
    </>
  );
}

function Protection() {
  const words = useWords(CATALOGUE);
  const named = useNamed();
  const known = useQuery({
    queryKey: named("crypto"),
    queryFn: ({ signal }) => office("get", "/v1/crypto/capabilities", { signal }),
  });
  return (
    <Section title={words.protection}>
      <Answered of={known}>
        {(found) => (
          <div className="flex flex-col gap-3">
            <ul lang="en" className="m-0 flex flex-col gap-1 ps-5">
              {found.statements.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
            <ul className="m-0 flex list-none flex-col gap-1 p-0">
              {found.kinds.map((one) => (
                <li key={one.spec} className="flex flex-wrap gap-x-4">
                  <Identifier>{one.spec}</Identifier>
                  <span>{words.security(one.security)}</span>
                  <Identifier className="text-12">{one.keys.join(", ")}</Identifier>
                </li>
              ))}
            </ul>
          </div>
        )}
      </Answered>
    </Section>
  );
}

function Inventory() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const keys = useQuery({
    queryKey: named("crypto", "keys"),
    queryFn: ({ signal }) => office("get", "/v1/crypto/keys", { signal }),
  });
  const columns = useMemo<readonly Column<Version>[]>(
    () => [
      {
        id: "name",
        label: general.name,
        show: (one) => <Identifier>{`${one.name} ${one.version}`}</Identifier>,
        text: (one) => `${one.name} ${one.version}`,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <Status tone={TONES[one.state]}>{words.keyState(one.state)}</Status>,
        text: (one) => one.state,
      },
      {
        id: "spec",
        label: general.kind,
        show: (one) => <Identifier>{one.spec}</Identifier>,
        text: (one) => one.spec,
      },
      {
        id: "lies_with",
        label: words.liesWith,
        show: (one) => one.lies_with,
        text: (one) => one.lies_with,
      },
      {
        id: "created_at",
        label: general.created,
        show: (one) => <Moment at={one.created_at} by="machine" />,
        text: (one) => one.created_at,
      },
    ],
    [words, general],
  );
  return (
    <Section title={words.keys}>
      <Answered of={keys}>
        {(found) => (
          <Rows
            name="cryptokeys"
            title={words.keys}
            columns={columns}
            rows={found.data.map((one) => ({ ...one, id: one.kid }))}
          />
        )}
      </Answered>
    </Section>
  );
}

function Accesses() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const accesses = useQuery({
    queryKey: named("crypto", "accesses"),
    queryFn: ({ signal }) =>
      office("get", "/v1/crypto/accesses", { query: { limit: ACCESSES_SHOWN }, signal }),
  });
  const columns = useMemo<readonly Column<Access>[]>(
    () => [
      {
        id: "key",
        label: words.key,
        show: (one) => <Identifier>{one.key || "–"}</Identifier>,
        text: (one) => one.key,
      },
      {
        id: "use",
        label: words.use,
        show: (one) => words.useOf(one.use),
        text: (one) => one.use,
      },
      {
        id: "caller",
        label: words.caller,
        show: (one) => one.caller,
        text: (one) => one.caller,
      },
      {
        id: "outcome",
        label: general.result,
        show: (one) => (
          <Status tone={one.outcome === "done" ? "taken" : "failed"}>
            {words.accessOutcome(one.outcome)}
          </Status>
        ),
        text: (one) => one.outcome,
      },
      {
        id: "times",
        label: words.times,
        end: true,
        show: (one) => one.times,
        text: (one) => String(one.times),
      },
      {
        id: "last_at",
        label: general.when,
        show: (one) => <Moment at={one.last_at} by="machine" />,
        text: (one) => one.last_at,
      },
    ],
    [words, general],
  );
  return (
    <Section title={words.accesses}>
      <Answered of={accesses}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noAccesses}</p>
          ) : (
            <Rows
              name="cryptoaccesses"
              title={words.accesses}
              columns={columns}
              rows={found.data.map((one) => ({ ...one, id: String(one.id) }))}
            />
          )
        }
      </Answered>
    </Section>
  );
}
