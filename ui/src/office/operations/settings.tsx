/** Settings of a merchant: which sites may frame the payer's page, and what receipts look like. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Identifier } from "../../design";
import { useWords } from "../../words";
import {
  Act,
  Answered,
  Facts,
  Heading,
  office,
  Section,
  Select,
  TextArea,
  useMay,
  useSession,
} from "../kit";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";
import type { Form } from "./words/kinds";

const FORMS: readonly Form[] = ["compact", "full"];

export default function Settings() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const may = useMay();
  const { merchant, who } = useSession();
  return (
    <>
      <Heading title={words.settings} />
      <div className="flex flex-col gap-4">
        <Section title={words.company}>
          <Facts
            facts={[
              [general.name, merchant?.name ?? general.platform],
              [general.id, <Identifier>{who.tenant}</Identifier>],
              [words.world, who.mode === "live" ? general.liveMode : general.testMode],
            ]}
          />
        </Section>
        {merchant ? <Checkout /> : null}
        {merchant && may("receipts.read") ? <Receipts /> : null}
      </div>
    </>
  );
}

function Checkout() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const may = useMay();
  const [open, setOpen] = useState(false);
  const settings = useQuery({
    queryKey: named("checkout settings"),
    queryFn: ({ signal }) => office("get", "/v1/checkout_settings", { signal }),
  });
  return (
    <Section
      title={words.checkout}
      end={
        settings.data && may("orders.write") ? (
          <Button onClick={() => setOpen(true)}>{words.change}</Button>
        ) : null
      }
    >
      <p className="m-0 mb-2 text-soft">{words.originsMean}</p>
      <Answered of={settings} rows={1}>
        {(found) => (
          <>
            {found.origins.length === 0 ? (
              <p className="m-0">{words.noOrigins}</p>
            ) : (
              <Identifier>{found.origins.join(", ")}</Identifier>
            )}
            {open ? (
              <ChangeOrigins
                before={found.origins}
                label={words.origins}
                act={general.save}
                onClose={() => setOpen(false)}
              />
            ) : null}
          </>
        )}
      </Answered>
    </Section>
  );
}

function ChangeOrigins({
  before,
  label,
  act,
  onClose,
}: {
  readonly before: readonly string[];
  readonly label: string;
  readonly act: string;
  readonly onClose: () => void;
}) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const [typed, setTyped] = useState(before.join("\n"));
  const origins = typed.split(/\s+/).filter(Boolean);
  const wrong = origins.find((one) => !/^https?:\/\/[^/\s]+$/.test(one));
  return (
    <Act
      title={label}
      act={act}
      blocked={wrong !== undefined}
      onClose={onClose}
      onAct={async () => {
        await office("put", "/v1/checkout_settings", { body: { origins } });
        await queries.invalidateQueries();
      }}
    >
      <TextArea
        label={label}
        value={typed}
        dir="ltr"
        hint={words.originsHint}
        wrong={wrong === undefined ? undefined : words.noOrigin(wrong)}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
    </Act>
  );
}

function Receipts() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const may = useMay();
  const queries = useQueryClient();
  const [form, setForm] = useState<Form | null>(null);
  const settings = useQuery({
    queryKey: named("receipt settings"),
    queryFn: ({ signal }) => office("get", "/v1/receipt_settings", { signal }),
  });
  return (
    <Section
      title={words.receipts}
      end={
        settings.data && may("receipts.write") ? (
          <Button onClick={() => setForm(settings.data.form)}>{words.change}</Button>
        ) : null
      }
    >
      <Answered of={settings} rows={1}>
        {(found) => <p className="m-0">{words.receiptForm(found.form)}</p>}
      </Answered>
      {form === null ? null : (
        <Act
          title={words.receipts}
          act={general.save}
          onClose={() => setForm(null)}
          onAct={async () => {
            await office("put", "/v1/receipt_settings", { body: { form } });
            await queries.invalidateQueries();
          }}
        >
          <Select
            label={words.receiptsSay}
            value={form}
            choices={FORMS.map((one) => ({ value: one, label: words.receiptForm(one) }))}
            onChange={(event) => setForm(event.currentTarget.value as Form)}
          />
        </Act>
      )}
    </Section>
  );
}
