// Texts of callers and operators are shown as text, whatever they contain.

import assert from "node:assert/strict";

import { TEXTS } from "./corpus.mjs";
import { consoleTests, eventually } from "./harness.mjs";
import { createHostileObjects, poisoned, signsOfInjection } from "./hostile.mjs";
import { layoutProblems, PAGES, settled } from "./pages.mjs";

let ids;
const test = consoleTests({
  setUp: async (gateway) => {
    ids = await createHostileObjects(gateway);
  },
});

/** Pages of the lists that show the created objects. */
const LISTS = ["overview", "keys", "plans", "policy", "usage", "audit"];

/** The data of the pages: everything but the files. */
const DATA = /\/_tollgate\/(v1\/|console\/api\/|openapi\.json)/;

/** Returns a text as a page shows it: line breaks and other white space as one space. */
function shown(text) {
  return text.replaceAll(/[\s\u00a0]+/g, " ").trim();
}

test("the corpus has at least sixty different texts", () => {
  assert.ok(new Set(TEXTS).size >= 60);
});

for (const path of LISTS) {
  test(`${path} shows texts of the API as text`, async ({ page, open }) => {
    await open(path);
    await settled(page);
    assert.deepEqual(await signsOfInjection(page), []);
    assert.deepEqual(await layoutProblems(page), []);
  });
}

test("every name is in the list of keys as it is", async ({ page, open }) => {
  await open("keys");
  await settled(page);
  const names = new Set();
  const box = page.getByRole("region", { name: /keys/i });
  await box.waitFor();

  await eventually(async () => {
    for (const text of await page.locator("main [role=row]").allTextContents()) names.add(shown(text));
    const isAtEnd = await box.evaluate((element) => {
      element.scrollTop += element.clientHeight / 2;
      return element.scrollTop + element.clientHeight >= element.scrollHeight - 1;
    });
    assert.deepEqual(await signsOfInjection(page), []);
    return isAtEnd && names.size >= TEXTS.length;
  });
  const all = [...names].join("\n");
  assert.deepEqual(TEXTS.filter((text) => !all.includes(shown(text))), []);
});

test("the page of each key shows its texts as they are", async ({ page, open }) => {
  for (const text of TEXTS) {
    await open(`keys/${ids.get(text)}`);
    await eventually(async () => shown(await page.locator("main").textContent()), (content) => content.includes(shown(text)));
    assert.deepEqual(await signsOfInjection(page), [], text);
    assert.deepEqual(await layoutProblems(page), [], text);
  }
});

test("a text in the address is shown as text", async ({ page, gateway, allowErrors }) => {
  allowErrors(/status of 4\d\d/);
  for (const text of TEXTS) {
    for (const list of ["keys", "plans", "nonsense"]) {
      await page.goto(`${gateway.consoleUrl}/#/${list}/${encodeURIComponent(text)}?q=${encodeURIComponent(text)}`);
    }
    await settled(page);
    assert.deepEqual(await signsOfInjection(page), [], text);
  }
});

test("searching for a text shows it as text", async ({ page, open }) => {
  await open("keys");
  const search = page.getByRole("searchbox").or(page.getByLabel(/^search/i)).first();
  for (const text of TEXTS.filter((one) => !/[\r\n\0]/.test(one))) {
    await search.fill(text);
    assert.deepEqual(await signsOfInjection(page), [], text);
  }
});

/** Texts that the API would refuse in most fields, each in every field of every response. */
const POISONS = TEXTS.filter((_, index) => index % 7 === 0);

for (const { path } of PAGES.filter(({ path: one }) => !one.includes("/"))) {
  test(`${path} shows texts of hostile responses as text`, async ({ page, open, allowErrors }) => {
    allowErrors(/status of [45]\d\d/);
    let text;
    await page.route(DATA, async (route) => {
      try {
        await route.fulfill(await poisonedResponse(route, text));
      } catch {
        // The page was closed or has aborted the request.
      }
    });
    for (text of POISONS) {
      // Another page in between, so that the data is loaded again.
      await open(path === "checks" ? "audit" : "checks");
      await open(path);
      await settled(page);
      assert.deepEqual(await signsOfInjection(page), [], text);
      assert.deepEqual(await layoutProblems(page), [], text);
    }
  });
}

async function poisonedResponse(route, text) {
  const response = await route.fetch();
  const type = response.headers()["content-type"] ?? "";
  if (!type.includes("json")) return { response };
  return { response, json: poisoned(await response.json(), text) };
}

test("problems with hostile texts are shown as text", async ({ page, open, allowErrors }) => {
  allowErrors(/status of 500/);
  let text;
  await page.route(/\/_tollgate\/v1\//, (route) => {
    const errors = [{ pointer: text, detail: text }];
    const json = { status: 500, title: text, detail: text, errors };
    return route.fulfill({ status: 500, json, headers: { "content-type": "application/problem+json" } });
  });
  for (text of TEXTS) {
    await open("checks");
    await open("keys");
    await page.getByRole("alert").first().waitFor();
    assert.deepEqual(await signsOfInjection(page), [], text);
  }
});

test("the policy of the pages blocks code that is injected into them", async ({ page, open, allowErrors }) => {
  allowErrors(/content security policy|Content Security Policy|TrustedHTML|TrustedScript|javascript:/i);
  await open("keys");
  const blocked = await page.evaluate(() => {
    const attempts = {
      innerHTML: () => (document.body.innerHTML += "<b>text</b>"),
      "document.write": () => document.write("<b>text</b>"),
      "inline script": () => {
        const script = document.createElement("script");
        script.text = "window.executed = 1";
        document.head.append(script);
      },
      "script of another host": () => (document.createElement("script").src = "https://example.com/x.js"),
      "inline handler": () => document.body.setAttribute("onclick", "window.executed = 1"),
      timer: () => setTimeout("window.executed = 1"),
      "srcdoc of a frame": () => (document.createElement("iframe").srcdoc = "<script>parent.executed = 1</script>"),
    };
    return Object.entries(attempts).map(([name, attempt]) => {
      try {
        attempt();
        return [name, "allowed"];
      } catch (error) {
        return [name, error.name];
      }
    });
  });
  assert.deepEqual(blocked.filter(([, result]) => result !== "TypeError"), []);

  const { x, y } = await page.evaluate(() => {
    const link = document.createElement("a");
    Object.assign(link, { href: "javascript:window.executed = 1", textContent: "open" });
    document.querySelector("main").prepend(link);
    return link.getBoundingClientRect().toJSON();
  });
  await page.mouse.click(x + 5, y + 5);
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.equal(await page.evaluate(() => window.executed), undefined);
});
