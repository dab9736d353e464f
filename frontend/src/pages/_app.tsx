import type { AppProps } from "next/app";
import localFont from "next/font/local";
import Head from "next/head";
import { Providers } from "@/components/Providers";
import { Shell } from "@/components/Shell";
import "../globals.css";

const sans = localFont({
  src: "../../node_modules/@fontsource-variable/geist/files/geist-latin-wght-normal.woff2",
  variable: "--font-geist",
  weight: "100 900",
});

const mono = localFont({
  src: "../../node_modules/@fontsource-variable/geist-mono/files/geist-mono-latin-wght-normal.woff2",
  variable: "--font-geist-mono",
  weight: "100 900",
  preload: false,
});

/** What every page has: its head, one client for all that is asked for, and the shell around it. */
export default function App({ Component, pageProps }: AppProps) {
  return (
    <>
      <Head>
        <title>curvefeed</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
      </Head>
      <div className={`${sans.variable} ${mono.variable} min-h-dvh font-sans text-sm antialiased`}>
        <Providers>
          <Shell>
            <Component {...pageProps} />
          </Shell>
        </Providers>
      </div>
    </>
  );
}
