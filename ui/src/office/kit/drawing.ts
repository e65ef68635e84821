/** The drawing engine, loaded only where something is drawn: bars and lines on a canvas. */
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use, type EChartsCoreOption, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, LineChart, GridComponent, TooltipComponent, LegendComponent, CanvasRenderer]);

export type Drawing = EChartsType;
export type Drawn = EChartsCoreOption;

/** Return a drawing in a box of ours. */
export function draw(into: HTMLElement): Drawing {
  // The engine empties its box by `innerHTML = ""`. Our policy lets no text become markup, not even
  // that one, so this box is emptied otherwise.
  Object.defineProperty(into, "innerHTML", {
    set: () => into.replaceChildren(),
    configurable: true,
  });
  return init(into);
}
