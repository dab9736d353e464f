import Link from "next/link";
import { memo, type ReactNode } from "react";
import { ConnectionNotice, ConnectionPill, DemoBadge } from "./Connection";
import { Search } from "./Search";
import { WalletMenu } from "./WalletMenu";

/** The curve, and on it the price right now. */
function Mark() {
  return (
    <svg viewBox="0 0 24 24" className="size-6" fill="none" aria-hidden="true">
      <path
        d="M2.5 19.5C11 19.5 14.5 16 16.8 8"
        stroke="var(--accent)"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <circle cx="18.2" cy="4.9" r="2.6" fill="var(--accent)" />
    </svg>
  );
}

/** In the head; on a phone, which has no room for them there, in the foot. */
function Pages() {
  return (
    <>
      <Link href="/status/" prefetch={false} className="hover:text-text">
        Status
      </Link>
      <a href="/docs" className="hover:text-text">
        API
      </a>
    </>
  );
}

/** Made once: nothing in it depends on the page. */
const Top = memo(function Top() {
  return (
    <>
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:left-3 focus:top-3 focus:z-50 focus:rounded-md focus:bg-raised focus:px-3 focus:py-2"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-20 border-b border-line bg-bg">
        <div className="mx-auto flex max-w-[1480px] flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5 sm:px-6">
          <Link
            href="/"
            prefetch={false}
            className="flex items-center gap-2 text-base font-semibold tracking-tight"
          >
            <Mark />
            <span className="max-[420px]:sr-only">curvefeed</span>
          </Link>
          <DemoBadge />
          <div className="order-last w-full md:order-none md:ml-2 md:w-auto md:grow">
            <Search />
          </div>
          <nav aria-label="Pages" className="hidden items-center gap-4 text-muted sm:flex">
            <Pages />
          </nav>
          <div className="ml-auto flex items-center gap-2 sm:gap-3 md:ml-0">
            <ConnectionPill />
            <WalletMenu />
          </div>
        </div>
      </header>
    </>
  );
});

const Bottom = memo(function Bottom() {
  return (
    <footer className="border-t border-line px-4 py-5 sm:hidden">
      <nav aria-label="Pages" className="flex justify-center gap-6 text-muted">
        <Pages />
      </nav>
    </footer>
  );
});

/** What every page has around it. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <>
      <Top />
      <main id="main" className="mx-auto max-w-[1480px] px-4 pb-16 pt-5 sm:px-6">
        {children}
      </main>
      <Bottom />
      <ConnectionNotice />
    </>
  );
}
