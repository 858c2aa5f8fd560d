// The pages by the first segment of their address.

import { ApiReference } from "../pages/api_reference.js";
import { Audit } from "../pages/audit.js";
import { Checks } from "../pages/checks.js";
import { KeyDetails } from "../pages/key_details.js";
import { Keys } from "../pages/keys.js";
import { Overview } from "../pages/overview.js";
import { Plans } from "../pages/plans.js";
import { Policy } from "../pages/policy.js";
import { Usage } from "../pages/usage.js";

/**
 * The entries of the navigation, in order. The first is the start page. A page with `keepsState` stays the same
 * component for all of its objects.
 */
export const PAGES = [
  { segment: "overview", title: "Overview", component: Overview },
  { segment: "keys", title: "Keys", component: Keys, details: KeyDetails },
  { segment: "plans", title: "Plans", component: Plans },
  { segment: "policy", title: "Policy", component: Policy },
  { segment: "usage", title: "Usage", component: Usage },
  { segment: "audit", title: "Audit", component: Audit },
  { segment: "checks", title: "Checks", component: Checks },
  { segment: "api", title: "API reference", component: ApiReference, keepsState: true },
];

/** Returns the page of a route, with its component: the list, or the details of one object. */
export function pageOf(route) {
  const [segment = PAGES[0].segment, object] = route.segments;
  const page = PAGES.find((candidate) => candidate.segment === segment);
  if (!page) return undefined;
  const component = object !== undefined && page.details ? page.details : page.component;
  return { ...page, component, object };
}
