import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Head, Html, Main, NextScript } from "next/document";

const DESCRIPTION =
  "Tokens on bonding curves, live: every creation and every trade, the moment it is confirmed.";

/** As built; addresses in them are those of the page, no more those of the file. */
function stylesOf(file: string): string {
  const styles = readFileSync(join(process.cwd(), ".next", file), "utf8");
  return styles.replaceAll("url(../", "url(/_next/static/");
}

/** With the styles inside, not beside: one request less before anything is seen. Compressed they are 6 KiB. */
class HeadWithStyles extends Head {
  override getCssLinks(files: Parameters<Head["getCssLinks"]>[0]) {
    if (process.env.NODE_ENV === "development") return super.getCssLinks(files);
    const styles = files.allFiles.filter((file) => file.endsWith(".css"));
    return styles.map((file) => (
      <style
        key={file}
        data-n-g=""
        // biome-ignore lint/security/noDangerouslySetInnerHtml: our own styles, as they were built
        dangerouslySetInnerHTML={{ __html: stylesOf(file) }}
      />
    ));
  }
}

/** The HTML around every page. */
export default function Document() {
  return (
    <Html lang="en">
      <HeadWithStyles>
        <meta name="description" content={DESCRIPTION} />
        <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0b0c10" />
        <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f5f6f8" />
        {/* On a phone the cards have another order than here: half of them would move when the other half comes. */}
        <link rel="expect" href="#main" blocking="render" />
        <link rel="icon" href="/icon.svg" type="image/svg+xml" sizes="any" />
      </HeadWithStyles>
      <body>
        <Main />
        <NextScript />
      </body>
    </Html>
  );
}
