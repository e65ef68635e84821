/** The request log: what was asked of the API, and what it answered. */
import { useMemo } from "react";
import { Identifier, Moment } from "../../design";
import { useWords } from "../../words";
import { ListPage, type Column } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { requests, type Seen } from "./asking";
import { HttpStatus } from "./standing";
import { CATALOGUE } from "./words";

export default function Requests() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const columns = useMemo<readonly Column<Seen>[]>(
    () => [
      {
        id: "route",
        label: words.request,
        show: (one) => <Identifier>{`${one.method} ${one.route}`}</Identifier>,
        text: (one) => `${one.method} ${one.route}`,
      },
      {
        id: "status",
        label: words.answer,
        show: (one) => <HttpStatus status={one.status} />,
        text: (one) => String(one.status),
      },
      {
        id: "code",
        label: words.errorCode,
        show: (one) => (one.code ? <Identifier>{one.code}</Identifier> : "–"),
        text: (one) => one.code,
      },
      {
        id: "microseconds",
        label: words.duration,
        end: true,
        show: (one) => words.milliseconds(Math.round(one.microseconds / 100) / 10),
        text: (one) => String(one.microseconds),
      },
      {
        id: "at",
        label: general.when,
        show: (one) => <Moment at={one.at} by="machine" />,
        text: (one) => one.at,
      },
      {
        id: "subject",
        label: words.caller,
        extra: true,
        show: (one) => <Identifier>{one.subject}</Identifier>,
        text: (one) => one.subject,
      },
      {
        id: "id",
        label: general.id,
        extra: true,
        show: (one) => <Identifier>{one.id}</Identifier>,
        text: (one) => one.id,
      },
    ],
    [words, general],
  );
  return (
    <ListPage
      name="requests"
      title={words.requests}
      fetch={requests}
      columns={columns}
      filters={[
        {
          name: "failed",
          label: words.answer,
          choices: [
            { value: "true", label: words.refusedOnes },
            { value: "false", label: words.wellOnes },
          ],
        },
        {
          name: "method",
          label: words.method,
          choices: ["GET", "POST", "PUT", "PATCH", "DELETE"].map((one) => ({
            value: one,
            label: one,
          })),
        },
        { name: "route", label: words.route },
        { name: "code", label: words.errorCode },
        { name: "about", label: general.about },
        { name: "since", label: general.from, kind: "date" },
        { name: "until", label: general.until, kind: "date" },
      ]}
      views={[
        { name: general.all, filters: {} },
        { name: words.refusedOnes, filters: { failed: "true" } },
      ]}
      to={(one) => `/requests/${one.id}`}
      empty={words.noRequests}
      emptyHint={<p>{words.noRequestsHint}</p>}
    />
  );
}
