// A text that one page hands to the next one, such as a policy that becomes a policy of the registry.

/** A policy to begin with: every request needs a credential. */
export const EXAMPLE = `{
  "rules": [
    { "match": "ANY /{proxy+}", "auth": "any" },
    { "match": "ANY /", "auth": "any" }
  ]
}`;

let draft;

/** Keeps a text for the next page. */
export function keepDraft(text) {
  draft = text;
}

/** Returns the text that was kept, once. */
export function takeDraft() {
  const text = draft;
  draft = undefined;
  return text;
}
