// Activity of the operator. Only requests that follow it extend a session: a page that updates itself does
// not keep it open.

const EVENTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
const HEADER = "x-tollgate-console-idle";
const CHECK_INTERVAL_MS = 15_000;

let lastActivity = Date.now();
/** The latest activity that a request has reported. */
let reported = lastActivity;
let isWatching = false;

function onActivity(event) {
  if (event.isTrusted) lastActivity = Date.now();
}

/** Returns the headers of a request, which report whether the operator was active since the last one. */
export function activityHeaders() {
  if (!isWatching) return {};
  const isActive = lastActivity > reported;
  reported = lastActivity;
  return isActive ? {} : { [HEADER]: "1" };
}

/**
 * Watches the operator until the session ends.
 *
 * @param {number} idleMs the time without activity after which the session ends
 * @param {{extend: () => void, end: () => void}} actions `extend` sends a request while the operator is
 *   active on a page that sends none
 */
export function watchActivity(idleMs, { extend, end }) {
  isWatching = true;
  for (const name of EVENTS) window.addEventListener(name, onActivity, { passive: true, capture: true });

  const timer = setInterval(check, CHECK_INTERVAL_MS);
  function check() {
    if (Date.now() - lastActivity >= idleMs) {
      clearInterval(timer);
      end();
    } else if (lastActivity > reported) {
      extend();
    }
  }
  // Timers stop while the machine sleeps or the page is hidden.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) check();
  });
}
