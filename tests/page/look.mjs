// Looks at a page that is running: waits until each camera's video is drawn, and boxes on one of them, and takes
// a screenshot.
//   node tests/page/look.mjs URL SCREENSHOT.png CAMERA...

import { drawn, startBrowser, until } from "./harness.mjs";

const [url, screenshot, ...cameras] = process.argv.slice(2);
if (cameras.length === 0) {
  console.error("usage: node tests/page/look.mjs URL SCREENSHOT.png CAMERA...");
  process.exit(2);
}
const browser = await startBrowser();
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(url);
  if (process.env.TOKEN) {
    await page.getByLabel("Token").fill(process.env.TOKEN);
    await page.keyboard.press("Enter");
  }
  await page.waitForFunction(() => window.camweave);
  await drawn(page, cameras);
  console.log(`drawn: ${cameras.join(", ")}`);
  await until("boxes", () => page.evaluate((ids) => ids.some((id) => window.camweave.last(id)?.boxes?.length > 0), cameras))
    .finally(() => page.screenshot({ path: screenshot }));
} finally {
  await browser.close();
}
