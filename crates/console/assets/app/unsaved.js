// Changes that are not saved yet. Leaving the page asks first.

import { useLayoutEffect, useRef } from "./html.js";

/** The descriptions of unsaved changes, by the component that has them. */
const unsaved = new Map();

/**
 * Protects changes that are not saved: before the operator leaves the page, a dialog asks whether to discard them.
 * Changes of the address within the same page and object do not ask.
 *
 *     const release = useUnsavedChanges(text !== saved, "The changes of plan gold are not saved.");
 *     const save = useAction(async () => {
 *       await admin.put(…);
 *       release();
 *       navigate(["plans"]);
 *     });
 *
 * @param {boolean} isChanged true if there is something to lose
 * @param {string} description a sentence for the dialog
 * @returns {() => void} ends the protection at once, for navigation directly after saving
 */
export function useUnsavedChanges(isChanged, description = "The changes on this page are not saved.") {
  const owner = useRef({});
  useLayoutEffect(() => {
    if (!isChanged) return undefined;
    add(owner.current, description);
    return () => remove(owner.current);
  }, [isChanged, description]);
  return useRef(() => remove(owner.current)).current;
}

/** Returns the description of unsaved changes, or undefined. */
export function unsavedChanges() {
  return unsaved.values().next().value;
}

/** Forgets all unsaved changes, after the operator has decided to discard them. */
export function discardChanges() {
  unsaved.clear();
  update();
}

function add(owner, description) {
  unsaved.set(owner, description);
  update();
}

function remove(owner) {
  unsaved.delete(owner);
  update();
}

/** Closing or reloading the tab asks too, but only while there are changes: the listener makes pages slower. */
function update() {
  if (unsaved.size > 0) window.addEventListener("beforeunload", askBrowser);
  else window.removeEventListener("beforeunload", askBrowser);
}

function askBrowser(event) {
  event.preventDefault();
}
