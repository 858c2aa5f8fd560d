// What other pages of the browser can do to the console and the admin API: nothing.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { consoleTests } from "./harness.mjs";

/** A name of another site that resolves to this machine, as after DNS rebinding. */
const REBOUND = "rebound.example";

const test = consoleTests({
  browser: { args: [`--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`, "--no-proxy-server"] },
});

/** Runs `body` with a page of another origin: of another site, or of another port of the same host. */
async function withForeignPage({ browser }, host, body) {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>Other</title><body></body>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`http://${host}:${server.address().port}/`);
    await body(page, context);
  } finally {
    await context.close();
    server.close();
    server.closeAllConnections();
  }
}

const HOSTS = { "another site": "localhost", "another port": "127.0.0.1" };

/** Runs in the foreign page: returns what can be read, or the name of the error. */
async function read({ url, options }) {
  try {
    const response = await fetch(url, options);
    return { type: response.type, text: await response.text() };
  } catch (error) {
    return error.name;
  }
}

for (const [description, host] of Object.entries(HOSTS)) {
  test(`a page of ${description} reads nothing`, async (fixture) => {
    const { gateway } = fixture;
    await withForeignPage(fixture, host, async (page) => {
      const paths = ["/console/", "/console/app/main.js", "/console/api/target", "/v1/keys", "/v1/plans"];
      for (const path of paths) {
        const url = `${gateway.url}/_tollgate${path}`;
        assert.equal(await page.evaluate(read, { url }), "TypeError", path);
        const header = { url, options: { headers: { "x-tollgate-console": "local" } } };
        assert.equal(await page.evaluate(read, header), "TypeError", `${path} with the header`);
        const opaque = await page.evaluate(read, { url, options: { mode: "no-cors", credentials: "include" } });
        assert.ok(opaque === "TypeError" || opaque.text === "", `${path} without CORS`);
      }
    });
  });

  test(`a page of ${description} changes nothing`, async (fixture) => {
    const { gateway } = fixture;
    const before = [await gateway.admin("GET", "/keys"), await gateway.admin("GET", "/plans")];
    await withForeignPage(fixture, host, async (page) => {
      const key = JSON.stringify({ plan: "pro" });
      const attempts = [
        { path: "/v1/keys", options: { method: "POST", body: key, mode: "no-cors", headers: { "content-type": "text/plain" } } },
        { path: "/v1/keys", options: { method: "POST", body: key, headers: { "content-type": "application/json" } } },
        { path: "/v1/plans/other", options: { method: "PUT", body: "{}" } },
        { path: "/v1/plans/free", options: { method: "DELETE" } },
        { path: "/v1/keys/import?plan=pro", options: { method: "POST", mode: "no-cors", body: "Key\nforeign_key_of_20_characters\n" } },
        { path: "/console/api/checks", options: { method: "POST", mode: "no-cors", body: "{}" } },
      ];
      for (const { path, options } of attempts) {
        const result = await page.evaluate(read, { url: `${gateway.url}/_tollgate${path}`, options });
        assert.ok(result === "TypeError" || result.type === "opaque", path);
      }
      await submitForm(page, `${gateway.url}/_tollgate/v1/keys`, key);
    });
    assert.deepEqual([await gateway.admin("GET", "/keys"), await gateway.admin("GET", "/plans")], before);
  });

  test(`a page of ${description} embeds nothing`, async (fixture) => {
    const { gateway } = fixture;
    await withForeignPage(fixture, host, async (page) => {
      const embed = ({ name, url }) =>
        new Promise((resolve) => {
          const element = document.createElement(name);
          element.onload = () => resolve("loaded");
          element.onerror = () => resolve("failed");
          element[name === "link" ? "href" : "src"] = url;
          if (name === "link") element.rel = "stylesheet";
          document.body.append(element);
        });
      for (const [name, path] of [["img", "icon.svg"], ["script", "vendor/preact.js"], ["link", "style.css"]]) {
        assert.equal(await page.evaluate(embed, { name, url: `${gateway.consoleUrl}/${path}` }), "failed", name);
      }

      await page.evaluate(embed, { name: "iframe", url: `${gateway.consoleUrl}/` });
      const frames = page.frames().slice(1);
      assert.equal(frames.length, 1);
      assert.equal(await frames[0].locator("#app").count(), 0, "the frame shows the browser's own error");
    });
  });
}

test("a window that another page opens shows it nothing", async (fixture) => {
  const { gateway } = fixture;
  await withForeignPage(fixture, "localhost", async (page, context) => {
    const opened = context.waitForEvent("page");
    await page.evaluate((url) => {
      window.answers = [];
      window.addEventListener("message", (event) => window.answers.push(event.data));
      window.other = window.open(url);
    }, `${gateway.consoleUrl}/`);

    const popup = await opened;
    await popup.waitForURL(`${gateway.consoleUrl}/**`);
    await popup.waitForLoadState();
    const isConsole = (await popup.locator("#app").count()) > 0;
    assert.ok(!isConsole || (await popup.evaluate(() => window.opener === null)), "the console has no opener");
    assert.equal(await page.evaluate(readWindow), "SecurityError");
    assert.deepEqual(await page.evaluate(() => window.answers), []);
  });
});

test("a name of another site that resolves to this machine is refused", async ({ browser, gateway }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const { port } = new URL(gateway.url);

  for (const path of ["/console/", "/console/app/main.js", "/v1/keys", "/metrics"]) {
    const response = await page.goto(`http://${REBOUND}:${port}/_tollgate${path}`);
    assert.equal(response.status(), 403, path);
  }
  const status = await page.evaluate(async () => {
    const response = await fetch("/_tollgate/console/api/target", { headers: { "x-tollgate-console": "local" } });
    return response.status;
  });
  assert.equal(status, 403);
  await context.close();
});

test("every file has the headers that protect it", async ({ gateway }) => {
  for (const path of ["/", "/app/main.js", "/style.css", "/icon.svg"]) {
    const { status, headers } = await fetch(`${gateway.consoleUrl}${path}`);
    assert.equal(status, 200, path);
    const policy = headers.get("content-security-policy");
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /require-trusted-types-for 'script'; trusted-types 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(headers.get("access-control-allow-origin"), null);
  }
});

test("the console's own API requires the header of its pages", async ({ gateway }) => {
  const url = `${gateway.consoleUrl}/api/target`;
  const without = await fetch(url);
  assert.equal(without.status, 403);
  assert.match((await without.json()).detail, /x-tollgate-console/);
  assert.equal(without.headers.get("cache-control"), "no-store");

  assert.equal((await fetch(url, { headers: { "x-tollgate-console": "local" } })).status, 200);
});

/** Runs in the foreign page: returns what it can read of the window that it opened. */
function readWindow() {
  try {
    return window.other.document.title;
  } catch (error) {
    return error.name;
  }
}

async function submitForm(page, action, text) {
  const sent = page.waitForResponse(action);
  await page.evaluate(
    ({ action, text }) => {
      const form = document.createElement("form");
      Object.assign(form, { action, method: "post", enctype: "text/plain" });
      const input = document.createElement("input");
      // The body of the form is valid JSON up to the last `=`.
      Object.assign(input, { name: text.slice(0, -1) + ',"description":"', value: '"}' });
      form.append(input);
      document.body.append(form);
      form.submit();
    },
    { action, text },
  );
  const response = await sent;
  assert.ok(response.status() >= 400, `a form of another page has status ${response.status()}`);
}
