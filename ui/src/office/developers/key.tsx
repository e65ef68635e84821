/** One API key: what it may do, when it was used, another secret, and its end. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { Act, Answered, DetailPage, Facts, office, Section, useIdInPath, useMay } from "../kit";
import { useNamed, useNameOf } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { KeyStatus } from "./keys";
import { ShownOnce } from "./once";
import { CATALOGUE } from "./words";

const OVERLAP_SECONDS = 86_400; // The old one works for a day: time to put the new one in place.

export default function KeyPage() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const id = useIdInPath();
  const named = useNamed();
  const nameOf = useNameOf();
  const may = useMay();
  const queries = useQueryClient();
  const [doing, setDoing] = useState<"rotate" | "revoke" | null>(null);
  const [secret, setSecret] = useState("");
  const key = useQuery({
    queryKey: named("keys", id),
    queryFn: ({ signal }) => office("get", "/v1/keys/{key}", { path: { key: id }, signal }),
  });
  const works = key.data !== undefined && key.data.revoked_at === null;
  const act = async (once: string) => {
    const path = { key: id };
    if (doing === "revoke") await office("delete", "/v1/keys/{key}", { path });
    else {
      const body = { overlap_seconds: OVERLAP_SECONDS };
      setSecret((await office("post", "/v1/keys/{key}/rotate", { path, body, key: once })).secret);
    }
    await queries.invalidateQueries();
  };
  return (
    <DetailPage
      title={key.data?.name || words.key}
      id={id}
      back={{ to: "/keys", label: words.keys }}
      status={key.data ? <KeyStatus apiKey={key.data} /> : null}
      actions={
        works && may("api_keys.write") ? (
          <>
            <Button onClick={() => setDoing("rotate")}>{words.rotate}</Button>
            <Button weight="danger" onClick={() => setDoing("revoke")}>
              {words.revoke}
            </Button>
          </>
        ) : null
      }
    >
      <Answered of={key}>
        {(found) => (
          <Section title={general.whatIsKnown}>
            <Facts
              facts={[
                [words.key, <Identifier>{found.shown}</Identifier>],
                [general.kind, words.keyKind(found.kind)],
                [words.role, words.roleName(found.role)],
                Object.keys(found.grants).length > 0
                  ? [
                      words.mayDo,
                      <Identifier>
                        {Object.entries(found.grants)
                          .map(([name, access]) => `${name}.${access}`)
                          .join(", ")}
                      </Identifier>,
                    ]
                  : null,
                [words.madeBy, nameOf(found.created_by)],
                [general.created, <Moment at={found.created_at} by="machine" />],
                [
                  words.lastUsed,
                  found.last_used_at ? (
                    <Moment at={found.last_used_at} by="machine" />
                  ) : (
                    words.never
                  ),
                ],
                found.expires_at
                  ? [general.expires, <Moment at={found.expires_at} by="machine" />]
                  : null,
                found.revoked_at
                  ? [words.revoked, <Moment at={found.revoked_at} by="machine" />]
                  : null,
              ]}
            />
          </Section>
        )}
      </Answered>
      {doing ? (
        <Act
          title={doing === "revoke" ? words.revoke : words.rotate}
          act={doing === "revoke" ? words.revoke : words.rotate}
          danger={doing === "revoke"}
          onClose={() => setDoing(null)}
          onAct={act}
        >
          <p className="m-0">{doing === "revoke" ? words.revokeMeans : words.rotateKeyMeans}</p>
        </Act>
      ) : null}
      {secret && !doing ? (
        <ShownOnce title={words.newKey} secret={secret} onClose={() => setSecret("")} />
      ) : null}
    </DetailPage>
  );
}
