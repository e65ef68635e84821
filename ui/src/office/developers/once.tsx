/** A secret that is shown now and never again. */
import { Button, CopyText, Notice } from "../../design";
import { useWords } from "../../words";
import { Dialog } from "../kit";
import { CATALOGUE as GENERAL } from "../words";
import { CATALOGUE } from "./words";

export function ShownOnce({
  title,
  secret,
  onClose,
}: {
  readonly title: string;
  readonly secret: string;
  readonly onClose: () => void;
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="flex flex-col gap-3">
        <Notice tone="waiting" title={words.onceTitle}>
          <p>{words.onceMeans}</p>
        </Notice>
        <p className="m-0 rounded bg-sunken p-2">
          <CopyText text={secret} copy={general.copy} copied={general.copied} />
        </p>
        <div className="flex justify-end">
          <Button weight="primary" onClick={onClose}>
            {words.iHaveIt}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
