// Drives the console as people do, in headless Chromium: sign in, take a report, see it at once, watch the list, review, answer, by
// keyboard alone, in both languages, in light and dark, on a desk and on a phone. Fails on any console error or blocked request.
//
// HOIAM_CONSOLE     address of the console, e.g. http://127.0.0.1:8080
// HOIAM_ACCOUNTS    the demonstration accounts: the content of <data>/keys/demo-accounts.json
// HOIAM_SCREENSHOTS folder for screenshots (default: screenshots)
// HOIAM_CHROMIUM    the browser (default: /usr/bin/chromium)
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = await import("playwright-core").catch(() => {
  console.error("playwright-core is missing: run `npm ci` in tests/browser");
  process.exit(2);
});

const base = (process.env.HOIAM_CONSOLE ?? "").replace(/\/$/, "");
if (!base) {
  console.error("HOIAM_CONSOLE names no console: e.g. HOIAM_CONSOLE=http://127.0.0.1:8080");
  process.exit(2);
}
const known = JSON.parse(process.env.HOIAM_ACCOUNTS ?? "{}");
const accounts = new Map((known.accounts ?? known).map((a) => [a.role ?? a.login, a]));
const shots = process.env.HOIAM_SCREENSHOTS ?? "screenshots";
mkdirSync(shots, { recursive: true });

const desk = { width: 1360, height: 860 };
const phone = { width: 390, height: 844 };
const profile = mkdtempSync(join(tmpdir(), "hoiam-chromium-"));
const browser = await chromium.launch({
  executablePath: process.env.HOIAM_CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", `--disk-cache-dir=${profile}`],
});

// What the browser complained of, by page. An answer that a person sees as a refusal is no complaint.
const complaints = [];
let refusals = 0;

async function visitor({ size = desk, dark = false } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: dark ? "dark" : "light", locale: "vi-VN" });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  // The console says which rule was broken, this says by whom.
  await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (violation) =>
    console.error(`against ${violation.effectiveDirective}: ${violation.sourceFile}:${violation.lineNumber} in ${violation.target?.outerHTML?.slice(0, 200)}`)));
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    if (/status of 4\d\d/.test(message.text()) && refusals > 0) { refusals -= 1; return; }
    complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) complaints.push(`asked elsewhere: ${request.url()}`);
  });
  return page;
}

async function signIn(page, role) {
  const account = accounts.get(role);
  assert.ok(account, `there is no demonstration account for ${role}`);
  await page.goto(`${base}/`);
  await page.getByLabel("Tên đăng nhập").fill(account.login);
  await page.getByLabel("Mật khẩu").fill(account.password);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/cases$/);
}

// The caret stays: hiding it means styling fields, which htmx then copies into the fields it swaps in, against the page's policy.
const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, caret: "initial" });

// Nothing may be wider than the screen.
async function fits(page) {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wider <= 1, `${page.url()} is ${wider} pixels wider than the screen`);
}

// Every control has a name, every page a title, a language and one main heading.
async function isLabelled(page) {
  const missing = await page.evaluate(() => {
    const named = (el) => el.labels?.length || el.getAttribute("aria-label") || el.textContent.trim() || el.type === "hidden";
    const nameless = [...document.querySelectorAll("input, select, textarea, button, a")].filter((el) => !named(el));
    const lacks = nameless.map((el) => el.outerHTML.slice(0, 120));
    if (!document.documentElement.lang) lacks.push("<html> has no lang");
    if (document.querySelectorAll("h1").length !== 1) lacks.push(`${document.querySelectorAll("h1").length} main headings`);
    return lacks;
  });
  assert.deepEqual(missing, [], `${page.url()} has controls without a name`);
}

// Colour contrast of every text against what is behind it, by WCAG 2.2: 4.5, or 3 for large text.
async function isLegible(page) {
  const poor = await page.evaluate(() => {
    // A canvas reads any CSS colour; alpha tells whether it covers what is behind.
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    const rgba = (text) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (el) => {
      for (let e = el; e; e = e.parentElement) {
        const c = rgba(getComputedStyle(e).backgroundColor);
        if (c[3] > 0.9) return c;
      }
      return [255, 255, 255, 1];
    };
    const found = [];
    for (const el of document.querySelectorAll("body *")) {
      const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
      const style = getComputedStyle(el);
      if (!own || style.visibility === "hidden" || !el.getClientRects().length || el.closest(".hidden, option, .fresh")) continue;
      const [front, back] = [rgba(style.color), behind(el)];
      let opacity = front[3];
      for (let e = el; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
      const mixed = front.slice(0, 3).map((c, i) => c * opacity + back[i] * (1 - opacity));
      const [a, b] = [light(mixed), light(back)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600);
      if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: <${el.tagName.toLowerCase()} class="${el.className}"> ${el.textContent.trim().slice(0, 40)}`);
    }
    return [...new Set(found)].slice(0, 10);
  });
  assert.deepEqual(poor, [], `${page.url()} has text that is hard to read`);
}

async function looksRight(page, name) {
  await isLabelled(page);
  await isLegible(page);
  await fits(page);
  await shot(page, name);
}

const steps = [];
const step = (name, work) => steps.push([name, work]);
const unique = Date.now().toString(36);

step("the door refuses a wrong password with a sentence, and lets the right one in", async () => {
  const page = await visitor();
  await page.goto(`${base}/`);
  await looksRight(page, "01-door");
  await page.getByLabel("Tên đăng nhập").fill("operator");
  await page.getByLabel("Mật khẩu").fill("not the password");
  refusals += 1;
  await page.keyboard.press("Enter");
  await page.getByText("Tên đăng nhập hoặc mật khẩu không đúng.").waitFor();
  await signIn(page, "operator");
  await page.context().close();
});

let takenCode = "";

step("an operator takes a report by keyboard alone and sees the case at once; an open list gets it without a reload", async () => {
  const watching = await visitor();
  await signIn(watching, "office");
  await watching.evaluate(() => { globalThis.notReloaded = true; });

  const page = await visitor();
  await signIn(page, "operator");
  await page.goto(`${base}/new`);
  // The cursor stands where the caller's words go, as soon as the page is drawn.
  await page.waitForFunction(() => document.activeElement.id === "text");
  await page.keyboard.type(`Dạ cho em hỏi lịch cắt điện phường Tân Định tuần này xem ở đâu, mã ${unique}?`);
  await page.keyboard.press("Tab");
  await page.keyboard.type("Phường Tân Định");
  await page.keyboard.press("Tab");
  await page.keyboard.type("0903 000 111");
  await looksRight(page, "02-new-report");
  await page.keyboard.press("Control+Enter");
  await page.waitForURL(/\/cases\/HA-/);
  takenCode = await page.locator("h1.code").textContent();
  assert.match(takenCode, /^HA-[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]$/);
  await page.getByText("Tiếp nhận phản ánh qua Điện thoại").waitFor();
  assert.equal(await page.getByText(unique).count(), 0, "the words are not shown before somebody opens them");

  await watching.getByRole("link", { name: takenCode }).waitFor();
  assert.equal(await watching.evaluate(() => globalThis.notReloaded), true, "the list was not reloaded");
  await watching.context().close();

  // The page of the case goes on by itself: it is sorted without a reload.
  await page.getByText(/Phân loại:|Chờ người xét/).first().waitFor();
  await page.keyboard.press("o");
  await page.getByText(unique).waitFor();
  await page.getByText("Lần mở này đã được ghi vào sổ").waitFor();
  await page.getByText("đã xem nội dung").first().waitFor();
  await looksRight(page, "03-case-content");
  await page.context().close();
});

step("a level 1 case is answered at the desk and closes before one's eyes", async () => {
  const page = await visitor();
  await signIn(page, "operator");
  await page.goto(`${base}/cases?state=at_desk&level=1`);
  await looksRight(page, "04-at-desk");
  await page.locator(".cases .id a").first().click();
  await page.waitForURL(/\/cases\/HA-/);
  await page.getByLabel("Lời hướng dẫn").fill("Anh chị xem lịch trên trang của điện lực thành phố, mục thông báo.");
  await page.getByRole("button", { name: "Gửi hướng dẫn" }).click();
  await page.locator(".case-head .badge", { hasText: "Đã kết thúc" }).waitFor();
  await page.getByText("Kết thúc vụ việc").waitFor();
  await looksRight(page, "05-closed");
  await page.context().close();
});

step("the review queue is worked by keyboard: content, decision, the next one", async () => {
  const page = await visitor();
  await signIn(page, "office");
  await page.goto(`${base}/review`);
  await page.locator("#queue a").first().waitFor();
  const code = await page.locator("#queue a[aria-current] > b").textContent();
  await page.keyboard.press("o");
  await page.locator("blockquote").first().waitFor();
  await looksRight(page, "06-review");
  await page.keyboard.press("r");
  await page.keyboard.type("Đã đọc kỹ, xác nhận.");
  await page.keyboard.press("Control+Enter");
  await page.waitForURL(/\/review\?at=/);
  await page.locator(`#q-${code}`).waitFor({ state: "detached" });
  await page.context().close();
});

step("the language is a switch away on every page and stays", async () => {
  const page = await visitor();
  await signIn(page, "leader");
  await page.getByRole("link", { name: "English" }).click();
  await page.getByRole("link", { name: "Cases", exact: true }).waitFor();
  await looksRight(page, "07-list-english");
  await page.goto(`${base}/cases?mine=1`);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  assert.equal(await page.getByText("Vụ việc").count(), 0, "no Vietnamese is left in the frame");
  await page.getByRole("link", { name: "Tiếng Việt" }).click();
  await page.getByRole("link", { name: "Vụ việc", exact: true }).waitFor();
  await page.context().close();
});

step("leaders give an opinion on a level 3 case", async () => {
  const page = await visitor();
  await signIn(page, "leader");
  await page.goto(`${base}/cases?mine=1`);
  if (!(await page.locator(".cases .id a").count())) return;
  await page.locator(".cases .id a").first().click();
  await page.getByLabel("Ý kiến", { exact: true }).selectOption("agree");
  await page.getByRole("button", { name: "Ghi ý kiến" }).click();
  await page.getByText("Ý kiến lãnh đạo: đồng ý chuyển xử lý").waitFor();
  await page.context().close();
});

step("a citizen follows the case by its code without signing in", async () => {
  const page = await visitor({ size: phone });
  await page.goto(`${base}/track`);
  await page.getByLabel("Mã tra cứu").fill(takenCode.toLowerCase().replaceAll("-", " "));
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/track\/HA-/);
  assert.equal(await page.getByText(unique).count(), 0, "no content on the public page");
  await looksRight(page, "08-track-phone");
  await page.context().close();
});

step("everything is legible in the dark and fits a phone", async () => {
  for (const [name, size, dark] of [["desk-light", desk, false], ["desk-dark", desk, true], ["phone-light", phone, false], ["phone-dark", phone, true]]) {
    const page = await visitor({ size, dark });
    await page.goto(`${base}/`);
    await looksRight(page, `10-door-${name}`);
    await signIn(page, "operator");
    await page.locator(".cases tbody tr").first().waitFor();
    await looksRight(page, `11-list-${name}`);
    await page.goto(`${base}/cases/${takenCode}`);
    await page.keyboard.press("o");
    await page.locator("blockquote").first().waitFor();
    await looksRight(page, `12-case-${name}`);
    await page.goto(`${base}/new`);
    await looksRight(page, `13-new-${name}`);
    await page.goto(`${base}/review`);
    await looksRight(page, `14-review-${name}`);
    refusals += 1;
    await page.goto(`${base}/cases/HA-00000-00000-0`);
    await looksRight(page, `15-not-found-${name}`);
    await page.context().close();
  }
});

let failed = false;
for (const [name, work] of steps) {
  try {
    await work();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed = true;
    console.error(`FAIL  ${name}\n      ${String(error.message).split("\n").slice(0, 12).join("\n      ")}`);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) await shot(page, `failed-${steps.findIndex(([n]) => n === name) + 1}`).catch(() => {});
      await context.close();
    }
  }
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
for (const complaint of complaints) console.error(`FAIL  the browser complained: ${complaint}`);
process.exitCode = failed || complaints.length ? 1 : 0;
