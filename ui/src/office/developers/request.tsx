/** One request and its answer. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { Answered, DetailPage, Facts, office, Section, useIdInPath } from "../kit";
import { pathOfId } from "../kit/palette";
import { useNamed, useNameOf } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { HttpStatus } from "./standing";
import { CATALOGUE } from "./words";

export default function RequestPage() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const id = useIdInPath();
  const named = useNamed();
  const nameOf = useNameOf();
  const request = useQuery({
    queryKey: named("requests", id),
    queryFn: ({ signal }) =>
      office("get", "/v1/requests/{request}", { path: { request: id }, signal }),
  });
  return (
    <DetailPage
      title={words.request}
      id={id}
      back={{ to: "/requests", label: words.requests }}
      status={request.data ? <HttpStatus status={request.data.status} /> : null}
    >
      <Answered of={request}>
        {(found) => {
          const about = pathOfId(found.about);
          return (
            <Section title={general.whatIsKnown}>
              <Facts
                facts={[
                  [words.request, <Identifier>{`${found.method} ${found.route}`}</Identifier>],
                  [general.when, <Moment at={found.at} by="machine" />],
                  [words.duration, words.milliseconds(found.microseconds / 1_000)],
                  found.code ? [words.errorCode, <Identifier>{found.code}</Identifier>] : null,
                  [words.detail, found.detail],
                  found.about
                    ? [
                        general.about,
                        about ? (
                          <Link to={about}>{found.about}</Link>
                        ) : (
                          <Identifier>{found.about}</Identifier>
                        ),
                      ]
                    : null,
                  [words.caller, nameOf(found.subject)],
                  [words.network, found.address],
                  [words.program, found.agent],
                  found.idempotency_key
                    ? [words.idempotencyKey, <Identifier>{found.idempotency_key}</Identifier>]
                    : null,
                ]}
              />
            </Section>
          );
        }}
      </Answered>
    </DetailPage>
  );
}
