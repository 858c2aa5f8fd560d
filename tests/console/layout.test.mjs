// Every page on small screens, enlarged, without colours of its own, without motion, and by keyboard.

import assert from "node:assert/strict";

import { consoleTests } from "./harness.mjs";
import { fill, layoutProblems, PAGES, SEEDS, settled } from "./pages.mjs";

const test = consoleTests({ seeds: SEEDS, setUp: fill });

/** The smallest side of a control that a finger can press, in CSS pixels (WCAG 2.2, target size). */
const MIN_TARGET_PX = 24;

const PHONE = { viewport: { width: 375, height: 667 }, hasTouch: true };
/** A window of 1280 px at 200 %. */
const ENLARGED = { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 };

for (const { path, title } of PAGES) {
  test(`${path} is accessible in both colour schemes`, async ({ page, open, axe }) => {
    await open(path);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
    await settled(page);
    await axe();
  });

  test(`${path} fits on a phone`, PHONE, async ({ page, open, axe }) => {
    await open(path);
    await settled(page);
    assert.deepEqual(await layoutProblems(page), []);
    assert.deepEqual(await smallTargets(page), []);
    await axe();
  });

  test(`${path} fits at twice the size`, ENLARGED, async ({ page, open }) => {
    await open(path);
    await settled(page);
    assert.deepEqual(await layoutProblems(page), []);
  });

  test(`${path} does not move if motion is reduced`, { reducedMotion: "reduce" }, async ({ page, open }) => {
    await open(path);
    await settled(page);
    const running = await page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === "running").length);
    assert.equal(running, 0);
  });

  test(`${path} shows its controls in forced colours`, { forcedColors: "active" }, async ({ page, open }) => {
    await open(path);
    await settled(page);
    assert.deepEqual(await page.evaluate(controlsWithoutBorder), []);
  });

  test(`${path} shows the focus on each control`, async ({ page, open }) => {
    await open(path);
    await settled(page);
    assert.deepEqual(await controlsWithoutFocus(page), []);
  });
}

/** Returns the controls that are too small. Links within a text may be. */
function smallTargets(page) {
  return page.evaluate((least) => {
    const isSmall = (box) => box.width > 0 && (box.width < least || box.height < least);
    const isInText = (element) => element.tagName === "A" && getComputedStyle(element).display === "inline";
    return [...document.querySelectorAll("a, button, input, select, textarea, summary")]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !isInText(element))
      .filter((element) => !element.closest(".visually-hidden, .skip"))
      .filter((element) => isSmall(targetOf(element)))
      .map((element) => `${element.outerHTML.slice(0, 120)} ${element.getBoundingClientRect().width}x${element.getBoundingClientRect().height}`);

    /** The label of a checkbox can be pressed too. */
    function targetOf(element) {
      const boxes = [element, ...(element.labels ?? [])].map((one) => one.getBoundingClientRect());
      return boxes.reduce((a, b) => ({ width: Math.max(a.width, b.width), height: Math.max(a.height, b.height) }));
    }
  }, MIN_TARGET_PX);
}

/** Returns the buttons and fields that cannot be seen without a background. */
function controlsWithoutBorder() {
  const fields = ".button:not(.quiet), input:not([type=checkbox]):not([type=radio]), select, textarea";
  return [...document.querySelectorAll(fields)]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => {
      const { borderTopStyle, borderTopWidth } = getComputedStyle(element);
      return borderTopStyle === "none" || borderTopWidth === "0px";
    })
    .map((element) => element.outerHTML.slice(0, 120));
}

/** Presses Tab through the page, and returns the controls whose focus cannot be seen. */
async function controlsWithoutFocus(page) {
  const invisible = [];
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return undefined;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const hasOutline = outlineStyle !== "none" && outlineWidth !== "0px";
      return { text: element.outerHTML.slice(0, 120), isVisible: hasOutline || boxShadow !== "none" };
    });
    if (!state) break;
    if (!state.isVisible) invisible.push(state.text);
  }
  return invisible;
}
