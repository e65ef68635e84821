/** What every page of the office is made of. */
export { Act, Dialog } from "./dialog";
export { Chart, type Series } from "./chart";
export {
  DetailPage,
  Facts,
  Section,
  TAccounts,
  Timeline,
  type Fact,
  type Side,
  type Step,
} from "./detail";
export { Answered, Failed, Loading, NoPermission, Nothing, Working } from "./states";
export { Disclosure, Select, TextArea, Tick, type Choice } from "./fields";
export { Frame, type RailEntry, type RailGroup } from "./frame";
export { Heading } from "./heading";
export { ListPage, Rows, type Column, type ListPageProps } from "./list";
export { LiveUpdates, useLiveness } from "./live";
export { PlatformTime } from "./time";
export { office, useMay, useSession, useSessionChanges, type Schemas } from "./session";
export { useIdInPath, useSaid } from "./address";
export type { Filter, Filters } from "./filters";
export type { Fetch, PageOf, Wanted } from "./pages";
