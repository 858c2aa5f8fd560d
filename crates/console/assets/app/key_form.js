// The fields of a key as they are edited, and the documents of the admin API.

const EMPTY = {
  id: "",
  name: "",
  description: "",
  plan: "",
  group: "",
  subject: "",
  prefix: "",
  expires_at: "",
  not_before: "",
  allowed_ips: "",
  scopes: "",
  metadata: [],
};

/** Returns the values of a form: empty, or those of a key. */
export function formOf(key) {
  if (!key) return { ...EMPTY };
  return {
    ...EMPTY,
    ...Object.fromEntries(["name", "description", "plan", "group", "subject"].map((name) => [name, key[name] ?? ""])),
    expires_at: localInput(key.expires_at),
    not_before: localInput(key.not_before),
    allowed_ips: (key.allowed_ips ?? []).join("\n"),
    scopes: (key.scopes ?? []).join("\n"),
    metadata: Object.entries(key.metadata ?? {}).map(([name, value]) => ({ name, value })),
  };
}

/** Returns an instant for an input of the kind `datetime-local`, in the viewer's zone. */
function localInput(instant) {
  if (!instant) return "";
  const date = new Date(instant);
  const part = (number, digits = 2) => String(number).padStart(digits, "0");
  const day = `${part(date.getFullYear(), 4)}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
  return `${day}T${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}`;
}

/** Returns the instant of such an input in UTC, or undefined. */
export function instantOf(text) {
  const date = new Date(text);
  return text === "" || Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(".000Z", "Z");
}

/** Returns the words of a text. Scopes may contain commas. */
function words(text, separator = /\s+/) {
  return text.split(separator).filter(Boolean);
}

function entries(rows) {
  const named = rows.filter(({ name, value }) => name !== "" || value !== "");
  // Without a prototype, so that an entry can have any name.
  return named.reduce(
    (all, { name, value }) => Object.defineProperty(all, name, { value, enumerable: true, configurable: true }),
    {},
  );
}

/** Returns the fields of a form as the admin API has them. Empty fields are undefined. */
function documentOf(form) {
  const text = (name) => (form[name] === "" ? undefined : form[name]);
  const list = (items) => (items.length === 0 ? undefined : items);
  const metadata = entries(form.metadata);
  return {
    name: text("name"),
    description: text("description"),
    plan: text("plan"),
    group: text("group"),
    subject: text("subject"),
    prefix: text("prefix"),
    expires_at: instantOf(form.expires_at),
    not_before: instantOf(form.not_before),
    allowed_ips: list(words(form.allowed_ips, /[\s,]+/)),
    scopes: list(words(form.scopes)),
    metadata: Object.keys(metadata).length === 0 ? undefined : metadata,
  };
}

/** Returns the document that creates a key. */
export function newKeyOf(form) {
  return Object.fromEntries(Object.entries(documentOf(form)).filter(([, value]) => value !== undefined));
}

/** Returns the JSON merge patch from one form to another. It is empty if nothing was changed. */
export function patchOf(before, after) {
  const [old, now] = [documentOf(before), documentOf(after)];
  const patch = {};
  for (const name of Object.keys(now)) {
    if (name === "metadata" || name === "prefix" || JSON.stringify(old[name]) === JSON.stringify(now[name])) continue;
    patch[name] = now[name] ?? null;
  }
  const metadata = metadataPatch(old.metadata ?? {}, now.metadata ?? {});
  return Object.keys(metadata).length > 0 ? { ...patch, metadata } : patch;
}

function metadataPatch(old, now) {
  const removed = Object.keys(old)
    .filter((name) => !Object.hasOwn(now, name))
    .map((name) => ({ name, value: null }));
  const set = Object.keys(now).filter((name) => !Object.hasOwn(old, name) || old[name] !== now[name]);
  const rows = [...removed, ...set.map((name) => ({ name, value: now[name] }))];
  return rows.reduce(
    (all, { name, value }) => Object.defineProperty(all, name, { value, enumerable: true, configurable: true }),
    {},
  );
}

/**
 * Returns the form of a stored key with the changes of the operator: the fields, and the entries of the metadata, in
 * which `mine` differs from `before`.
 */
export function mergedForm(before, mine, stored) {
  const merged = { ...stored };
  for (const name of Object.keys(EMPTY)) {
    if (name !== "metadata" && mine[name] !== before[name]) merged[name] = mine[name];
  }
  const patch = metadataPatch(entries(before.metadata), entries(mine.metadata));
  const kept = stored.metadata.filter(({ name }) => !Object.hasOwn(patch, name));
  const set = mine.metadata.filter(({ name }) => Object.hasOwn(patch, name));
  return { ...merged, metadata: [...kept, ...set] };
}

/** Returns the mistakes of a form that the page sees itself, by field. With `isNew`, those of a new key too. */
export function formMistakes(form, { plans, isNew = false, now = Date.now() } = {}) {
  const mistakes = {};
  const expiry = instantOf(form.expires_at);
  if (isNew && expiry && Date.parse(expiry) <= now) mistakes.expires_at = "This time is in the past.";
  if (form.plan === "")
    mistakes.plan = plans?.size === 0 ? "There are no plans yet. Create a plan first." : "Choose a plan.";
  if (form.id !== "" && !/^[a-z0-9_-]{2,64}$/.test(form.id)) {
    mistakes.id = "Use 2 to 64 lower-case letters, digits, _ and -.";
  }
  const names = form.metadata.map(({ name }) => name);
  if (form.metadata.some(({ name, value }) => name === "" && value !== ""))
    mistakes.metadata = "Each entry needs a name.";
  else if (new Set(names).size !== names.length) mistakes.metadata = "Each name can be used once.";
  return mistakes;
}

/** Returns the mistakes of a response by field, and those without a field. */
export function responseMistakes(error) {
  const fields = {};
  const others = [];
  for (const mistake of error?.errors ?? []) {
    const [, name, entry] = /^\/([a-z_]+)(?:\/(.+))?/.exec(mistake.pointer ?? "") ?? [];
    if (name === undefined || !(name in EMPTY)) others.push(mistake);
    else fields[name] = [...(fields[name] ?? []), sentence(mistake.detail, entry)];
  }
  const texts = Object.entries(fields).map(([name, sentences]) => [name, sentences.join(" ")]);
  return { fields: Object.fromEntries(texts), others };
}

/** Returns a detail of the API as a sentence for a field. Entries of a list are named by their line. */
function sentence(detail, entry) {
  const text = detail.replaceAll("`", "");
  const place = entry === undefined ? "" : /^\d+$/.test(entry) ? `Line ${Number(entry) + 1}: ` : `${entry}: `;
  const first = place === "" ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return `${place}${first}${/[.!?]$/.test(text) ? "" : "."}`;
}
