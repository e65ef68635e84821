/** One partner who signs: its key, when it signed last, and its end. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, CopyText, Identifier, Moment } from "../../../design";
import { useWords } from "../../../words";
import { Act, Answered, DetailPage, Facts, office, Section, useIdInPath, useMay } from "../../kit";
import { useNamed, useNameOf } from "../../pages/asking";
import { CATALOGUE as GENERAL } from "../../words";
import { CATALOGUE as DEVELOPERS } from "../words";
import { SignerStatus } from "./signers";
import { CATALOGUE } from "./words";

export default function SignerPage() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const developers = useWords(DEVELOPERS);
  const id = useIdInPath();
  const named = useNamed();
  const nameOf = useNameOf();
  const may = useMay();
  const queries = useQueryClient();
  const [revoking, setRevoking] = useState(false);
  const signer = useQuery({
    queryKey: named("signers", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/signers/{signer}", { path: { signer: id }, signal }),
  });
  const works = signer.data !== undefined && signer.data.revoked_at === null;
  return (
    <DetailPage
      title={signer.data?.name ?? words.signer}
      id={id}
      back={{ to: "/signers", label: words.signers }}
      status={signer.data ? <SignerStatus signer={signer.data} /> : null}
      actions={
        works && may("api_keys.write") ? (
          <Button weight="danger" onClick={() => setRevoking(true)}>
            {developers.revoke}
          </Button>
        ) : null
      }
    >
      <Answered of={signer}>
        {(found) => (
          <Section title={general.whatIsKnown}>
            <p className="m-0 mb-3 text-soft">{words.keyIdMeans}</p>
            <Facts
              facts={[
                [
                  words.keyId,
                  <CopyText text={found.id} copy={general.copy} copied={general.copied} />,
                ],
                [words.algorithm, <Identifier>{found.algorithm}</Identifier>],
                [developers.role, developers.roleName(found.role)],
                [developers.madeBy, nameOf(found.created_by)],
                [general.created, <Moment at={found.created_at} />],
                [
                  developers.lastUsed,
                  found.last_used_at ? <Moment at={found.last_used_at} /> : developers.never,
                ],
                found.expires_at ? [general.expires, <Moment at={found.expires_at} />] : null,
                found.revoked_at ? [developers.revoked, <Moment at={found.revoked_at} />] : null,
              ]}
            />
          </Section>
        )}
      </Answered>
      {revoking ? (
        <Act
          title={developers.revoke}
          act={developers.revoke}
          danger
          onClose={() => setRevoking(false)}
          onAct={async () => {
            await office("delete", "/v1/signers/{signer}", { path: { signer: id } });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.revokeMeans}</p>
        </Act>
      ) : null}
    </DetailPage>
  );
}
