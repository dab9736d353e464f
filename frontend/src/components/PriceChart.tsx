"use client";

import {
  type CandlestickData,
  CandlestickSeries,
  ColorType,
  createChart,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useRef } from "react";
import { type Bar, connected } from "@/lib/candles";
import { priceText } from "@/lib/format";

/** The smallest step of a price: far below a token's first price on any curve, in SOL. */
const MIN_MOVE = 1e-13;
const VOLUME_SHARE = 0.18;
const DECIMALS = 18;
/** Pixels. */
const WIDEST_BAR = 20;
const AXIS_WIDTH = 70;

interface Drawn {
  element: HTMLElement;
  chart: IChartApi;
  prices: ISeriesApi<"Candlestick">;
  volumes: ISeriesApi<"Histogram">;
  bars: Bar[];
  /** The reader has moved the view: it is theirs from now on. */
  isMoved: boolean;
}

interface Colours {
  text: string;
  line: string;
  buy: string;
  sell: string;
  muted: string;
}

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return { text: of("faint"), line: of("line"), buy: of("buy"), sell: of("sell"), muted: of("muted") };
}

/** A price on the axis; the room below zero has none. */
function axisText(price: number): string {
  return price > 0 ? priceText(price.toFixed(DECIMALS)) : "";
}

function paint({ chart, prices }: Drawn, colours: Colours): void {
  chart.applyOptions({
    layout: {
      background: { type: ColorType.Solid, color: "transparent" },
      textColor: colours.text,
      panes: { separatorColor: colours.line, separatorHoverColor: "transparent", enableResize: false },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: `${colours.line}90` } },
    crosshair: { vertLine: { color: colours.muted }, horzLine: { color: colours.muted } },
  });
  prices.applyOptions({
    upColor: colours.buy,
    wickUpColor: colours.buy,
    downColor: colours.sell,
    wickDownColor: colours.sell,
  });
}

function create(element: HTMLElement): Drawn {
  const chart = createChart(element, {
    autoSize: true,
    layout: { fontFamily: getComputedStyle(element).fontFamily, fontSize: 12 },
    rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.06 } },
    timeScale: {
      borderVisible: false,
      timeVisible: true,
      rightOffset: 3,
      minBarSpacing: 1,
      maxBarSpacing: 22,
    },
    handleScroll: { vertTouchDrag: false },
  });
  const prices = chart.addSeries(CandlestickSeries, {
    borderVisible: false,
    priceFormat: { type: "custom", minMove: MIN_MOVE, formatter: axisText },
  });
  const quiet = { priceScaleId: "", lastValueVisible: false, priceLineVisible: false };
  const volumes = chart.addSeries(HistogramSeries, quiet, 1);
  volumes.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0 } });
  chart.panes().forEach((pane, index) => {
    pane.setStretchFactor(index ? VOLUME_SHARE : 1 - VOLUME_SHARE);
  });
  const drawn = { element, chart, prices, volumes, bars: [], isMoved: false };
  for (const event of ["wheel", "pointerdown"]) {
    element.addEventListener(event, () => (drawn.isMoved = true), { passive: true });
  }
  return drawn;
}

/** The chart knows only UTC: shifted, its axis shows the reader's own time. */
function timeOf(bar: Bar): UTCTimestamp {
  return (bar.start - new Date(bar.start * 1000).getTimezoneOffset() * 60) as UTCTimestamp;
}

function priceData(bar: Bar): CandlestickData<UTCTimestamp> {
  return { time: timeOf(bar), open: bar.open, high: bar.high, low: bar.low, close: bar.close };
}

function volumeData(bar: Bar, colours: Colours): HistogramData<UTCTimestamp> {
  return {
    time: timeOf(bar),
    value: bar.volume,
    color: `${bar.close >= bar.open ? colours.buy : colours.sell}50`,
  };
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

function draw(drawn: Drawn, bars: Bar[], colours: Colours): void {
  const last = bars.at(-1);
  if (last && isContinued(drawn.bars, bars)) {
    drawn.prices.update(priceData(last));
    drawn.volumes.update(volumeData(last, colours));
  } else {
    drawn.prices.setData(bars.map(priceData));
    drawn.volumes.setData(bars.map((bar) => volumeData(bar, colours)));
  }
  if (!drawn.isMoved && bars.length !== drawn.bars.length) place(drawn, bars.length);
  drawn.bars = bars;
}

/** Few bars start at the left edge, with room for those to come; many fill the width, the newest in sight. */
function place({ chart, element, bars }: Drawn, count: number): void {
  const room = Math.floor((element.clientWidth - AXIS_WIDTH) / WIDEST_BAR);
  if (count < room - 1) chart.timeScale().setVisibleLogicalRange({ from: -2, to: room - 2 });
  else if (bars.length < room - 1) chart.timeScale().fitContent();
}

/** Candles and volume. `intervalS` only decides how the axis is written; a new one starts the view anew. */
export default function PriceChart({
  bars,
  intervalS,
  label,
}: {
  bars: readonly Bar[];
  intervalS: number;
  label: string;
}) {
  const place = useRef<HTMLElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const colours = useRef<Colours | null>(null);

  useEffect(() => {
    const element = place.current as HTMLElement;
    const created = create(element);
    drawn.current = created;
    const theme = matchMedia("(prefers-color-scheme: light)");
    const repaint = () => {
      colours.current = coloursOf(element);
      paint(created, colours.current);
      const { bars } = created;
      created.bars = [];
      draw(created, bars, colours.current);
    };
    repaint();
    theme.addEventListener("change", repaint);
    return () => {
      theme.removeEventListener("change", repaint);
      created.chart.remove();
      drawn.current = null;
    };
  }, []);

  useEffect(() => {
    if (!drawn.current) return;
    drawn.current.chart.timeScale().applyOptions({ secondsVisible: intervalS < 60 });
    drawn.current.bars = [];
    drawn.current.isMoved = false;
  }, [intervalS]);

  useEffect(() => {
    if (drawn.current && colours.current) draw(drawn.current, connected(bars), colours.current);
  }, [bars]);

  return <figure ref={place} aria-label={label} className="size-full" />;
}
