"use client";

import { useQuery } from "@tanstack/react-query";
import { memo, type ReactNode, useEffect, useMemo, useState } from "react";
import { retry } from "@/lib/api";
import { priceText } from "@/lib/format";
import { ApiError, fetchTrades } from "@/lib/history";
import { marksOf } from "@/lib/marks";
import type { TokenPage } from "@/lib/tokenPage";
import type { Token } from "@/lib/tokens";
import { useUsdRate } from "@/lib/useFacts";
import { useParameter } from "@/lib/useParameter";
import { usePositions } from "@/lib/usePositions";
import { useToken } from "@/lib/useToken";
import { useWallet } from "@/lib/wallet";
import { Chart } from "./Chart";
import { Empty } from "./Empty";
import { FlagsCard } from "./FlagsCard";
import { Holders, TopTraders } from "./Holders";
import { Piece } from "./Piece";
import { PositionCard } from "./PositionCard";
import { RealTimeUpdates } from "./RealTimeUpdates";
import { StatsCard } from "./StatsCard";
import { Tabs } from "./Tabs";
import { CurveCard, DetailsCard } from "./TokenCards";
import { TokenHeader } from "./TokenHeader";
import { TradingInterface } from "./TradingInterface";

const MINT = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
const MARKED = 200;

/** /trade?mint=…: one token, live. */
export function TradePage() {
  const mint = useParameter("mint");
  const subject = useSubject(mint);
  if (mint === "")
    return <Empty title="Which token?" text="This page needs a mint in its address: /trade?mint=…" />;
  if (mint !== null && !MINT.test(mint))
    return (
      <Empty
        title="This is no mint"
        text={`“${mint.slice(0, 60)}” is not an address of 32 bytes in base58.`}
      />
    );
  return <TokenView key={subject} mint={mint ?? ""} />;
}

/** Another token begins anew; the first one lives in what the static HTML shows. */
function useSubject(mint: string | null): string {
  const [first, setFirst] = useState(mint);
  if (first === null && mint) setFirst(mint);
  return mint === null || first === null || mint === first ? "first" : mint;
}

/** `mint` is "" as long as it is not known: what the static HTML shows, as large as what follows. */
const TokenView = memo(function TokenView({ mint }: { mint: string }) {
  const { page: live, interval, setInterval, error } = useToken(mint);
  const page = usePriced(live);
  const me = useWallet().account?.address ?? null;
  const { positions, isLive } = usePositions(me);
  const marks = useMarks(mint, page, me);
  useTitle(page.token);
  if (error && !page.token) return <Problem error={error} />;
  const chart = <Chart page={page} marks={marks} interval={interval} onInterval={setInterval} />;
  const position = me && (
    <PositionCard position={positions.get(mint) ?? null} token={page.token} isLive={isLive} />
  );
  return <Frame mint={mint} page={page} me={me} chart={chart} position={position} />;
});

/** With the dollar price of now: the feed does not tell it. */
function usePriced(page: TokenPage): TokenPage {
  const usdRate = useUsdRate(page.token?.quoteMint ?? null);
  return useMemo(() => (page.token ? { ...page, token: { ...page.token, usdRate } } : page), [page, usdRate]);
}

interface Framed {
  mint: string;
  page: TokenPage;
  me: string | null;
  chart: ReactNode;
  position: ReactNode;
}

function Frame({ mint, page, me, chart, position }: Framed) {
  const { token } = page;
  return (
    <div className="flex flex-col gap-4">
      <TokenHeader mint={mint} token={token} />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-4 max-lg:contents">
          <div className="max-lg:order-1">
            <Piece name="chart">{chart}</Piece>
          </div>
          <div className="min-w-0 max-lg:order-3">
            <Piece name="activity">
              <Activity mint={mint} page={page} me={me} />
            </Piece>
          </div>
        </div>
        <aside aria-label="About the token" className="flex flex-col gap-4 max-lg:contents">
          <div className="flex flex-col gap-4 max-lg:order-2">
            <div>
              <Piece name="trading">
                <TradingInterface mint={mint} token={token} trades={page.trades} />
              </Piece>
            </div>
            {position}
            <div>
              <Piece name="stats">
                <StatsCard mint={mint} token={token} />
              </Piece>
            </div>
          </div>
          <div className="max-lg:order-4">
            <Piece name="facts">
              <div className="flex flex-col gap-4">
                <CurveCard token={token} />
                <FlagsCard mint={mint} isKnown={token !== null} />
                <DetailsCard mint={mint} token={token} />
              </div>
            </Piece>
          </div>
        </aside>
      </div>
    </div>
  );
}

const TABS = [
  ["trades", "Trades"],
  ["holders", "Holders"],
  ["traders", "Top traders"],
] as const;

function Activity({ mint, page, me }: { mint: string; page: TokenPage; me: string | null }) {
  const [tab, setTab] = useState<(typeof TABS)[number][0]>("trades");
  const shown = { mint, token: page.token, me };
  return (
    <section aria-label="Trades and holders" className="card overflow-hidden">
      <Tabs label="Trades and holders" tabs={TABS} value={tab} onChange={setTab}>
        {tab === "trades" && <RealTimeUpdates mint={mint} trades={page.trades} token={page.token} me={me} />}
        {tab === "holders" && <Holders {...shown} />}
        {tab === "traders" && <TopTraders {...shown} />}
      </Tabs>
    </section>
  );
}

/** The creator's and the reader's trades, from the beginning. */
function useMarks(mint: string, page: TokenPage, me: string | null) {
  const creator = page.token?.creator ?? null;
  const of = (wallet: string | null) => ({
    queryKey: ["marks", mint, wallet],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      fetchTrades(mint, { limit: MARKED, wallet: wallet ?? "" }, signal),
    enabled: wallet !== null,
    retry,
  });
  const creators = useQuery(of(creator)).data;
  const mine = useQuery(of(me)).data;
  const history = useMemo(() => [...(creators ?? []), ...(mine ?? [])], [creators, mine]);
  return useMemo(() => marksOf(history, page.trades, { creator, me }), [history, page.trades, creator, me]);
}

function Problem({ error }: { error: Error }) {
  if (error instanceof ApiError && error.status === 404) {
    return (
      <Empty
        title="Not a token we know"
        text="No launchpad that is indexed here has created it, or it is not confirmed yet."
      />
    );
  }
  return <Empty title="The token could not be loaded" text={error.message} />;
}

/** Symbol and price where the browser's tab shows them. */
function useTitle(token: Token | null): void {
  const price = token?.price ?? null;
  const symbol = token?.symbol;
  useEffect(() => {
    if (symbol) document.title = `${symbol} ${priceText(price)} SOL · curvefeed`;
  }, [symbol, price]);
}
