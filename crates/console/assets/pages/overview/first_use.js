// The way to the first call, while there were no requests.

import { admin } from "../../app/api.js";
import { callWithKey } from "../../app/example_call.js";
import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { NEW } from "../../app/new_document.js";
import { useResource } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { CopyButton } from "../../components/copy_button.js";

/** In place of a secret, which the console cannot know. */
const SECRET = "KEY";

/** Shows the steps to a first call. */
export function FirstUse({ target, range }) {
  const command = callWithKey(target, SECRET);
  const delay = target.kind === "local" ? "two seconds" : "a few minutes";
  return html`
    <section class="first-use" aria-labelledby="first-use">
      <h2 id="first-use">No requests in the last ${range.title}</h2>
      <p>Requests to the API appear here within ${delay}. To send one:</p>
      <ol>
        <li>
          <strong>Create a plan.</strong> It says how many calls a caller may make.
          ${" "}<${Existing} list="plans" noun="plan" />
          <div><a class="button" href=${href(["plans", NEW])}>Create a plan</a></div>
        </li>
        <li>
          <strong>Create a key</strong> for one caller. Its secret is shown once.
          ${" "}<${Existing} list="keys" noun="key" />
          <div><a class="button primary" href=${href(["keys"], { create: "1" })}>Create a key</a></div>
        </li>
        <li>
          <strong>Call the API</strong> with the secret in place of <code>${SECRET}</code>:
          <div class="command"><code>${command}</code> <${CopyButton} text=${command} /></div>
        </li>
      </ol>
    </section>`;
}

const SHOWN = 3;

/** Names objects that exist already. Without a permission to read them, it shows nothing. */
function Existing({ list, noun }) {
  const load = async (signal) => (await admin.get(`/${list}?limit=${SHOWN + 1}`, { signal })).data.items;
  const { data } = useResource(list, load);
  if (!data || data.length === 0) return null;
  if (data.length > SHOWN) return html`<span>There are more than ${count(SHOWN)} ${noun}s already.</span>`;

  const names = data.map(({ name, key_id: keyId }) => keyId ?? name);
  const exist = names.length === 1 ? `One ${noun} exists` : `${count(names.length)} ${noun}s exist`;
  const links = names.map((name, index) => html`${index > 0 ? ", " : ""}<a href=${href([list, name])}>${name}</a>`);
  return html`<span>${exist} already: ${links}.</span>`;
}
