/** The chart on its canvas: lightweight-charts, told only what has changed. */

import {
  type CandlestickData,
  CandlestickSeries,
  ColorType,
  createChart,
  createSeriesMarkers,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type MouseEventParams,
  type SeriesMarker,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Bar } from "./candles";
import { compact, PRICE_DECIMALS, priceText } from "./format";
import { atBars, type Mark } from "./marks";
import { pause } from "./pause";

/** The smallest step of a price: far below a token's first price on any curve, in SOL. */
const MIN_MOVE = 1e-13;
const VOLUME_SHARE = 0.18;
/** Pixels. */
const WIDEST_BAR = 20;
const AXIS_WIDTH = 70;
const LIGHT = "(prefers-color-scheme: light)";

interface Colours {
  text: string;
  line: string;
  buy: string;
  sell: string;
  muted: string;
  accent: string;
}

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: of("faint"),
    line: of("line"),
    buy: of("buy"),
    sell: of("sell"),
    muted: of("muted"),
    accent: of("accent-strong"),
  };
}

/** A value on the axis; the room below zero has none. */
function axisText(value: number): string {
  if (value <= 0) return "";
  return value >= 1 ? compact(value) : priceText(value.toFixed(PRICE_DECIMALS));
}

/** The chart knows only UTC: shifted, its axis shows the reader's own time. */
function timeOf(seconds: number): UTCTimestamp {
  return (seconds - new Date(seconds * 1000).getTimezoneOffset() * 60) as UTCTimestamp;
}

function priceData(bar: Bar): CandlestickData<UTCTimestamp> {
  return { time: timeOf(bar.start), open: bar.open, high: bar.high, low: bar.low, close: bar.close };
}

function volumeData(bar: Bar, colours: Colours): HistogramData<UTCTimestamp> {
  const color = `${bar.close >= bar.open ? colours.buy : colours.sell}50`;
  return { time: timeOf(bar.start), value: bar.volume, color };
}

function isSame(a: Bar | undefined, b: Bar | undefined): boolean {
  return a?.start === b?.start && a?.trades === b?.trades && a?.close === b?.close && a?.open === b?.open;
}

/** Only the newest bar has changed, or one was added: the others need not be given again. */
function isContinued(before: Bar[], now: Bar[]): boolean {
  const added = now.length - before.length;
  if (before.length === 0 || added < 0 || added > 1) return false;
  const settled = before.length - (added ? 0 : 1);
  return isSame(before[0], now[0]) && isSame(before[settled - 1], now[settled - 1]);
}

function chartIn(element: HTMLElement): IChartApi {
  return createChart(element, {
    autoSize: true,
    layout: { fontFamily: getComputedStyle(element).fontFamily, fontSize: 12 },
    rightPriceScale: {
      borderVisible: false,
      minimumWidth: AXIS_WIDTH, // else it is measured and drawn anew with every digit
      entireTextOnly: true,
      scaleMargins: { top: 0.16, bottom: 0.06 }, // the figures stand there
    },
    timeScale: {
      borderVisible: false,
      timeVisible: true,
      rightOffset: 3,
      minBarSpacing: 1,
      maxBarSpacing: 22,
    },
    handleScroll: { vertTouchDrag: false },
  });
}

export class ChartDrawing {
  #element: HTMLElement;
  #legend: HTMLElement;
  #chart: IChartApi;
  #prices: ISeriesApi<"Candlestick">;
  #volumes: ISeriesApi<"Histogram">;
  #marks: ISeriesMarkersPluginApi<UTCTimestamp>;
  #colours: Colours;
  #theme = matchMedia(LIGHT);
  #bars: Bar[] = [];
  #drawnMarks: readonly Mark[] = [];
  #toldMarks = "";
  #intervalS = 60;
  /** Start of the bar under the pointer. */
  #pointed: number | null = null;
  /** The reader has moved the view: it is theirs from now on. */
  #isMoved = false;

  /**
   * Made in steps, between which the page goes on: none of them keeps a slow phone long. Null where `isWanted` has
   * become false meanwhile.
   */
  static async made(
    element: HTMLElement,
    legend: HTMLElement,
    isWanted: () => boolean,
  ): Promise<ChartDrawing | null> {
    const chart = chartIn(element);
    await pause();
    if (isWanted()) return new ChartDrawing(element, legend, chart);
    chart.remove();
    return null;
  }

  private constructor(element: HTMLElement, legend: HTMLElement, chart: IChartApi) {
    this.#element = element;
    this.#legend = legend;
    this.#chart = chart;
    this.#colours = coloursOf(element);
    this.#prices = this.#chart.addSeries(CandlestickSeries, {
      borderVisible: false,
      priceFormat: { type: "custom", minMove: MIN_MOVE, formatter: axisText },
    });
    const quiet = { priceScaleId: "", lastValueVisible: false, priceLineVisible: false };
    this.#volumes = this.#chart.addSeries(HistogramSeries, quiet, 1);
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0 } });
    this.#chart.panes().forEach((pane, index) => {
      pane.setStretchFactor(index ? VOLUME_SHARE : 1 - VOLUME_SHARE);
    });
    this.#marks = createSeriesMarkers(this.#prices, []) as ISeriesMarkersPluginApi<UTCTimestamp>;
    this.#chart.subscribeCrosshairMove(this.#point);
    for (const event of ["wheel", "pointerdown"]) {
      element.addEventListener(event, () => (this.#isMoved = true), { passive: true });
    }
    this.#theme.addEventListener("change", this.#repaint);
    this.#paint();
  }

  remove(): void {
    this.#theme.removeEventListener("change", this.#repaint);
    this.#chart.remove();
  }

  /** What is drawn next is another picture. */
  begin(intervalS: number): void {
    this.#intervalS = intervalS;
    this.#chart.timeScale().applyOptions({ secondsVisible: intervalS < 60 });
    this.#bars = [];
    this.#drawnMarks = [];
    this.#isMoved = false;
  }

  draw(bars: Bar[], marks: readonly Mark[]): void {
    const last = bars.at(-1);
    if (last && isContinued(this.#bars, bars)) {
      this.#prices.update(priceData(last));
      this.#volumes.update(volumeData(last, this.#colours));
    } else {
      this.#prices.setData(bars.map(priceData));
      this.#volumes.setData(bars.map((bar) => volumeData(bar, this.#colours)));
    }
    const before = this.#bars.length;
    this.#bars = bars;
    if (!this.#isMoved && bars.length !== before) this.#place(before);
    if (marks !== this.#drawnMarks || bars.length !== before) this.#mark(marks);
    this.#tell();
  }

  /** Few bars start at the left edge, with room for those to come; many fill the width, the newest in sight. */
  #place(before: number): void {
    const scale = this.#chart.timeScale();
    // Not the element's own width: asked in the middle of a change, that lays the whole page out.
    const room = Math.floor((scale.width() || this.#element.clientWidth - AXIS_WIDTH) / WIDEST_BAR);
    if (this.#bars.length < room - 1) scale.setVisibleLogicalRange({ from: -2, to: room - 2 });
    else if (before < room - 1) scale.fitContent();
  }

  /** Marks stand at bars: those before the first bar have none. Told only if they changed: all is drawn anew. */
  #mark(marks: readonly Mark[]): void {
    this.#drawnMarks = marks;
    const placed = atBars(marks, this.#intervalS);
    const told = JSON.stringify([this.#bars[0]?.start, this.#intervalS, placed]);
    if (told === this.#toldMarks) return;
    this.#toldMarks = told;
    const first = this.#bars[0]?.start ?? Number.POSITIVE_INFINITY;
    const shown = placed.filter(({ time }) => time >= first);
    this.#element.dataset.marks = String(shown.length);
    this.#element.dataset.mine = String(shown.filter(({ whose }) => whose === "me").length);
    const { buy, sell, accent } = this.#colours;
    this.#marks.setMarkers(
      shown.map(({ time, side, whose }): SeriesMarker<UTCTimestamp> => {
        const isBuy = side === "buy";
        const mine = {
          shape: isBuy ? "arrowUp" : "arrowDown",
          color: isBuy ? buy : sell,
          size: 1,
        } as const;
        const creators = { shape: "circle", color: accent, size: 0.5 } as const;
        const look = whose === "me" ? mine : creators;
        return { time: timeOf(time), position: isBuy ? "belowBar" : "aboveBar", ...look };
      }),
    );
  }

  #repaint = (): void => {
    this.#colours = coloursOf(this.#element);
    this.#paint();
    const [bars, marks] = [this.#bars, this.#drawnMarks];
    this.#bars = [];
    this.#drawnMarks = [];
    this.#toldMarks = "";
    this.draw(bars, marks);
  };

  #paint(): void {
    const colours = this.#colours;
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: colours.text,
        panes: { separatorColor: colours.line, separatorHoverColor: "transparent", enableResize: false },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: `${colours.line}90` } },
      crosshair: { vertLine: { color: colours.muted }, horzLine: { color: colours.muted } },
    });
    this.#prices.applyOptions({
      upColor: colours.buy,
      wickUpColor: colours.buy,
      downColor: colours.sell,
      wickDownColor: colours.sell,
    });
  }

  #point = ({ logical }: MouseEventParams): void => {
    this.#pointed = logical === undefined ? null : Math.round(logical);
    this.#tell();
  };

  /** The figures of the bar under the pointer, else of the newest one. */
  #tell(): void {
    const bar = (this.#pointed === null ? undefined : this.#bars[this.#pointed]) ?? this.#bars.at(-1);
    if (!bar) return;
    const { open, high, low, close, volume } = bar;
    const prices = [open, high, low, close].map((value, index) => `${"OHLC"[index]} ${axisText(value)}`);
    [...prices, `V ${compact(volume)}`].forEach((text, index) => {
      const place = this.#legend.children[index] ?? this.#legend.appendChild(document.createElement("span"));
      if (place.textContent !== text) place.textContent = text;
    });
  }
}
