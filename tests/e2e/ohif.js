// Open a study in OHIF, in a real browser, and wait for its pictures:
// ohif.js URL SCREENSHOT. Prints what the page says when none comes.
const { chromium } = require('playwright-core');

const PICTURE_MS = 90000;

// Whether some canvas shows a picture: enough pixels that are not background.
function hasPicture() {
  return [...document.querySelectorAll('canvas')].some((c) => {
    if (c.width < 64 || c.height < 64) return false;
    const copy = document.createElement('canvas');
    copy.width = c.width;
    copy.height = c.height;
    const pen = copy.getContext('2d');
    pen.drawImage(c, 0, 0);
    const p = pen.getImageData(0, 0, c.width, c.height).data;
    let bright = 0;
    for (let i = 0; i < p.length; i += 4)
      if (p[i] > 60 && p[i] === p[i + 1] && p[i] === p[i + 2]) bright++;
    return bright > 500;
  });
}

async function main(url, picture) {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--use-gl=angle', '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader'],
  });
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const bad = [];
  page.on('response', (r) => {
    if (r.url().includes('/dicom-web/') && r.status() >= 400)
      bad.push(`${r.status()} ${r.url()}`);
  });
  page.on('requestfailed', (r) => {
    if (r.url().includes('/dicom-web/') && r.failure().errorText !== 'net::ERR_ABORTED')
      bad.push(`${r.failure().errorText} ${r.url()}`);
  });
  page.on('console', (m) => {
    if (m.type() === 'error' && process.env.OHIF_LOG) console.log(m.text());
  });
  let seen = true;
  try {
    await page.goto(url, { timeout: 60000, waitUntil: 'domcontentloaded' });
    await page.waitForFunction(hasPicture, null, { timeout: PICTURE_MS });
    await page.waitForTimeout(2000);
  } catch (e) {
    seen = false;
    console.log(e.message.split('\n')[0]);
    console.log((await page.innerText('body')).slice(0, 1000));
  }
  await page.screenshot({ path: picture });
  await browser.close();
  for (const b of bad) console.log('request failed: ' + b);
  process.exit(seen && bad.length === 0 ? 0 : 1);
}

main(process.argv[2], process.argv[3]).catch((e) => {
  console.log(e.message);
  process.exit(1);
});
