// The page Policy: the policy in force, the registry, candidates, the tester and the token explainer.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem } from "./harness.mjs";
import { layoutProblems, SEEDS, settled } from "./pages.mjs";

const test = consoleTests({ seeds: SEEDS });

const ANY = { rules: [{ match: "ANY /{proxy+}", auth: "any" }] };
const RULES = {
  rules: [
    { match: "GET /health", auth: "none", plan: "free", limit_by: "ip" },
    { match: "ANY /admin/{proxy+}", auth: "api_key", scopes: ["admin:read"], cost: 5 },
    { match: "ANY /{proxy+}", auth: "api_key" },
  ],
};

/** A token with the algorithm `none`. */
const UNSIGNED = "eyJhbGciOiJub25lIn0.e30.";

const editor = (page, name = "Policy") => page.getByRole("textbox", { name, exact: true });
const requests = (page) => page.getByRole("textbox", { name: "Requests" });
const token = (page) => page.getByRole("textbox", { name: "Token" });
const decisions = (page) => page.getByRole("table", { name: "Decisions" });
const save = (page, name = "Save the policy") => page.getByRole("button", { name });
const checked = (page, text) => page.locator(".editor-tools [role=status]").filter({ hasText: text }).waitFor();
const candidateTab = (page) => page.getByRole("navigation", { name: "Versions of the policy" }).getByRole("link", { name: /^Candidate/ });

/** Stores a policy for one test, and opens it. */
async function openPolicy({ page, gateway, open }, name, { policy = ANY, candidate } = {}) {
  await gateway.admin("PUT", `/policies/${name}`, policy);
  if (candidate) await gateway.admin("PUT", `/policies/${name}/candidate`, candidate);
  await open(`policy/${name}`);
  await editor(page).waitFor();
  await checked(page, "Valid");
}

/** Returns the texts of the cells of each decision. */
function decisionTexts(page) {
  return decisions(page).locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.innerText.replaceAll(/\s+/g, " ")));
}

test("the policy in force is shown with its source", async ({ page, open, axe }) => {
  await open("policy");
  await page.getByText("Parameters of template.yaml").waitFor();
  await page.getByText("start the gateway with --policy FILE").waitFor();
  const text = await editor(page, "Policy in force").inputValue();
  assert.equal(JSON.parse(text).rules.length, 2);
  assert.ok(text.split("\n").length > 4, "a text on one line is formatted");
  await checked(page, "Valid");
  await eventually(() => decisionTexts(page), (rows) => rows.length === 3);
  await axe();
});

for (const [source, title, change] of [
  [{ kind: "file", name: "edge.json" }, "File edge.json", "edit this file and start the gateway again"],
  [{ kind: "unknown" }, "The source is not known", "parameter AuthPolicy"],
]) {
  test(`a policy from ${source.kind} says how to change it`, async ({ page, open, stub }) => {
    await stub("GET console/api/policy", { json: { source, text: JSON.stringify(ANY) } });
    await open("policy");
    await page.getByText(title).waitFor();
    await page.getByText(change).waitFor();
    assert.equal(await save(page).count(), 0);
  });
}

test("the policy of a deployed stack names its parameter", async ({ page, open, stub, gateway }) => {
  const response = await fetch(`${gateway.consoleUrl}/api/target`, { headers: { "x-tollgate-console": "local" } });
  await stub("GET console/api/target", { json: { ...(await response.json()), kind: "deployed" } });
  await stub("GET console/api/policy", { json: { source: { kind: "template", name: "edge" }, text: JSON.stringify(ANY) } });
  await open("policy");
  await page.getByText("Parameter AuthPolicy of edge").waitFor();
  await page.getByText("AuthPolicy=table:NAME").first().waitFor();
});

test("a policy of the registry that is in force leads to its editor", async ({ page, open, stub, gateway }) => {
  await gateway.admin("PUT", "/policies/live", ANY);
  const source = { kind: "table", name: "live" };
  const response = await fetch(`${gateway.consoleUrl}/api/target`, { headers: { "x-tollgate-console": "local" } });
  await stub("GET console/api/target", { json: { ...(await response.json()), policy_source: source } });
  await stub("GET console/api/policy", { json: { source, name: "live" } });
  await open("policy");
  await page.getByText("Policy live of the registry").waitFor();
  assert.deepEqual(JSON.parse(await editor(page, "Policy in force").inputValue()), ANY, "the text is read from the registry");
  await page.getByRole("row").filter({ hasText: "live" }).getByText("in force").waitFor();

  await page.getByRole("link", { name: "Edit the policy live" }).click();
  await page.getByText("This policy is in force").waitFor();
  await editor(page).fill(JSON.stringify(RULES));
  await checked(page, "Valid");
  await save(page).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("From then on, it decides every request.").waitFor();
  assert.deepEqual(await gateway.admin("GET", "/policies/live"), ANY);
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("The policy live is saved.").waitFor();
  assert.deepEqual(await gateway.admin("GET", "/policies/live"), RULES);
});

test("a policy that is not known can be pasted", async ({ page, open, stub }) => {
  await stub("GET console/api/policy", { json: { source: { kind: "unknown" } } });
  await open("policy");
  await page.getByText("The text in force is not known here.").waitFor();
  await editor(page, "Policy to test").fill(JSON.stringify(RULES));
  await checked(page, "Valid");
});

test("the policy in force fails apart from the registry", async ({ page, open, stub, gateway }) => {
  await gateway.admin("PUT", "/policies/apart", ANY);
  await stub("GET console/api/policy", problem(500, "The stack cannot be read."));
  await open("policy");
  await page.getByText("The stack cannot be read.").waitFor();
  await page.getByRole("link", { name: "apart" }).waitFor();
});

test("the tester names the rule of each request", async ({ page, open, axe }) => {
  await open("policy");
  await editor(page, "Policy in force").fill(JSON.stringify(RULES, undefined, 2));
  await requests(page).fill("GET /health\nPOST /admin/users\n/orders/1?x=1\nGET /a/../b\nGET /\nget /health");
  const rows = await eventually(() => decisionTexts(page), (texts) => texts.length === 6);
  await page.getByText("Routes without the authorizer are not decided by it").waitFor();
  assert.match(rows[0], /^GET \/health rules\[0\] GET \/health .*public.* plan free limited by ip/);
  assert.match(rows[1], /rules\[1\] ANY \/admin\/\{proxy\+\} .*API key.*auth api_key scope admin:read cost 5/);
  assert.match(rows[2], /^GET \/orders\/1\?x=1 rules\[2\]/);
  assert.match(rows[3], /refused .*the path contains \.\..*malformed_path/);
  assert.match(rows[4], /refused .*no rule matches.*no_rule/);
  assert.match(rows[5], /^get \/health refused .*upper case.*unusual_method/, "the method is tested as it is written");
  await axe();

  await page.getByRole("button", { name: "Show rules[1] in the editor" }).click();
  const selected = await editor(page, "Policy in force").evaluate((area) => area.value.slice(area.selectionStart).split("\n").slice(0, 2).join(""));
  assert.match(selected, /^\{\s+"match": "ANY \/admin/);
  assert.ok(await editor(page, "Policy in force").evaluate((area) => area === document.activeElement));
});

test("the tester reports lines that are no requests, and mistakes in the policy", async ({ page, open, stub }) => {
  await open("policy");
  await requests(page).fill("GET orders\nGET /ok");
  await page.getByText("Line 1: expected a method and a path").waitFor();
  await eventually(() => decisionTexts(page), (rows) => rows.length === 1);
  await requests(page).fill("");
  await page.getByText("Enter a request to see the rule").waitFor();

  await requests(page).fill("GET /ok");
  await editor(page, "Policy in force").fill('{"rules": [{"match": "GET /", "auth": "apikey"}]}');
  await checked(page, "1 mistake");
  await page.getByText("Correct the mistakes in the policy to test it.").waitFor();
  await page.getByRole("button", { name: /^Line 1, column 39/ }).waitFor();

  await stub("POST console/api/policies/explain", problem(503, "The tester is busy."));
  await editor(page, "Policy in force").fill(JSON.stringify(ANY));
  await page.getByText("The tester is busy.").waitFor();
});

test("a plan that does not exist is a warning", async ({ page, open }) => {
  await open("policy");
  const policy = { rules: [{ match: "GET /", auth: "none", limit_by: "ip", plan: "no-such-plan" }] };
  await editor(page, "Policy in force").fill(JSON.stringify(policy));
  await checked(page, "1 warning");
  await page.getByText(/no-such-plan does not exist/).waitFor();
});

test("a token is explained, and forgotten on leaving", async ({ page, open, gateway, axe }) => {
  const accepted = await gateway.token("--plan", "pro");
  await open("policy");
  await requests(page).fill("GET /orders");
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await token(page).fill(`Bearer ${accepted}`);
  await page.getByRole("button", { name: "Explain the token" }).click();
  await page.getByText("The token is accepted").waitFor();
  const table = page.getByRole("table", { name: "Checks of the token" });
  assert.ok((await table.getByText("passed").count()) > 3);
  await table.getByText(/GET \/orders/).waitFor();
  await axe();

  assert.ok(asked.every((url) => !url.includes(accepted.slice(0, 20))), "the token is in no address");
  assert.ok(!page.url().includes(accepted.slice(0, 20)));
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Plans" }).click();
  await page.getByRole("heading", { level: 1, name: "Plans" }).waitFor();
  await page.goBack();
  await token(page).waitFor();
  assert.equal(await token(page).inputValue(), "");
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!stored.includes(accepted.slice(0, 20)));
});

test("a valid token is accepted although a request is refused", async ({ page, open, gateway }) => {
  const valid = await gateway.token("--plan", "pro");
  await open("policy");
  await requests(page).fill("GET /orders\nFOO /orders");
  await token(page).fill(valid);
  await page.getByRole("button", { name: "Explain the token" }).click();
  await page.getByText("The token is valid, but 1 of 2 requests is refused").waitFor();
});

test("a token that is refused names the failed check", async ({ page, open, allowErrors }) => {
  allowErrors(/status of 400/);
  await open("policy");
  await token(page).fill(UNSIGNED);
  await page.getByRole("button", { name: "Explain the token" }).click();
  await page.getByRole("alert").getByText("The token is refused").waitFor();
  const table = page.getByRole("table", { name: "Checks of the token" });
  await table.getByText("failed").first().waitFor();

  await page.getByRole("button", { name: "Clear" }).click();
  assert.equal(await token(page).inputValue(), "");
  assert.equal(await table.count(), 0);
  await token(page).fill("two words");
  await page.keyboard.press("Enter");
  await page.getByText("The token could not be explained").waitFor();

  const masked = () => token(page).evaluate((field) => getComputedStyle(field).webkitTextSecurity);
  assert.equal(await masked(), "disc");
  await page.getByLabel("Show the token").check();
  assert.equal(await masked(), "none");
});

test("a tested text becomes a policy of the registry", async ({ page, open, gateway, allowErrors }) => {
  allowErrors(/status of 412/);
  await gateway.admin("PUT", "/policies/taken", ANY);
  await open("policy");
  await editor(page, "Policy in force").fill(JSON.stringify(RULES));
  await page.getByRole("button", { name: "Save in the registry as …" }).click();
  await page.getByRole("heading", { level: 1, name: /New policy/ }).waitFor();
  assert.deepEqual(JSON.parse(await editor(page).inputValue()), RULES);

  const create = page.getByRole("button", { name: "Create the policy" });
  await create.click();
  await page.getByText("Enter a name.").waitFor();
  await eventually(() => page.getByLabel("Name").evaluate((field) => field === document.activeElement));
  await page.getByLabel("Name").fill("taken");
  await create.click();
  await page.getByText("This name exists already.").waitFor();
  await page.getByLabel("Name").fill("tested");
  await create.click();
  await page.getByText("The policy tested is created.").waitFor();
  await page.reload();
  await checked(page, "Valid");
  assert.equal(await page.getByText("The policy tested is created.").count(), 0, "a reload creates nothing");
  assert.deepEqual(await gateway.admin("GET", "/policies/tested"), RULES);
});

test("a policy with mistakes cannot be created", async ({ page, open, axe }) => {
  await open("policy/+new");
  await page.getByLabel("Name").fill("broken");
  await editor(page).fill('{\n  "rules": [\n    { "match": "GET /", "auth": "jwt" }\n  ]\n}');
  await checked(page, "1 mistake");
  assert.ok(await page.getByRole("button", { name: "Create the policy" }).isDisabled());
  await page.getByRole("button", { name: /^Line 3/ }).waitFor();
  await axe();
});

test("a policy is changed and saved", async (fixture) => {
  const { page, gateway } = fixture;
  await openPolicy(fixture, "edited");
  await editor(page).fill(JSON.stringify(RULES));
  await save(page).click();
  await page.getByText("The policy edited is saved.").waitFor();
  await page.getByText("Saved.", { exact: true }).waitFor();
  assert.deepEqual(await gateway.admin("GET", "/policies/edited"), RULES);
});

test("a policy that changed in the meantime is shown side by side", async (fixture) => {
  const { page, gateway, allowErrors, axe } = fixture;
  allowErrors(/status of 412/);
  await openPolicy(fixture, "contested");
  await editor(page).fill(JSON.stringify({ rules: [{ match: "ANY /{proxy+}", auth: "api_key" }] }));
  await gateway.admin("PUT", "/policies/contested", RULES);
  await save(page).click();
  await page.getByRole("heading", { name: "The policy contested has changed in the meantime" }).waitFor();
  await axe();
  await page.getByRole("button", { name: /^Keep mine/ }).click();
  await page.getByText("The policy contested is saved.").waitFor();
  assert.equal((await gateway.admin("GET", "/policies/contested")).rules.length, 1);
});

test("a candidate is written, compared and promoted", async (fixture) => {
  const { page, gateway, axe } = fixture;
  await openPolicy(fixture, "staged");
  await editor(page).fill(JSON.stringify(RULES, undefined, 2));
  await page.getByRole("button", { name: "Edit a copy as the candidate" }).click();
  await page.getByText("There is no candidate yet").waitFor();
  assert.deepEqual(JSON.parse(await editor(page, "Candidate").inputValue()), RULES);
  await save(page, "Save the candidate").click();
  await page.getByText("The candidate is saved.").waitFor();
  assert.deepEqual(await gateway.admin("GET", "/policies/staged/candidate"), RULES);
  assert.deepEqual(await gateway.admin("GET", "/policies/staged"), ANY, "the policy is not changed");

  const table = page.getByRole("table", { name: "The policy and its candidate" });
  assert.ok((await table.locator("tr.changed, tr.right").count()) > 0);
  await requests(page).fill("GET /orders\nGET /a/../b");
  const rows = await eventually(() => decisionTexts(page), (texts) => texts.length === 2);
  assert.match(rows[0], /API key.*differs The policy decides: .*any kind/);
  assert.match(rows[1], /The policy requires the same\./);
  await axe();

  // The unsaved text of the policy is dropped with the promotion.
  await page.getByRole("button", { name: "Promote" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The unsaved changes of the policy are discarded.").waitFor();
  const changed = dialog.getByRole("table", { name: "What the promotion changes" }).locator("tr.changed, tr.right");
  await changed.filter({ hasText: "GET /health" }).waitFor();
  await axe();
  await dialog.getByRole("button", { name: "Promote" }).click();
  await page.getByText("The candidate is now the policy staged.").waitFor();
  assert.deepEqual(await gateway.admin("GET", "/policies/staged"), RULES);
  await page.getByRole("link", { name: "Candidate (none)" }).waitFor();
});

test("a candidate with the same content in another format has no differences", async (fixture) => {
  const { page } = fixture;
  await openPolicy(fixture, "formatted", { policy: RULES, candidate: RULES });
  await candidateTab(page).click();
  await editor(page, "Candidate").fill(JSON.stringify(RULES));
  await page.getByText("Both versions have the same content.").waitFor();
});

test("a candidate that changed in the meantime is not promoted", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/status of 412/);
  await openPolicy(fixture, "moving", { candidate: RULES });
  await candidateTab(page).click();
  await gateway.admin("PUT", "/policies/moving/candidate", { rules: [] });
  await page.getByRole("button", { name: "Promote" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Promote" }).click();
  await dialog.getByRole("alert").waitFor();
  assert.deepEqual(await gateway.admin("GET", "/policies/moving"), ANY);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Delete the candidate" }).waitFor();
});

test("a candidate is deleted", async (fixture) => {
  const { page, gateway } = fixture;
  await openPolicy(fixture, "dropped", { candidate: RULES });
  await candidateTab(page).click();
  await page.getByRole("button", { name: "Delete the candidate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the candidate" }).click();
  await page.getByText("The candidate is deleted.").waitFor();
  await page.getByText("There is no candidate yet").waitFor();
  const { items } = await gateway.admin("GET", "/policies");
  assert.equal(items.find(({ name }) => name === "dropped").candidate, false);
});

test("the list shows candidates and deletes policies", async ({ page, open, gateway, axe }) => {
  await gateway.admin("PUT", "/policies/listed", ANY, { headers: { "x-tollgate-managed-by": "team-repo" } });
  await gateway.admin("PUT", "/policies/listed/candidate", RULES);
  await open("policy");
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "listed", exact: true }) });
  await row.getByText("managed by team-repo").waitFor();
  await row.getByRole("link", { name: "has a candidate" }).click();
  await editor(page, "Candidate").waitFor();
  await page.getByText("This policy is managed by team-repo").waitFor();

  await open("policy");
  await page.getByRole("button", { name: "Delete the policy listed" }).click();
  await axe();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the policy" }).click();
  await page.getByText("The policy listed is deleted.").waitFor();
  await eventually(() => row.count(), (count) => count === 0);
});

test("a registry without policies explains them", async ({ page, open, stub }) => {
  await stub("GET v1/policies", { json: { items: [], next_cursor: null } });
  await open("policy");
  await page.getByText("There are no policies in the registry").waitFor();
});

test("a policy that does not exist leads back to the list", async ({ page, open, allowErrors }) => {
  allowErrors(/status of 404/);
  await open("policy/unknown");
  await page.getByText("There is no policy unknown").waitFor();
  await page.getByRole("link", { name: "Show all policies" }).click();
  await page.getByRole("heading", { level: 1, name: "Policy", exact: true }).waitFor();
});

test("leaving with an unsaved policy asks first", async (fixture) => {
  const { page } = fixture;
  await openPolicy(fixture, "leaving");
  await editor(page).fill("{}");
  await candidateTab(page).click();
  await page.getByRole("link", { name: "Policy (not saved)" }).click();
  assert.equal(await editor(page).inputValue(), "{}", "the other version keeps the text");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Keys" }).click();
  await page.getByRole("dialog").getByText("The changes of the policy leaving are not saved.").waitFor();
});

test("a large policy stays editable", async (fixture) => {
  const { page } = fixture;
  const rules = Array.from({ length: 1_500 }, (_, index) => ({ match: `GET /path/${index}/{id}`, auth: "any" }));
  await openPolicy(fixture, "large", { policy: { rules } });
  const started = Date.now();
  await editor(page).press("Control+Home");
  await editor(page).press("ArrowRight");
  await editor(page).pressSequentially('\n  "clock_tolerance_s": 40,');
  assert.ok(Date.now() - started < 5_000, `typing took ${Date.now() - started} ms`);
  await checked(page, "Valid");
  await requests(page).fill("GET /path/1499/x");
  await page.getByRole("button", { name: "Show rules[1499] in the editor" }).click();
  const visible = await editor(page).evaluate((area) => area.scrollTop);
  assert.ok(visible > 10_000, `scrolled to ${visible}`);
});

test("a policy fits on a phone", { viewport: { width: 375, height: 700 } }, async (fixture) => {
  const { page, axe } = fixture;
  await openPolicy(fixture, "small", { policy: RULES, candidate: ANY });
  await requests(page).fill(`GET /${"long".repeat(60)}`);
  await settled(page);
  assert.deepEqual(await layoutProblems(page), []);
  await candidateTab(page).click();
  await page.getByRole("table", { name: "The policy and its candidate" }).waitFor();
  assert.deepEqual(await layoutProblems(page), []);
  await axe();
});
