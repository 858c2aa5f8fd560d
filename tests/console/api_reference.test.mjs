// The page API reference.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

import { consoleTests, eventually, problem } from "./harness.mjs";

const NARROW = { viewport: { width: 375, height: 700 } };
const test = consoleTests();

const operation = (page, name) => page.getByRole("article", { name });

/** Returns a description with one operation, whose body refers to itself. */
function description(more = {}) {
  return {
    openapi: "3.1.0",
    info: { title: "Test", version: "9" },
    paths: { "/_tollgate/v1/trees/{id}": { put: {
      operationId: "putTree", tags: ["trees"], summary: "Put a tree", security: [{ sigv4: [] }],
      requestBody: { content: { "application/json": {
        schema: { $ref: "#/components/schemas/Tree" }, example: { name: "it's" },
      } } },
      responses: { 204: { description: "Saved" } },
      ...more,
    } } },
    components: { schemas: {
      Tree: { type: "object", required: ["name"], properties: {
        name: { type: "string", minLength: 1, maxLength: 9 },
        children: { type: "array", items: { $ref: "#/components/schemas/Tree" } },
        "<img src=x>": { type: ["string", "null"], description: "<script>alert(1)</script>" },
        loop: { $ref: "#/components/schemas/Loop" },
      } },
      Loop: { $ref: "#/components/schemas/Loop" },
    } },
  };
}

test("operations are listed by tag, and each has an address", async ({ page, open, gateway, axe }) => {
  const { paths } = await (await fetch(`${gateway.url}/_tollgate/openapi.json`)).json();
  const total = Object.values(paths).flatMap((item) => Object.keys(item)).length;
  await open("api");
  const list = page.getByRole("navigation", { name: "Operations" });
  await list.getByRole("link", { name: "List keys" }).waitFor();
  assert.equal(await list.getByRole("link").count(), total);
  await axe();

  await list.getByRole("link", { name: "List keys" }).click();
  await operation(page, "List keys").getByText("/_tollgate/v1/keys", { exact: true }).waitFor();
  assert.match(page.url(), /#\/api\/listKeys$/);
  assert.equal(await list.locator("a[aria-current]").count(), 1);
  await axe();
});

test("every operation is rendered", async ({ page, open, gateway }) => {
  const { paths } = await (await fetch(`${gateway.url}/_tollgate/openapi.json`)).json();
  const all = Object.values(paths).flatMap((item) => Object.values(item));
  for (const { operationId, summary } of all) {
    await open(`api/${operationId}`);
    await operation(page, summary).getByRole("heading", { name: "Responses" }).waitFor();
  }
});

test("an operation shows parameters, body, example and responses", async ({ page, open }) => {
  await open("api/createKey");
  const article = operation(page, "Create a key");
  await article.getByText("Idempotency-Key", { exact: true }).first().waitFor();
  await article.getByText("22 to 255 characters").waitFor();
  assert.match(await article.getByLabel("Example").innerText(), /"plan": "team"/);
  await article.getByText("The key was created", { exact: true }).waitFor();

  // Schemas open step by step.
  const problemResponse = article.getByRole("group").filter({ hasText: "The caller lacks permission." });
  await problemResponse.getByText("The caller lacks permission.").click();
  await problemResponse.getByText("A code for the cause").waitFor();
});

test("the search finds operations by every word, and Enter opens the first", async ({ page, open }) => {
  await open("api");
  const list = page.getByRole("navigation", { name: "Operations" });
  await list.getByLabel("Search operations").fill("post rotate");
  await eventually(() => list.getByRole("link").count(), (count) => count === 1);
  await page.keyboard.press("Enter");
  await operation(page, "Rotate a key").waitFor();

  await list.getByLabel("Search operations").fill("no such thing");
  await list.getByText("No operation contains these words.").waitFor();
});

test("the command works in a shell on the local gateway", async ({ page, open, gateway }) => {
  await open("api/putPlan");
  const command = await operation(page, "Create or replace a plan").getByLabel("Command").innerText();
  assert.match(command, new RegExp(`'${gateway.url}/_tollgate/v1/plans/PLAN'`));
  await page.getByRole("button", { name: "Copy command" }).click();
  await page.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);

  const line = command.replace("curl", "curl --silent --fail --max-time 30");
  const output = execFileSync("sh", ["-c", line], { encoding: "utf8" });
  assert.ok(JSON.parse(output).throttle, output);
});

test("the command of a deployed stack is signed, and quotes are escaped", async ({ page, open, stub }) => {
  const label = "stack orders (https://abc.execute-api.eu-west-1.amazonaws.com/prod)";
  const target = { kind: "deployed", label, version: "9", may_write: true, region: "eu-west-1" };
  await stub("GET console/api/target", { json: target });
  await stub("GET openapi.json", { json: description() });
  await open("api/putTree");
  const command = await operation(page, "Put a tree").getByLabel("Command").innerText();
  assert.match(command, /--aws-sigv4 "aws:amz:eu-west-1:execute-api"/);
  assert.match(command, /'https:\/\/abc\.execute-api\.eu-west-1\.amazonaws\.com\/prod\/_tollgate\/v1\/trees\/ID'/);
  assert.ok(command.includes(`-d '{"name":"it'\\''s"}'`), command);
});

test("schemas that refer to themselves end, and texts never become markup", async ({ page, open, stub }) => {
  await stub("GET openapi.json", { json: description() });
  await open("api/putTree");
  const article = operation(page, "Put a tree");
  await article.getByText("array of Tree").waitFor();
  await article.getByText("1 to 9 characters").waitFor();
  await article.getByText("<script>alert(1)</script>").waitFor();
  for (let depth = 0; depth < 20; depth += 1) {
    const closed = article.locator("details.api-more:not([open]) > summary");
    if (await closed.count() === 0) break;
    await closed.first().click();
  }
  assert.equal(await article.locator("details.api-more:not([open])").count(), 0);
  await article.getByText("as above").first().waitFor();
});

for (const status of [403, 404]) {
  test(`a description with status ${status} is replaced by the program's, and the page says so`, async (fixture) => {
    const { page, open, stub } = fixture;
    await stub("GET openapi.json", problem(status, "There is no description."));
    await stub("GET console/api/openapi.json", { json: description() });
    await open("api");
    await page.getByText("This API does not publish its description").waitFor();
    await page.getByRole("link", { name: "Put a tree" }).waitFor();
  });
}

test("a description of the proxy itself is marked as such", async ({ page, open, stub }) => {
  await stub("GET openapi.json", { json: description(), headers: { "x-tollgate-console-description": "program" } });
  await open("api");
  await page.getByText("This API does not publish its description").waitFor();
});

test("the console has the description of its own version", async ({ gateway }) => {
  const headers = { "x-tollgate-console": "local" };
  const response = await fetch(`${gateway.url}/_tollgate/console/api/openapi.json`, { headers });
  assert.equal(response.status, 200);
  const published = await (await fetch(`${gateway.url}/_tollgate/openapi.json`)).json();
  assert.deepEqual(await response.json(), published);
});

test("a description that breaks one operation leaves the others usable", async ({ page, open, stub, allowErrors }) => {
  allowErrors(/TypeError/);
  const broken = description();
  broken.paths["/_tollgate/v1/broken"] = { get: {
    operationId: "broken", tags: ["trees"], summary: "Broken", responses: { 200: null },
  } };
  await stub("GET openapi.json", { json: broken });
  await open("api/broken");
  await page.getByText("This page has failed").waitFor();
  await open("api/putTree");
  await operation(page, "Put a tree").getByLabel("Command").waitFor();
});

test("an unknown operation links to all", async ({ page, open }) => {
  await open("api/nothing");
  await page.getByText("There is no operation nothing").waitFor();
  await page.getByRole("main").getByRole("link", { name: "All operations" }).click();
  await page.getByText("Choose an operation to see its parameters").waitFor();
});

test("a failed description can be loaded again", async ({ page, open, stub }) => {
  const failed = await stub("GET openapi.json", problem(503, "The store did not respond."));
  await open("api");
  await page.getByText("The store did not respond.").waitFor();
  await failed.remove();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("link", { name: "List keys" }).waitFor();
});

test("the description can be downloaded", async ({ page, open }) => {
  await open("api");
  const button = page.getByRole("button", { name: "Download OpenAPI" });
  const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
  assert.equal(file.suggestedFilename(), "openapi.json");
  assert.match(JSON.parse(await readFile(await file.path(), "utf8")).openapi, /^3\.1/);
});

test("on a narrow screen, the list and the operation take turns", NARROW, async ({ page, open, axe }) => {
  await open("api");
  await page.getByRole("link", { name: "List keys" }).click();
  await operation(page, "List keys").waitFor();
  assert.equal(await page.getByRole("navigation", { name: "Operations" }).isVisible(), false);
  await axe();
  await page.getByRole("link", { name: "All operations" }).click();
  await page.getByRole("link", { name: "List plans" }).waitFor();
});
