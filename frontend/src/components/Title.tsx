import Head from "next/head";

/** What the browser's tab shows. */
export function Title({ name }: { name: string }) {
  return (
    <Head>
      <title>{`${name} · curvefeed`}</title>
    </Head>
  );
}
