// A document of the admin API that the operator edits: its text, the stored version, and conflicts.

import { admin } from "./api.js";
import { ApiError, KIND } from "./api_error.js";
import { useState } from "./html.js";
import { formatJson } from "./json_text.js";
import { useAction } from "./resource.js";

/** Returns a stored document: its text for readers, its version, and the program that manages it. */
export async function readDocument(path, signal) {
  const response = await admin.raw("GET", path, { signal });
  return {
    text: formatJson(await response.json()),
    etag: response.headers.get("etag"),
    managedBy: response.headers.get("x-tollgate-managed-by") ?? undefined,
  };
}

/** Returns a stored document, or undefined if it does not exist. */
async function readIfPresent(path) {
  try {
    return await readDocument(path);
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
}

/** Stores a text. Without a version, it only creates the document. */
async function write(path, text, etag) {
  const headers = etag ? { "if-match": etag } : { "if-none-match": "*" };
  const response = await admin.raw("PUT", path, { text, headers });
  const { warnings = [] } = await response.json();
  return { etag: response.headers.get("etag"), warnings };
}

/**
 * Edits a document. After a response with status 412, `conflict` has the stored version.
 *
 * @param {string} path such as `/plans/free`
 * @param {{text: string, etag?: string, managedBy?: string} | undefined} stored undefined for a new document
 * @param {{initialText?: string, isNamed?: boolean, onSaved?: (saved: {isNew: boolean, warnings: object[]}) => void,
 *   onGone?: () => void}} options `isNamed` is true if the operator chooses the name of a new document. `onGone` is
 *   called if the operator accepts that the document was deleted
 */
export function useDocument(path, stored, { initialText = "{}", isNamed = false, onSaved, onGone } = {}) {
  const [base, setBase] = useState(stored);
  const [text, setText] = useState(stored?.text ?? initialText);
  const [conflict, setConflict] = useState(undefined);
  const [isSaved, setIsSaved] = useState(false);

  const store = async (etag) => {
    try {
      const { etag: newEtag, warnings } = await write(path, text, etag);
      setBase({ ...base, text, etag: newEtag });
      setConflict(undefined);
      setIsSaved(true);
      onSaved?.({ isNew: !etag, warnings });
    } catch (error) {
      if (error.kind !== KIND.changed) throw error;
      if (isNamed) throw new ApiError(KIND.invalid, "This name exists already. Choose another one.", { status: 409 });
      setConflict({ theirs: await readIfPresent(path) });
    }
  };
  const save = useAction(() => store(base?.etag));
  const keep = useAction(() => store(conflict?.theirs?.etag));

  const accept = (isTheirs) => {
    const { theirs } = conflict;
    setConflict(undefined);
    setIsSaved(false);
    if (isTheirs && !theirs) return onGone?.();
    setBase(theirs);
    if (isTheirs) setText(theirs.text);
    return undefined;
  };
  return {
    text,
    setText,
    base,
    isChanged: text !== (base?.text ?? initialText),
    /** True if the stored version is one that was saved here. */
    isSaved,
    save,
    /** Sets the text to the stored version. */
    discard: () => setText(base?.text ?? initialText),
    conflict: conflict && {
      theirs: conflict.theirs?.text,
      keep,
      take: () => accept(true),
      edit: () => accept(false),
    },
  };
}
