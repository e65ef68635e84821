/** One approval, by its own address. */
import { useWords } from "../../words";
import { DetailPage, useIdInPath } from "../kit";
import { CATALOGUE } from "../words";
import { ApprovalPanel } from "./agreeing";

export default function ApprovalPage() {
  const words = useWords(CATALOGUE);
  const id = useIdInPath();
  return (
    <DetailPage title={words.approval} id={id} back={{ to: "/approvals", label: words.approvals }}>
      <ApprovalPanel id={id} />
    </DetailPage>
  );
}
