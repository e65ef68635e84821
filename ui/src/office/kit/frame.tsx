/**
 * What stands around every page: the rail of what people do, the search, which world one is in.
 *
 * Live and test have frames of different colours, so that nobody takes one for the other.
 */
import { Link, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Button, classes, Icon, LinkButton, type IconName } from "../../design";
import { LOCALES, NAMES, useLocale, useWords, type Locale } from "../../words";
import { CATALOGUE } from "../words";
import { Act } from "./dialog";
import { Disclosure, Select } from "./fields";
import { keep, kept } from "./kept";
import { useLiveness } from "./live";
import { Palette } from "./palette";
import { useMay, useSession, useSessionChanges } from "./session";

export interface RailEntry {
  readonly to: string;
  readonly label: string;
  readonly icon: IconName;
  /** Who lacks it does not see the entry. */
  readonly permission: string;
}
export interface RailGroup {
  readonly label: string;
  readonly entries: readonly RailEntry[];
}

export function Frame({
  rail,
  children,
}: {
  readonly rail: readonly RailGroup[];
  readonly children: ReactNode;
}) {
  const words = useWords(CATALOGUE);
  const { who, merchant } = useSession();
  const [searching, setSearching] = useState(false);
  const [menu, setMenu] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  const before = useRef(path);
  useEffect(() => {
    setMenu(false);
    if (before.current !== path) main.current?.focus({ preventScroll: false });
    before.current = path;
  }, [path]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setSearching(true);
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const live = who.mode === "live";
  return (
    <div
      className={classes(
        "flex min-h-dvh flex-col border-t-4",
        live ? "border-taken" : "border-waiting",
      )}
      data-mode={who.mode}
    >
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-30 focus:bg-raised focus:p-2"
      >
        {words.toContent}
      </a>
      {merchant?.demo ? (
        <p role="note" className="m-0 bg-sunken px-4 py-1 text-center text-13">
          {words.demoRibbon}
        </p>
      ) : null}
      <header className="flex flex-wrap items-center gap-2 px-4 py-2">
        <Button
          className="lg:hidden"
          aria-expanded={menu}
          aria-controls="rail"
          onClick={() => setMenu(!menu)}
        >
          {words.menu}
        </Button>
        <Link to="/" className="flex items-center gap-2 font-strong text-ink no-underline">
          <Icon name="coin" className="text-gold" />
          <span className="max-sm:sr-only">{merchant?.name ?? words.platform}</span>
        </Link>
        <ModeSwitch />
        <button
          type="button"
          onClick={() => setSearching(true)}
          className={classes(
            "ms-auto inline-flex min-h-8 cursor-pointer items-center gap-2 rounded border",
            "border-edge bg-raised px-3 text-soft",
          )}
        >
          <Icon name="search" className="size-4" />
          <span className="max-sm:sr-only">{words.search}</span>
          <kbd className="font-mono text-12 max-sm:hidden" dir="ltr">
            Ctrl K
          </kbd>
        </button>
        <Mine />
      </header>
      <div className="flex min-w-0 flex-1 max-lg:flex-col">
        <Rail groups={rail} shown={menu} />
        <main
          ref={main}
          id="main"
          tabIndex={-1}
          className="min-w-0 flex-1 px-4 pb-12 pt-2 outline-none"
        >
          <div className="mx-auto max-w-300">{children}</div>
        </main>
      </div>
      {searching ? <Palette rail={rail} onClose={() => setSearching(false)} /> : null}
    </div>
  );
}

function Rail({
  groups,
  shown,
}: {
  readonly groups: readonly RailGroup[];
  readonly shown: boolean;
}) {
  const words = useWords(CATALOGUE);
  const may = useMay();
  return (
    <nav
      id="rail"
      aria-label={words.rail}
      className={classes(
        "w-52 shrink-0 px-2 pb-8 max-lg:w-full lg:block",
        shown ? "block" : "hidden",
      )}
    >
      {groups.map((group) => {
        const entries = group.entries.filter((one) => may(one.permission));
        return entries.length === 0 ? null : (
          <div key={group.label} className="mb-3">
            <p className="m-0 px-2 py-1 text-12 text-soft">{group.label}</p>
            <ul className="m-0 list-none p-0">
              {entries.map((one) => (
                <li key={one.to}>
                  <Link
                    to={one.to}
                    activeOptions={{ exact: one.to === "/", includeSearch: false }}
                    className={classes(
                      "flex min-h-8 items-center gap-2 rounded px-2 text-ink no-underline",
                      "hover:bg-sunken aria-[current=page]:bg-sunken",
                      "aria-[current=page]:font-strong",
                    )}
                  >
                    <Icon name={one.icon} className="size-4 text-soft" />
                    {one.label}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

/** Test or live, said in words and colour; going over to live is asked first. */
function ModeSwitch() {
  const words = useWords(CATALOGUE);
  const { who } = useSession();
  const { enter } = useSessionChanges();
  const [asking, setAsking] = useState(false);
  const live = who.mode === "live";
  return (
    <>
      <button
        type="button"
        onClick={() => setAsking(true)}
        className={classes(
          "inline-flex min-h-8 cursor-pointer items-center gap-2 rounded-full border-2 bg-raised",
          "px-3 text-13 font-strong",
          live ? "border-taken text-taken" : "border-waiting text-waiting",
        )}
      >
        {live ? words.liveMode : words.testMode}
      </button>
      {asking ? (
        <Act
          title={live ? words.toTest : words.toLive}
          act={live ? words.toTest : words.toLive}
          onClose={() => setAsking(false)}
          onAct={() => enter(who.tenant, live ? "test" : "live")}
        >
          <p>{live ? words.toTestMeans : words.toLiveMeans}</p>
        </Act>
      ) : null}
    </>
  );
}

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

export function useTheme(): readonly [Theme, (next: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(
    () => THEMES.find((one) => one === kept("theme")) ?? "system",
  );
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    keep("theme", theme === "system" ? null : theme);
  }, [theme]);
  return [theme, setTheme];
}

/** One's own corner: language, light or dark, whether the page is live, signing out. */
function Mine() {
  const words = useWords(CATALOGUE);
  const locale = useLocale();
  const { who } = useSession();
  const { signOut } = useSessionChanges();
  const liveness = useLiveness();
  const [theme, setTheme] = useTheme();
  return (
    <Disclosure label={<span>{words.me}</span>}>
      <p className="m-0 text-13 text-soft">{words.roleSaid(who.role || words.platform)}</p>
      <p className="m-0 text-13 text-soft" role="status">
        {liveness === "live" ? words.isLive : liveness === "paused" ? words.isPaused : words.isLost}
      </p>
      <Select
        label={words.language}
        value={locale}
        choices={LOCALES.map((one) => ({ value: one, label: NAMES[one] }))}
        onChange={(event) => speakFromNowOn(event.currentTarget.value as Locale)}
      />
      <Select
        label={words.theme}
        value={theme}
        choices={[
          { value: "system", label: words.themeSystem },
          { value: "light", label: words.themeLight },
          { value: "dark", label: words.themeDark },
        ]}
        onChange={(event) => setTheme(event.currentTarget.value as Theme)}
      />
      <LinkButton href="/security" className="mt-2">
        {words.ownSecurity}
      </LinkButton>
      <Button onClick={() => void signOut()}>{words.signOut}</Button>
    </Disclosure>
  );
}

/** Change the language; `main.tsx` listens. */
function speakFromNowOn(locale: Locale): void {
  keep("language", locale);
  dispatchEvent(new CustomEvent("bezant:language", { detail: locale }));
}
