/** A chart with one message. Its title says it, and a table of its numbers stands behind it. */
import { useEffect, useRef } from "react";
import { useLocale, useWords } from "../../words";
import { formatsOf } from "../../words";
import { CATALOGUE } from "../words";
import type { Drawing, Drawn } from "./drawing";

export interface Series {
  readonly name: string;
  readonly tone: "gold" | "taken" | "waiting" | "failed" | "unknown" | "link";
  /** Nothing where nothing is known: a gap is shown as a gap. */
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** The first moment of each step. */
  readonly at: readonly string[];
  readonly step: "hour" | "day";
  readonly series: readonly Series[];
  readonly stacked?: boolean;
  /** How a value is written in the table, such as with its asset. */
  readonly shown?: (value: number) => string;
}

export function Chart({ title, at, step, series, stacked = false, shown }: ChartProps) {
  const locale = useLocale();
  const words = useWords(CATALOGUE);
  const place = useRef<HTMLDivElement>(null);
  const format = new Intl.DateTimeFormat(
    formatsOf(locale),
    step === "hour" ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" },
  );
  const labels = at.map((one) => format.format(new Date(one)));
  const number = new Intl.NumberFormat(formatsOf(locale));
  const write = shown ?? ((value: number) => number.format(value));
  const said = JSON.stringify([labels, series, stacked]);
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    let drawing: Drawing | null = null;
    let gone = false;
    const put = () => drawing?.setOption(optionOf(labels, series, stacked), true);
    void import("./drawing").then(({ draw }) => {
      if (gone) return;
      drawing = draw(box);
      put();
    });
    const sized = new ResizeObserver(() => drawing?.resize());
    sized.observe(box);
    const themed = new MutationObserver(put);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", put);
    return () => {
      gone = true;
      sized.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", put);
      drawing?.dispose();
    };
    // What is drawn is compared by what it says: the arrays are made anew each time.
  }, [said]);
  return (
    <figure className="m-0 min-w-0 rounded bg-raised p-4">
      <figcaption className="mb-1 text-14 font-strong">{title}</figcaption>
      <div ref={place} aria-hidden="true" className="h-44 w-full" />
      <details className="mt-1 text-13">
        <summary className="cursor-pointer text-soft">{words.asTable}</summary>
        <div className="overflow-x-auto" role="region" aria-label={title} tabIndex={0}>
          <table className="w-full border-collapse">
            <thead>
              <tr>
                <th scope="col" className="px-2 py-1 text-start">
                  {words.when}
                </th>
                {series.map((one) => (
                  <th key={one.name} scope="col" className="px-2 py-1 text-end">
                    {one.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {labels.map((label, row) => (
                <tr key={at[row]}>
                  <th scope="row" className="px-2 py-1 text-start font-plain">
                    {label}
                  </th>
                  {series.map((one) => {
                    const value = one.values[row];
                    return (
                      <td key={one.name} className="px-2 py-1 text-end">
                        <bdi>{value === null || value === undefined ? "–" : write(value)}</bdi>
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function optionOf(labels: readonly string[], series: readonly Series[], stacked: boolean): Drawn {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const text = { color: colour("soft"), fontFamily: "Inter Variable, system-ui", fontSize: 12 };
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return {
    animation: !still,
    animationDuration: 150,
    grid: { left: 8, right: 8, top: series.length > 1 ? 28 : 12, bottom: 4, containLabel: true },
    textStyle: text,
    // A tooltip of HTML would carry `style` attributes, which our policy forbids.
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      backgroundColor: colour("raised"),
      borderColor: colour("line"),
      textStyle: { ...text, color: colour("ink") },
    },
    legend: {
      show: series.length > 1,
      top: 0,
      left: 0,
      textStyle: text,
      itemWidth: 12,
      itemHeight: 8,
    },
    xAxis: {
      type: "category",
      data: labels,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colour("line") } },
      axisLabel: text,
    },
    yAxis: {
      type: "value",
      min: 0,
      minInterval: 1,
      splitLine: { lineStyle: { color: colour("line") } },
      axisLabel: text,
    },
    series: series.map((one) => ({
      name: one.name,
      type: "bar",
      ...(stacked ? { stack: "all" } : {}),
      barMaxWidth: 24,
      itemStyle: { color: colour(one.tone) },
      data: one.values,
    })),
  };
}
